"""Writes the blocking client from the one for asyncio (`make generate`).

Every ``async_NAME.py`` below services/epitaxy/client has a generated twin ``NAME.py``, except for those in
``HAND_WRITTEN``, where threads and tasks differ in more than their keywords. unasync replaces the tokens, ruff sorts
imports and formats.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import unasync

ROOT = Path(__file__).resolve().parent.parent
CLIENT = Path("services/epitaxy/client")
HAND_WRITTEN = {Path("async_transport.py"), Path("screening/async_stream.py")}
HEADER = "# Generated from {source} by tools/generate_client.py: do not edit, run `make generate`.\n"
# What unasync does not know; it renames the dunder methods and the abstract classes of collections itself.
NAMES = {"aclose": "close", "aclosing": "closing", "anext": "next", "aiter": "iter"}
# `async for` with a `yield` inside becomes `yield from`, which ruff does not call safe: someone might send values in.
RUFF = (["check", "--fix-only", "--unsafe-fixes", "--select", "UP028"], ["check", "--fix-only"], ["format"])
# Sentences of docstrings that hold for one client only; one that is no longer there fails the generation.
PHRASES = {
    "async_client.py": {
        '"""The client for asyncio."""': '"""The blocking client."""',
        "from asyncio code; make it inside a running loop.": "from blocking code.",
        ", a time is not positive, or the client\n            is made outside of a running loop.": (
            ", or a time is not positive."
        ),
    }
}


def generate(target: Path) -> list[Path]:
    """Writes every twin below a folder that stands for the client's; returns their paths below it."""
    sources = list(_sources())
    with tempfile.TemporaryDirectory() as folder:
        texts = _without_async(sources, Path(folder))
    written = []
    for source, text in zip(sources, texts, strict=True):
        twin = source.with_name(source.name.removeprefix("async_"))
        path = target / twin
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_tidy(HEADER.format(source=source.name) + _reword(source, text), twin))
        written.append(twin)
    return written


def check() -> None:
    """Fails if a twin differs from what is generated now, or if a generated file has no source any more."""
    with tempfile.TemporaryDirectory() as folder:
        twins = generate(Path(folder))
        stale = [twin for twin in twins if _text(ROOT / CLIENT / twin) != _text(Path(folder) / twin)]
    kept = {path.relative_to(ROOT / CLIENT) for path in (ROOT / CLIENT).rglob("*.py") if _is_generated(path)}
    stale += sorted(kept - set(twins))
    if stale:
        sys.exit(f"differ from their async_ sources, run make generate: {', '.join(map(str, stale))}")


def _sources() -> Iterator[Path]:
    for path in sorted((ROOT / CLIENT).rglob("async_*.py")):
        if (source := path.relative_to(ROOT / CLIENT)) not in HAND_WRITTEN:
            yield source


def _without_async(sources: list[Path], folder: Path) -> list[str]:
    copies = [folder / "async" / source for source in sources]
    for source, copy in zip(sources, copies, strict=True):
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / CLIENT / source, copy)
    rule = unasync.Rule("/async/", "/blocking/", additional_replacements=_replacements(copies))
    unasync.unasync_files([str(copy) for copy in copies], [rule])
    return [(folder / "blocking" / source).read_text() for source in sources]


def _replacements(paths: list[Path]) -> dict[str, str]:
    """``AsyncClient`` becomes ``Client`` and ``async_calls`` becomes ``calls``: a prefix says all."""
    found = {name for path in paths for name in re.findall(r"\b(?:Async[A-Z]|async_)\w+", path.read_text())}
    return {name: re.sub(r"^(?:Async|async_)", "", name) for name in found} | NAMES


def _reword(source: Path, text: str) -> str:
    for phrase, other in PHRASES.get(source.as_posix(), {}).items():
        if phrase not in text:
            sys.exit(f"{source}: PHRASES names a sentence that is not there: {phrase}")
        text = text.replace(phrase, other)
    return text


def _tidy(text: str, twin: Path) -> str:
    for command in RUFF:
        arguments = [sys.executable, "-m", "ruff", *command, "--quiet", "--stdin-filename", str(CLIENT / twin), "-"]
        done = subprocess.run(arguments, input=text, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{twin}: {done.stderr or done.stdout}")
        text = done.stdout
    return text


def _is_generated(path: Path) -> bool:
    return _text(path).startswith(HEADER.partition("{")[0])


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        check()
    else:
        generate(ROOT / CLIENT)
