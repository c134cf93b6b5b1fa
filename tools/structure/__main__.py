"""``python -m tools.structure``: draws the structure into docs/architecture.md; ``--check`` only compares."""

import argparse
import sys
from pathlib import Path

from tools.structure.page import read_section, write_section
from tools.structure.picture import draw
from tools.structure.rooms import build_graph

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"


def main() -> int:
    """Returns the exit code: 1 if the committed picture is out of date."""
    parser = argparse.ArgumentParser(prog="python -m tools.structure", description="Draw rooms and imports.")
    parser.add_argument("--check", action="store_true", help="Only say whether the committed picture is up to date.")
    options = parser.parse_args()
    section = draw(build_graph())
    if not options.check:
        write_section(PAGE, section)
    elif read_section(PAGE) != section:
        sys.stderr.write(f"the picture in {PAGE.name} differs from the imports: run make structure\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
