"""The table of refused inputs as a file: Parquet, CSV or JSON Lines by its ending."""

import csv
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from epitaxy.cli.refused.rows import RefusedRow, refused_rows
from epitaxy.cli.terminal import usage_error
from epitaxy.client.inputs.inventory import Inventory
from epitaxy.client.results import ItemError

RefusedOption = Annotated[
    Path | None,
    typer.Option(
        "--refused",
        metavar="FILE",
        dir_okay=False,
        help="Write the refused inputs with their reasons to FILE (.parquet, .csv or .jsonl), to correct and send "
        "again. Rows of tables keep their columns; files become rows with their name and text.",
    ),
]
_EMPTY = ("id", "structure", "error_reason", "error_message")


def check_refused_file(path: Path | None, out: Path | None = None) -> None:
    """Raises typer.Exit if a file of refused inputs could not be written."""
    if path is None:
        return
    if path.suffix.lower() not in _WRITERS:
        raise usage_error(f"--refused {path}: the name of the file must end in {', '.join(_WRITERS)}")
    if not path.absolute().parent.is_dir():
        raise usage_error(f"--refused {path}: the folder {path.parent} does not exist")
    if out is not None and path.absolute() == out.absolute():
        raise usage_error("--refused and --out name the same file")


def write_refused(path: Path, inventory: Inventory, refused: Mapping[int, ItemError]) -> int:
    """Writes the refused inputs, and returns their number. Replaces an old file only once complete.

    Args:
        path: File to write; its columns alone if nothing was refused.
        inventory: The inputs, which are read again if any was refused.
        refused: Why each was refused, by its position in the input.
    """
    rows = list(refused_rows(inventory, refused))
    names = list(dict.fromkeys(name for row in rows for name in row)) or list(_EMPTY)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        _WRITERS[path.suffix.lower()](partial, names, rows)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return len(rows)


def _write_parquet(path: Path, names: Sequence[str], rows: Sequence[RefusedRow]) -> None:
    import pyarrow as pa  # noqa: PLC0415 - CSV and JSON Lines do not need it
    import pyarrow.parquet as pq  # noqa: PLC0415 - likewise

    columns = {}
    for name in names:
        cells = [row.get(name) for row in rows]
        try:
            column = pa.array(cells)
        except (pa.ArrowInvalid, pa.ArrowTypeError):  # tables with one name for columns of different types
            column = pa.array([None if cell is None else _csv_cell(cell) for cell in cells], pa.string())
        columns[name] = column.cast(pa.string()) if pa.types.is_null(column.type) else column
    pq.write_table(pa.table(columns), path, compression="zstd")


def _write_csv(path: Path, names: Sequence[str], rows: Sequence[RefusedRow]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows([_csv_cell(row.get(name)) for name in names] for row in rows)


def _write_jsonl(path: Path, _names: Sequence[str], rows: Sequence[RefusedRow]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps({name: _json_cell(cell) for name, cell in row.items()}, default=str) + "\n")


def _csv_cell(cell: Any) -> Any:
    if isinstance(cell, dict | list):
        return json.dumps(cell, default=str)
    return cell.decode("utf-8", "replace") if isinstance(cell, bytes) else cell


def _json_cell(cell: Any) -> Any:
    """JSON has neither NaN nor bytes."""
    if isinstance(cell, float) and not math.isfinite(cell):
        return None
    return cell.decode("utf-8", "replace") if isinstance(cell, bytes) else cell


_WRITERS: Mapping[str, Callable[[Path, Sequence[str], Sequence[RefusedRow]], None]] = {
    ".parquet": _write_parquet,
    ".csv": _write_csv,
    ".jsonl": _write_jsonl,
}
