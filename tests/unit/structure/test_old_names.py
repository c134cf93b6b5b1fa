"""The table of ADR 18: what moved is gone from its old place, and nothing speaks of it any more."""

from pathlib import Path

import pytest
from old_names import ROOT, exists, mentions, moves_in, vanished

ADR = ROOT / "docs" / "adr" / "0018-rooms.md"
TABLE = """
| old | new |
|---|---|
| `epitaxy.cli.screen` | `epitaxy.cli.screen.command` |
| `epitaxy.cli.journal` | `epitaxy.cli.screen.journal` |
| epitaxy_models.errors | epitaxy_models.errors |
| some text | more text |
"""


@pytest.fixture(scope="module")
def moves() -> dict[str, str]:
    found = moves_in(ADR.read_text(encoding="utf-8"))
    assert len(found) > 100, "the table is there, and in the form that is read here"
    return found


def test_new_names_exist(moves: dict[str, str]) -> None:
    assert [new for new in moves.values() if not exists(new)] == []


def test_old_names_are_gone(moves: dict[str, str]) -> None:
    assert [old for old in vanished(moves) if exists(old)] == []


def test_nothing_mentions_an_old_name(moves: dict[str, str]) -> None:
    assert list(mentions(vanished(moves))) == []


def test_names_are_read_from_the_rows_of_a_table() -> None:
    moves = moves_in(TABLE)
    assert moves == {
        "epitaxy.cli.screen": "epitaxy.cli.screen.command",
        "epitaxy.cli.journal": "epitaxy.cli.screen.journal",
        "epitaxy_models.errors": "epitaxy_models.errors",
    }
    assert vanished(moves) == ["epitaxy.cli.journal"], "a name that was given again is not gone"


def test_modules_are_found_without_importing_them() -> None:
    assert exists("epitaxy.cli.screen.journal")
    assert exists("epitaxy_models.transfer")
    assert not exists("epitaxy.cli.journal")
    assert not exists("epitaxy.cli.app.anything")


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        ("import epitaxy.cli.outcome\n", True),
        ("from epitaxy.cli import inputs, outcome\n", True),
        ("[summary](../services/epitaxy/cli/outcome.py)", True),
        ("see services/epitaxy/cli/outcome.py", True),
        ("see `epitaxy/cli/outcome`", True),
        ("from epitaxy.cli.outcomes import x\n", False),
        ("from epitaxy.cli.screen.outcome import x\n", False),
    ],
)
def test_old_names_are_seen_in_code_and_text(
    text: str, is_named: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("old_names.ROOT", tmp_path)
    (tmp_path / "page.md").write_text(text)
    assert bool(list(mentions(["epitaxy.cli.outcome"]))) == is_named
