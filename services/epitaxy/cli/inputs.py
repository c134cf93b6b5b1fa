"""The input files that a command line names, and their columns."""

import atexit
import shutil
import sys
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from epitaxy.cli.terminal import usage_error
from epitaxy.client.inputs.columns import Columns
from epitaxy.client.inputs.inventory import Inventory
from epitaxy.client.inputs.reading_log import lines_of_ignored

InputStructureColumnOption = Annotated[
    str,
    typer.Option(
        "--structure-column",
        metavar="NAME",
        help="Column of the structures in tables: JSON, CIF text or file names.",
    ),
]
InputIdColumnOption = Annotated[
    str | None,
    typer.Option(
        "--id-column",
        metavar="NAME",
        help="Column of the ids in tables.",
        show_default="a column such as id or material_id, or a data frame's index",
    ),
]
_SHOWN_IGNORED = 5
_STDIN = Path("-")


def inventory_of(paths: Sequence[Path], exclude: Collection[Path] = (), columns: Columns | None = None) -> Inventory:
    """Lists the files below these paths; ``-`` is standard input, JSON Lines.

    Having no structures in them is a mistake in the command line.
    """
    named = [_spooled_stdin() if path == _STDIN else path for path in paths]
    inventory = Inventory.of(named, exclude, columns)
    if not inventory.files:
        shown = "; ".join(inventory.ignored_lines(_SHOWN_IGNORED))
        why = f"; ignored {shown}" if shown else ""
        raise usage_error(f"no structures in {', '.join(map(str, paths))}{why}")
    return inventory


def _spooled_stdin() -> Path:
    """Standard input as a file that goes when the command ends: commands count structures before they read them."""
    folder = tempfile.mkdtemp(prefix="epitaxy-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = Path(folder, "stdin.jsonl")
    with path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    return path


def print_reading(
    console: Console, n_ignored: int, ignored: Sequence[tuple[str, str]], notes: Sequence[str] = ()
) -> None:
    """Prints what was left out, the first few with why, and how tables were read."""
    head, *named = lines_of_ignored(n_ignored, ignored, _SHOWN_IGNORED) or ("",)
    if head:
        console.print(f"ignored   {head}")
    for line in named:
        console.print(f"          {line}", soft_wrap=True)
    for note in notes:
        console.print(f"note      {note}", soft_wrap=True)
