"""``python -m tools.reference``: writes docs/reference; ``--check`` only compares."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.reference.client_page import draw_client
from tools.reference.command_page import draw_command
from tools.reference.surface import Surface

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "services"
PAGES = ROOT / "docs" / "reference"


def draw(sources: Path) -> dict[str, str]:
    """Returns the text of each page by its name."""
    return {"client.md": draw_client(Surface(sources)), "command.md": draw_command(sources)}


def stale(pages: Path, sources: Path) -> list[str]:
    """Names of pages that are absent or differ from what the sources say."""
    return [name for name, text in draw(sources).items() if _text(pages / name) != text]


def main(arguments: Sequence[str] | None = None, *, pages: Path = PAGES, sources: Path = SOURCES) -> int:
    """Returns the exit code: 1 if a committed page is out of date."""
    parser = argparse.ArgumentParser(prog="python -m tools.reference", description="Write the reference pages.")
    parser.add_argument("--check", action="store_true", help="Only say whether the committed pages are up to date.")
    if parser.parse_args(arguments).check:
        differing = stale(pages, sources)
        if differing:
            sys.stderr.write(f"docs/reference: {', '.join(differing)} out of date: run make reference\n")
        return int(bool(differing))
    pages.mkdir(parents=True, exist_ok=True)
    for name, text in draw(sources).items():
        (pages / name).write_text(text, encoding="utf-8")
    return 0


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
