"""Every command that the documentation names exists, with the options that it is given there."""

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from markdown_it import MarkdownIt

from epitaxy.cli.app import app

ROOT = Path(__file__).parents[3]
PAGES = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md")), *sorted(ROOT.glob("docs/**/*.md"))]
_PARSER = MarkdownIt("commonmark").enable("table")
_MAKE_TARGETS = frozenset(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def code_of(page: Path) -> Iterator[str]:
    """Lines of code blocks without comments, and code within sentences."""
    for token in _PARSER.parse(page.read_text()):
        if token.type == "fence" and token.info in {"", "bash"}:
            yield from (line.partition(" #")[0] for line in token.content.splitlines())
        for child in token.children or ():
            if child.type == "code_inline":
                yield child.content


def calls_of(page: Path) -> list[list[str]]:
    """Commands that a page names, as words."""
    found = []
    for code in code_of(page):
        try:
            words = shlex.split(code)
        except ValueError:  # a quotation mark of prose or of another language
            continue
        if words and words[0].removeprefix(".venv/bin/") in {"epitaxy", "make", "python"}:
            found.append([words[0].removeprefix(".venv/bin/"), *words[1:]])
    return found


def fault_of(words: list[str]) -> str:
    """What is wrong with a command; empty if nothing is."""
    program, *rest = words
    if program == "make":
        targets = [word for word in rest if "=" not in word]
        return next((f"make {target}: no such target" for target in targets if target not in _MAKE_TARGETS), "")
    if program == "python":
        module = rest[1] if rest[:1] == ["-m"] else ""
        return f"python -m {module}: no such module" if module and not _is_module(module) else ""
    return _fault_of_epitaxy(rest)


def _is_module(name: str) -> bool:
    parent = name.rpartition(".")[0]
    return (not parent or _is_module(parent)) and importlib.util.find_spec(name) is not None


def _fault_of_epitaxy(words: list[str]) -> str:
    command: Any = typer.main.get_command(app)
    rest = list(words)
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        name = rest.pop(0)
        if name not in command.commands:
            return f"epitaxy {name}: no such command"
        command = command.commands[name]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    options = [word.partition("=")[0] for word in rest if re.match(r"--[a-z]", word)]
    return next((f"epitaxy {' '.join(words)}: no option {name}" for name in options if name not in known), "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_exist(page: Path) -> None:
    assert [fault for words in calls_of(page) if (fault := fault_of(words))] == []


def test_the_pages_name_commands() -> None:
    """A parser that finds nothing would let everything pass."""
    assert ["make", "demo"] in calls_of(ROOT / "README.md")
    assert len(calls_of(ROOT / "README.md")) > 15


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ("epitaxy scren", "no such command"),
        ("epitaxy finetune craete", "no such command"),
        ("epitaxy screen a.cif --colour red", "no option --colour"),
        ("make tests", "no such target"),
        ("python -m loadtest.nothing", "no such module"),
    ],
)
def test_wrong_commands_are_found(command: str, fault: str) -> None:
    assert fault in fault_of(command.split())
