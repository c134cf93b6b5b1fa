"""Rows of refused inputs: a table's row as it was, or a file's name and text, each with the reason."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from epitaxy.client.defaults import MAX_STRUCTURE_BYTES
from epitaxy.client.inputs.columns import Columns
from epitaxy.client.inputs.inventory import Inventory
from epitaxy.client.inputs.item import Cell, Source, Text
from epitaxy.client.inputs.reading_log import ReadingLog
from epitaxy.client.inputs.rows import row_opener_of
from epitaxy.client.inputs.stored import StoredFile
from epitaxy.client.results import ItemError
from epitaxy.tables.ids import id_column_of
from epitaxy.tables.texts import decode_text

# Refusals of a table as a whole.
_OF_TABLES = frozenset({"NO_STRUCTURE_COLUMN", "NO_ID_COLUMN", "NO_KNOWN_COLUMN", "UNREADABLE_FILE"})

RefusedRow = dict[str, Any]


def refused_rows(inventory: Inventory, refused: Mapping[int, ItemError]) -> Iterator[RefusedRow]:
    """One row for each refused input, in the order of the inputs, which are read a second time.

    Args:
        inventory: The inputs.
        refused: Why each was refused, by its position in the input.
    """
    index, last = 0, max(refused, default=-1)
    for file, sources in inventory.read_files(ReadingLog()):
        if index > last:
            return
        cells = _cells_of(file)
        for item_id, source in sources:
            row = next(cells, None)
            if (error := refused.get(index)) is not None:
                yield _row(file, item_id, source, row, error, inventory.columns)
            index += 1


def _cells_of(file: StoredFile) -> Iterator[Mapping[str, Any] | None]:
    """The rows of a table with all their columns; nothing for another file."""
    opener = row_opener_of(file.name)
    if opener is None:
        return
    try:
        for row in opener(file, None).rows:
            yield None if isinstance(row.cells, ItemError) else row.cells
    except (OSError, EOFError, ValueError):
        return


def _row(
    file: StoredFile,
    item_id: str,
    source: Source,
    cells: Mapping[str, Any] | None,
    error: ItemError,
    columns: Columns,
) -> RefusedRow:
    why = {"error_reason": error.reason, "error_message": error.message}
    if cells is not None and error.reason not in _OF_TABLES:
        has_id = columns.id is not None or id_column_of(list(cells)) is not None
        return {**({} if has_id else {"id": item_id}), **cells, **why}
    text = _text_of(source) or ("" if row_opener_of(file.name) is not None else _content_of(file))
    return {columns.id or "id": item_id, "file": file.path, columns.structure: text or None, **why}


def _text_of(source: Source) -> str:
    if isinstance(source, Text):
        return source.content
    if isinstance(source, Cell):
        lattice, species, frac = source.lattice.tolist(), source.atomic_numbers.tolist(), source.frac_coords.tolist()
        return json.dumps({"lattice": lattice, "species": species, "frac": frac})
    return ""


def _content_of(file: StoredFile) -> str:
    """The text of a file that the client itself refused; empty if it is no text, or too long for a structure."""
    try:
        content = file.read(MAX_STRUCTURE_BYTES)
    except (OSError, EOFError, ValueError):
        return ""
    return (decode_text(content) or "") if len(content) <= MAX_STRUCTURE_BYTES else ""
