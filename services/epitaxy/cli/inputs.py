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
from epitaxy.client import MaterialColumn, composition_column, element_columns, polymer_column, smiles_column
from epitaxy.client.inputs.columns import Columns
from epitaxy.client.inputs.files import holds_structures
from epitaxy.client.inputs.inventory import Inventory
from epitaxy.client.inputs.item import InputItem
from epitaxy.client.inputs.materials import kind_of_text, likely_kind_of_text, text_of
from epitaxy.client.inputs.packed import unpacked_name
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
SmilesColumnOption = Annotated[
    str | None,
    typer.Option("--smiles-column", metavar="NAME", help="Column of molecules in tables, as SMILES."),
]
PolymerColumnOption = Annotated[
    str | None,
    typer.Option(
        "--polymer-column", metavar="NAME", help="Column of polymers in tables: SMILES of the repeat unit with two *."
    ),
]
CompositionColumnOption = Annotated[
    str | None,
    typer.Option("--composition-column", metavar="NAME", help="Column of compositions in tables, as formulas."),
]
ElementColumnsOption = Annotated[
    str | None,
    typer.Option(
        "--element-columns",
        metavar="Al,Co,...:UNIT",
        help="Columns of tables that are named after elements. UNIT is at, wt or ratio.",
    ),
]
_SUBSTRATES = {
    **dict.fromkeys((".smi", ".smiles", ".sdf", ".sd", ".mol"), "substrate-molecule"),
    ".formulas": "substrate-composition",
}
_SHOWN_IGNORED = 5
_STDIN = Path("-")


def material_column_of(
    smiles: str | None, polymers: str | None, compositions: str | None, elements: str | None
) -> MaterialColumn | None:
    """The column of materials that the options name, None if they name none. More than one is a mistake."""
    given = {
        "--smiles-column": smiles_column(smiles) if smiles else None,
        "--polymer-column": polymer_column(polymers) if polymers else None,
        "--composition-column": composition_column(compositions) if compositions else None,
        "--element-columns": element_columns(elements) if elements else None,
    }
    named = [option for option, column in given.items() if column is not None]
    if len(named) > 1:
        raise usage_error(f"{' and '.join(named)} both name the materials: give only one of them")
    return given[named[0]] if named else None


def substrate_of_lists(paths: Sequence[Path]) -> str | None:
    """The shared model of lists of materials (``.smi``, ``.sdf``, ``.formulas``); None for anything else, or a mix."""
    found = {_SUBSTRATES.get(Path(unpacked_name(path.name)).suffix.lower()) for path in paths}
    return found.pop() if len(found) == 1 else None


def split_inputs(arguments: Sequence[Path]) -> tuple[list[Path], list[InputItem]]:
    """Files and folders on the command line, and the materials that stand there as text: ``CCO``, ``Fe2O3``, ``*CC*``.

    What is neither stays a path, so that the complaint is about a file.
    """
    paths: list[Path] = []
    items: list[InputItem] = []
    for argument in arguments:
        text = str(argument)
        is_file = argument.exists() or holds_structures(argument.name) or argument == _STDIN
        kind = None if is_file else kind_of_text(text) or likely_kind_of_text(text)
        if kind is None:
            paths.append(argument)
        else:
            items.append(InputItem(text, len(items), text_of(text, kind)))
    if paths and items:
        raise usage_error(_mixed(paths[0], items[0].id))
    return paths, items


def _mixed(path: Path, material: str) -> str:
    if path.exists():
        return f"{material} is a material and {path} a file: give only one of the two kinds"
    return f"there is no file {path}, and it is no formula or SMILES either (as {material} is): correct it"


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
