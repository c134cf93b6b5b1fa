"""The README is short, tools find their marks, and moved modules are where the table of moves says."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
_ROOTS = {"epitaxy": ROOT / "services", "epitaxy_models": ROOT / "models"}


def test_the_readme_can_be_read_in_minutes() -> None:
    assert len((ROOT / "README.md").read_text().split()) < 900


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("README.md", "bench"),
        ("docs/performance.md", "bench"),
        ("docs/performance.md", "training"),
        ("docs/performance.md", "growth"),
        ("docs/architecture.md", "structure"),
    ],
)
def test_tools_find_their_marks(page: str, name: str) -> None:
    text = (ROOT / page).read_text()
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    assert text.count(begin) == text.count(end) == 1
    assert text.index(begin) < text.index(end)


def moves() -> dict[str, str]:
    """Old and new names of modules, by the table of ADR 18."""
    text = (ROOT / "docs/adr/0018-rooms.md").read_text()
    table = text.partition("| old | new |")[2].partition("\n\n")[0]
    return dict(re.findall(r"^\| `([\w.]+)` \| `([\w.]+)` \|$", table, re.MULTILINE))


def _folder(module: str) -> Path:
    return _ROOTS[module.partition(".")[0]] / module.replace(".", "/")


def is_module(module: str) -> bool:
    """Whether a file or a package of that name exists."""
    return _folder(module).with_suffix(".py").is_file() or (_folder(module) / "__init__.py").is_file()


def test_the_table_of_moves_is_read() -> None:
    assert len(moves()) > 100
    assert moves()["epitaxy.prediction.backend"] == "epitaxy.prediction.servicer"


def test_moved_modules_are_at_their_new_names() -> None:
    assert [new for new in moves().values() if not is_module(new)] == []


def test_old_names_are_gone() -> None:
    """An old name that still exists is the room of that name, or the new name of another module."""
    new_names = set(moves().values())
    left = [old for old in moves() if _folder(old).with_suffix(".py").is_file() and old not in new_names]
    assert left == []
