"""The reference pages say what docstrings and help texts say, of everything that a caller may use."""

import inspect
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from epitaxy import client
from epitaxy.cli import exit_codes
from epitaxy.cli.app import app

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT))  # tools

from tools.reference.__main__ import PAGES, SOURCES, main  # noqa: E402 - needs the path above

CLIENT_PAGE = (PAGES / "client.md").read_text(encoding="utf-8")
COMMAND_PAGE = (PAGES / "command.md").read_text(encoding="utf-8")


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A copy of the sources that the pages are drawn from."""
    for part in ("__init__.py", "client", "tables", "cli"):
        source, copy = SOURCES / "epitaxy" / part, tmp_path / "sources" / "epitaxy" / part
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, copy)
    return tmp_path / "sources"


def commands(command: Any, path: str) -> list[tuple[str, Any]]:
    """All commands with their full names, groups included."""
    inner = getattr(command, "commands", {}).items()
    return [(path, command), *(found for name, each in inner for found in commands(each, f"{path} {name}"))]


def public_members() -> list[str]:
    """Headings of the methods that importing the client shows, for classes of blocking code."""
    shown = [getattr(client, name) for name in client.__all__ if not name.startswith("Async")]
    return [
        f"{each.__name__}.{name}"
        for each in shown
        if inspect.isclass(each)
        for name, _ in inspect.getmembers(each, callable)
        if not name.startswith("_") and name not in dir(Exception)
    ]


def section_of(page: str, heading: str) -> str:
    """Text below a heading, to the next heading of any level."""
    _, found, rest = page.partition(f"\n{heading}\n")
    assert found, f"no heading {heading!r}"
    return rest.partition("\n#")[0]


def test_the_committed_pages_are_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the terminal and the caller's settings are."""
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("EPITAXY_TARGET", "other:1")
    assert main(["--check"]) == 0


def test_every_public_name_has_a_section() -> None:
    for name in client.__all__:
        level = "###" if name.startswith("Async") else "##"
        assert section_of(CLIENT_PAGE, f"{level} {name}").strip()


@pytest.mark.parametrize("member", public_members())
def test_every_public_method_has_a_section(member: str) -> None:
    name = member.rpartition(".")[2]
    assert f"```python\n{name}(" in section_of(CLIENT_PAGE, f"### {member}")


def test_inherited_methods_are_found() -> None:
    """A list that lacks them would let everything pass."""
    assert {"Client.screen", "Client.finetune", "Client.promote_model", "ScreenRun.to_pandas"} <= {*public_members()}


def test_defaults_are_values() -> None:
    assert "coverage: float = 0.9," in section_of(CLIENT_PAGE, "### Client.screen")
    assert "defaults." not in CLIENT_PAGE
    assert "field(" not in CLIENT_PAGE


@pytest.mark.parametrize(("path", "command"), commands(typer.main.get_command(app), "epitaxy"))
def test_every_command_and_option_is_there(path: str, command: Any) -> None:
    section = section_of(COMMAND_PAGE, f"## {path}")
    assert command.help.split("\n")[0] in section
    for parameter in command.params:
        names = parameter.opts if parameter.param_type_name == "option" else [parameter.metavar or parameter.name]
        assert all(f"- `{name}" in section for name in names)


def test_every_exit_code_is_there() -> None:
    codes = [value for name, value in vars(exit_codes).items() if name.isupper()]
    assert len(codes) > 4
    assert all(f"- `{code}`: " in section_of(COMMAND_PAGE, "## Exit codes") for code in codes)


@pytest.mark.parametrize(
    ("file", "old", "page"),
    [
        ("client/client.py", "Predicts a few structures", "client.md"),
        ("client/finetune/methods.py", "def finetune_job(self", "client.md"),
        ("cli/exit_codes.py", "The command was interrupted", "command.md"),
    ],
)
def test_a_change_of_the_source_fails_the_check(
    sources: Path, capsys: pytest.CaptureFixture[str], file: str, old: str, page: str
) -> None:
    path = sources / "epitaxy" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    assert main(["--check"], sources=sources) == 0
    path.write_text(text.replace(old, f"{old[:-1]}_"), encoding="utf-8")
    assert main(["--check"], sources=sources) == 1
    assert f"docs/reference: {page} out of date: run make reference" in capsys.readouterr().err


def test_a_page_that_is_absent_fails_the_check_and_is_written(tmp_path: Path) -> None:
    assert main(["--check"], pages=tmp_path) == 1
    assert main([], pages=tmp_path) == 0
    assert (tmp_path / "client.md").read_text(encoding="utf-8") == CLIENT_PAGE
    assert (tmp_path / "command.md").read_text(encoding="utf-8") == COMMAND_PAGE
