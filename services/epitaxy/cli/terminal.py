"""The command's output: results go to stdout, everything about the run goes to stderr."""

import dataclasses
import json
import os
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import typer
from rich.console import Console

from epitaxy.cli.exit_codes import USAGE

_PIPE_WIDTH = 160


def stdout_console() -> Console:
    """Console for results. Never reads text as markup, since formulas and messages contain brackets."""
    return _console(stderr=False)


def stderr_console() -> Console:
    """Console for progress, summaries and errors."""
    return _console(stderr=True)


def usage_error(message: str) -> typer.Exit:
    """Prints a mistake in the command line, and returns the exception to raise."""
    stderr_console().print(f"epitaxy: {message}", soft_wrap=True)
    return typer.Exit(USAGE)


def print_json_line(value: Any) -> None:
    """Prints a frozen result as one line of JSON on stdout."""
    print_object(dataclasses.asdict(value))


def print_object(document: Mapping[str, Any]) -> None:
    """Prints an object as one line of JSON on stdout."""
    sys.stdout.write(json.dumps(document, default=_plain) + "\n")
    sys.stdout.flush()


def _plain(value: object) -> str:
    """Times as text, as on the card of a tenant's model."""
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"a {type(value).__name__} has no form in JSON")


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    # A pipe has no width; rich's 80 columns would wrap every table.
    width = None if stream.isatty() or "COLUMNS" in os.environ else _PIPE_WIDTH
    return Console(stderr=stderr, width=width, markup=False, emoji=False, highlight=False)
