"""Help as a newcomer reads it: every command and option is explained, in sentences that fit a terminal."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from epitaxy.cli.app import app

COLUMNS = 80


def commands(command: Any, names: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """All commands with the words that call them."""
    yield names, command
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, (*names, name))


ALL = dict(commands(typer.main.get_command(app)))
assert len(ALL) > 25, "the commands are found"


@pytest.mark.parametrize("names", ALL, ids=" ".join)
def test_help_fits_a_terminal_of_80_columns(names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    shown = CliRunner().invoke(app, [*names, "--help"])
    assert shown.exit_code == 0
    assert [line for line in shown.output.splitlines() if len(line) > COLUMNS] == []
    listed = shown.output.partition("Commands:")[2].splitlines()
    assert [line for line in listed if line.endswith("...")] == [], "the first sentence is too long for the list"


@pytest.mark.parametrize("names", ALL, ids=" ".join)
def test_every_command_and_option_is_explained(names: tuple[str, ...]) -> None:
    command = ALL[names]
    texts = [command.help, *(getattr(parameter, "help", None) for parameter in command.params)]
    assert all(texts), [parameter.name for parameter in command.params if not getattr(parameter, "help", None)]
    for text in filter(None, texts):
        assert text[0].isupper(), text
        # The address of the server ends with its default, in brackets.
        assert text.rstrip().endswith((".", "...", "].")), text
        assert not text.startswith(("Of ", "That ")), f"not a sentence of its own: {text}"
        assert "left out" not in text or "where" not in text, f"defaults are shown as defaults: {text}"


def test_help_loads_nothing_of_a_server() -> None:
    program = "import sys, epitaxy.cli.app; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    own = {"epitaxy.stack", "epitaxy.pretraining", "epitaxy.datasets", "epitaxy.prediction", "epitaxy_models"}
    foreign = {"torch", "ray", "pymatgen", "mlflow", "redis", "pandas", "pyarrow", "numba"}
    assert "epitaxy.cli.data.commands" in loaded
    assert loaded & (own | foreign) == set()
