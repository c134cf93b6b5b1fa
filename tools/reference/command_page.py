"""The page of the ``epitaxy`` command, from the objects that print its help."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import griffe
import typer

from epitaxy.cli.app import app
from tools.reference.docstrings import one_line, plain

_NAME = "epitaxy"
_INTRODUCTION = """\
# Command

`make reference` writes this page from the help texts; `make check-generated` fails if it is out of date.

Every command has `--help`. Options before the command, such as `--tls`, hold for all commands.

## Exit codes

Commands that differ say so in their own section.
"""


def draw_command(sources: Path) -> str:
    """Returns the whole page. The codes of the exit are read from the sources, commands from what is imported."""
    command = typer.main.get_command(app)
    introduction = _INTRODUCTION + "\n" + "\n".join(_exit_codes(sources))
    blocks = [introduction, *_command(command, typer.Context(command, info_name=_NAME))]
    return "\n\n".join(blocks) + "\n"


def _exit_codes(sources: Path) -> Iterator[str]:
    path = sources / "epitaxy" / "cli" / "exit_codes.py"
    module = griffe.visit(path.stem, path, path.read_text(encoding="utf-8"))
    for constant in module.attributes.values():
        if constant.docstring is None:
            raise ValueError(f"exit_codes.{constant.name} needs a docstring")
        yield f"- `{constant.value}`: {one_line(constant.docstring.value)}"


def _command(command: Any, context: Any) -> Iterator[str]:
    """Blocks of a command and of the commands below it. Typer brings its own copies of click's classes: hence Any."""
    yield f"## {context.command_path}"
    yield plain(re.sub(r"\n?[\b\f]\n?", "\n", command.help or ""))
    yield f"```text\n{' '.join([context.command_path, *command.collect_usage_pieces(context)])}\n```"
    records = [_record(parameter, context) for parameter in command.params if not getattr(parameter, "hidden", False)]
    if records:
        yield "\n".join(records)
    for name, inner in getattr(command, "commands", {}).items():
        if not inner.hidden:
            yield from _command(inner, type(context)(inner, info_name=name, parent=context))


def _record(parameter: Any, context: Any) -> str:
    name, text = parameter.get_help_record(context)
    if parameter.param_type_name == "argument":
        name = name.rpartition(" <")[0]  # the type after it is Typer's word for a Python class
    return f"- `{name}`: {' '.join(text.split())}"
