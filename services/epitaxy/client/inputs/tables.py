"""Structures in the rows of tables."""

from collections.abc import Iterator

from epitaxy.client.inputs.cells import read_cell
from epitaxy.client.inputs.columns import Columns
from epitaxy.client.inputs.conditions import with_condition_cells
from epitaxy.client.inputs.item import Source, refuse, with_known_values
from epitaxy.client.inputs.neighbours import NeighbourFiles
from epitaxy.client.inputs.reading_log import ReadingLog
from epitaxy.client.inputs.rows import RowStream, TableRow, holds_arrays, row_opener_of
from epitaxy.client.inputs.stored import StoredFile
from epitaxy.client.results import ItemError
from epitaxy.tables.ids import own_id

_REMEDIES = {
    "NO_STRUCTURE_COLUMN": "name the one with the structures (--structure-column), or that of other materials "
    "(--smiles-column, --polymer-column, --composition-column, --element-columns)",
    "NO_MATERIAL_COLUMN": "name one that the file has",
    "NO_ID_COLUMN": "name one that the file has",
    "NO_KNOWN_COLUMN": "name one that the file has",
    "NO_CONDITION_COLUMN": "name one that the file has",
}


def read_table(file: StoredFile, file_id: str, columns: Columns, log: ReadingLog) -> Iterator[tuple[str, Source]]:
    """One structure a row, with its known values; a table without one of the columns is refused as a whole.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is not a table of its kind.
    """
    opener = row_opener_of(file.name)
    if opener is None:
        raise ValueError("it is not a table")
    stream = opener(file, columns.wanted)
    if stream.note:
        log.note(stream.note)
    files = NeighbourFiles(file.folder) if file.folder is not None else None
    yield from read_stream(stream, columns, f"{file_id}/", files)


def read_stream(
    stream: RowStream, columns: Columns, prefix: str = "", files: NeighbourFiles | None = None
) -> Iterator[tuple[str, Source]]:
    """Id and structure of each row.

    Args:
        stream: The rows.
        columns: Columns to read.
        prefix: Goes before the number of a row without an id.
        files: Files that cells may name.
    """
    missing = missing_column(stream, columns)
    if missing is not None:
        yield prefix.rstrip("/") or "0", missing
        return
    id_column = columns.id if columns.id is not None else stream.id_column
    for row in stream.rows:
        yield read_row(row, columns, id_column, prefix, files)


def missing_column(stream: RowStream, columns: Columns) -> ItemError | None:
    """The refusal of a table that lacks a column, None if it has all or nobody knows yet."""
    if stream.names is None:
        return None
    reason = "NO_STRUCTURE_COLUMN" if columns.material is None else "NO_MATERIAL_COLUMN"
    wanted = [(name, reason) for name in columns.inputs]
    wanted += [(columns.id, "NO_ID_COLUMN")] if columns.id is not None else []
    wanted += [(name, "NO_KNOWN_COLUMN") for name in columns.known]
    wanted += [(entry.column, "NO_CONDITION_COLUMN") for entry in columns.conditions if entry.is_required]
    for name, reason in wanted:
        if reason == "NO_STRUCTURE_COLUMN" and holds_arrays(stream.names):
            continue  # the row is the structure, as in JSON Lines
        if name not in stream.names:
            shown = ", ".join(stream.names[:12]) or "none at all"
            return refuse(reason, f"no column {name!r}, only {shown}; {_REMEDIES[reason]}")
    return None


def read_row(
    row: TableRow, columns: Columns, id_column: str | None, prefix: str, files: NeighbourFiles | None
) -> tuple[str, Source]:
    """Id and structure of one row; ``prefix`` goes before its number if it has no id."""
    if isinstance(row.cells, ItemError):
        return f"{prefix}{row.number}", row.cells
    if columns.material is not None:
        source = columns.material.read(row.cells)
    else:
        # A row of JSON Lines may be the structure itself.
        source = read_cell(row.cells.get(columns.structure, row.cells), files)
    if columns.known:
        source = with_known_values(source, {name: row.cells.get(name) for name in columns.known})
    if columns.conditions:
        source = with_condition_cells(source, row.cells, columns.conditions)
    return own_id(row.cells, id_column) or f"{prefix}{row.number}", source
