"""The table old name -> new name of an ADR, and traces of old names in the repository."""

import re
from collections.abc import Iterator, Mapping
from importlib.machinery import PathFinder
from pathlib import Path

ROOT = Path(__file__).parents[3]
_SOURCE_ROOTS = {"epitaxy": ROOT / "services", "epitaxy_models": ROOT / "models"}
_ROW = re.compile(r"^\|\s*`?([a-z0-9_.]+)`?\s*\|\s*`?([a-z0-9_.]+)`?\s*\|\s*$", re.MULTILINE)
_SEARCHED = ("services", "models", "protos", "charts", "docs", "loadtest", "tests", "tools")
# History may speak of what was; this test has to.
_NOT_SEARCHED = (ROOT / "docs" / "adr", ROOT / "CHANGELOG.md", Path(__file__).parent)


def moves_in(text: str) -> dict[str, str]:
    """Old and new names of modules, from the rows of a Markdown table."""
    return {old: new for old, new in _ROW.findall(text) if old.partition(".")[0] in _SOURCE_ROOTS}


def vanished(moves: Mapping[str, str]) -> list[str]:
    """Old names that nothing has today; a name may have been given to another module, or to a package."""
    reused = {old for old in moves for new in moves.values() if new == old or new.startswith(f"{old}.")}
    return [old for old in moves if old not in reused]


def exists(module: str) -> bool:
    """Whether a module or package can be found. Imports nothing, since a package may need what is not installed."""
    root, *names = module.split(".")
    folders = [str(_SOURCE_ROOTS[root] / root)]
    for name in names:
        spec = PathFinder.find_spec(name, folders)
        if spec is None:
            return False
        folders = list(spec.submodule_search_locations or ())
    return True


def mentions(names: list[str]) -> Iterator[str]:
    """Lines of the repository, ADRs and the change log aside, that name one of these modules in any way."""
    pattern = _pattern(names)
    for path in _texts():
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="ignore").splitlines(), 1):
            if "epitaxy" in line:  # most lines name nothing of ours, and hundreds of names are slow to look for
                yield from (f"{path.relative_to(ROOT)}:{number}: {match[0]}" for match in pattern.finditer(line))


def _pattern(names: list[str]) -> re.Pattern[str]:
    """Matches ``a.b.c``, ``from a.b import c`` and ``a/b/c``, but no longer name that begins or ends alike."""
    ways = []
    for name in names:
        parent, _, last = name.rpartition(".")
        imported = rf"from {re.escape(parent)} import (?:\w+, )*{last}"
        ways += [rf"(?<!\.){re.escape(name)}", imported, name.replace(".", "/")]
    return re.compile(rf"(?<!\w)(?:{'|'.join(ways)})(?!\w)")


def _texts() -> Iterator[Path]:
    tops = [ROOT / name for name in _SEARCHED]
    files = [file for top in tops for file in top.rglob("*")] + [file for file in ROOT.iterdir() if file.is_file()]
    for file in files:
        is_left_out = any(file == place or place in file.parents for place in _NOT_SEARCHED)
        if file.is_file() and not is_left_out and "__pycache__" not in file.parts and file.stat().st_size < 1_000_000:
            yield file
