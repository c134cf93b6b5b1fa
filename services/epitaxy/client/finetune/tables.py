"""Label tables, read whole: data frames, plain rows, Parquet, CSV, JSON Lines, folders and archives."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from epitaxy.client.errors import InvalidRequestError
from epitaxy.client.inputs.archives import ArchiveError, is_archive, read_members
from epitaxy.client.inputs.frames import is_frame, rows_of_columns, rows_of_frame
from epitaxy.client.inputs.neighbours import ArchivedFiles, NeighbourFiles
from epitaxy.client.inputs.packed import unpacked_name
from epitaxy.client.inputs.rows import (
    Cells,
    RowStream,
    TableRow,
    open_csv_rows,
    row_opener_of,
    rows_of_mappings,
)
from epitaxy.client.inputs.stored import StoredFile
from epitaxy.client.results import ItemError
from epitaxy.tables.ids import ID_NAMES, id_column_of, id_text
from epitaxy.tables.numbers import is_missing, read_number

ENDINGS = ".parquet, .csv, .jsonl"
# Labels travel in one message of some megabytes: what is packed with them is not much more.
_MAX_ARCHIVE_BYTES = 512 << 20
# As CGCNN writes it: no header, the id and the target.
_HEADERLESS = "id_prop.csv"


@dataclass(frozen=True, slots=True)
class RowTable:
    """Rows with the names of all columns; a row may lack some.

    Attributes:
        names: Names of all columns.
        rows: The rows, each with its number and line.
        id_column: Column of the ids, unless one is asked for; None to look for one in each row.
        files: Files that cells may name; None if they may name none.
        notes: How the table was read, where that is not obvious.
    """

    names: Sequence[str]
    rows: Sequence[tuple[TableRow, Cells]]
    id_column: str | None = None
    files: NeighbourFiles | None = None
    notes: tuple[str, ...] = ()


def read_rows(data: Any, structure_column: str, wanted: Sequence[str]) -> RowTable:
    """The rows of whatever holds labels.

    Args:
        data: A path of a table, or of a folder with a table and structure files; a data frame; a dict of columns; any
            collection of rows, which are dicts.
        structure_column: Column of the structures.
        wanted: Columns of values, the target first.

    Raises:
        InvalidRequestError: There is no such file, or it cannot be read; names the row if one is to blame.
    """
    if isinstance(data, str | os.PathLike):
        return _of_path(Path(data), structure_column, wanted)
    if is_frame(data):
        return _collect(rows_of_frame(data))
    if isinstance(data, Mapping):
        return _collect(rows_of_columns(data))
    if not isinstance(data, Iterable):
        raise _unreadable(f"a {type(data).__name__} holds no labels: give a path, a data frame or rows")
    return _collect(RowStream(None, rows_of_mappings(data)))


def _of_path(path: Path, structure_column: str, wanted: Sequence[str]) -> RowTable:
    if not path.exists():
        raise InvalidRequestError(f"no such file or folder: {path}", reason="NO_SUCH_FILE")
    if path.is_dir():
        return _of_folder(path, structure_column, wanted)
    if is_archive(path.name):
        return _of_archive(path, structure_column, wanted)
    if row_opener_of(path.name) is None:
        raise _unreadable(
            f"{path.name} is not a table of labels: give {ENDINGS}, or a folder or archive with a table and CIF files"
        )
    return replace(_of_table(StoredFile(str(path)), structure_column, wanted), files=NeighbourFiles(path.parent))


def _of_table(file: StoredFile, structure_column: str, wanted: Sequence[str]) -> RowTable:
    opener = row_opener_of(file.name)
    if opener is None:
        raise _unreadable(f"{file.name} is not a table of labels: give {ENDINGS}")
    return _read_file(file, lambda stored: opener(stored, {structure_column, *wanted, *ID_NAMES}))


def _read_file(file: StoredFile, open_rows: Callable[[StoredFile], RowStream]) -> RowTable:
    try:
        return _collect(open_rows(file))
    except InvalidRequestError:
        raise
    except (OSError, EOFError, ValueError) as error:  # pyarrow's errors are the first or the last
        raise _unreadable(f"cannot read {file.name}: {_one_line(error)}") from None


def _of_folder(folder: Path, structure_column: str, wanted: Sequence[str]) -> RowTable:
    paths = sorted(path for path in folder.iterdir() if path.is_file() and row_opener_of(path.name) is not None)
    tables = [StoredFile(str(path)) for path in paths]
    return _beside_files(str(folder), tables, NeighbourFiles(folder), structure_column, wanted)


def _of_archive(path: Path, structure_column: str, wanted: Sequence[str]) -> RowTable:
    """The same of a folder that is packed as a whole."""
    members: dict[str, bytes] = {}
    n_bytes = 0
    try:
        for name, content in read_members(path):
            members[name], n_bytes = content, n_bytes + len(content)
            if n_bytes > _MAX_ARCHIVE_BYTES:
                raise _unreadable(f"{path.name} holds over {_MAX_ARCHIVE_BYTES >> 20} MiB: unpack it")
    except ArchiveError as error:
        raise _unreadable(str(error)) from None
    tables = [StoredFile(name, content) for name, content in sorted(members.items()) if row_opener_of(name) is not None]
    return _beside_files(path.name, tables, ArchivedFiles(path, members), structure_column, wanted)


def _beside_files(
    place: str, tables: Sequence[StoredFile], files: NeighbourFiles, structure_column: str, wanted: Sequence[str]
) -> RowTable:
    """A table of values with the files beside it as structures, matched by name."""
    if len(tables) != 1:
        found = f"{len(tables)} tables ({', '.join(one.name for one in tables[:4])})" if tables else "no table"
        raise _unreadable(f"{place} holds {found}: put one beside the CIF files, with columns id and {wanted[0]}")
    is_bare = unpacked_name(tables[0].name) == _HEADERLESS and not _has_header(tables[0])
    table = _read_headerless(tables[0], wanted[0]) if is_bare else _of_table(tables[0], structure_column, wanted)
    if structure_column in table.names:
        return replace(table, files=files)
    id_column = table.id_column or id_column_of(table.names) or table.names[0]
    rows = [(row, {**cells, structure_column: _name_of(cells.get(id_column))}) for row, cells in table.rows]
    return replace(table, names=[*table.names, structure_column], rows=rows, id_column=id_column, files=files)


def _name_of(cell: Any) -> PurePosixPath | None:
    """The name by which a row's file is found; even "none" and "NA" may be one."""
    name = id_text(cell)
    return None if name is None else PurePosixPath(name.strip())


def _collect(stream: RowStream) -> RowTable:
    """All rows of a stream. Raises InvalidRequestError for the rows that cannot be read."""
    read = list(stream.rows)
    broken = [row.cells.message for row in read if isinstance(row.cells, ItemError)]
    if broken:
        more = f"; and {len(broken) - 20} more" if len(broken) > 20 else ""
        raise _unreadable("; ".join(broken[:20]) + more)
    rows = [(row, row.cells) for row in read if not isinstance(row.cells, ItemError)]
    names = stream.names
    if names is None:
        names = list(dict.fromkeys(str(name) for _, cells in rows for name in cells))
    return RowTable(names, rows, stream.id_column, notes=(stream.note,) if stream.note else ())


def _read_headerless(table: StoredFile, target: str) -> RowTable:
    names = ("id", target)
    return _read_file(table, lambda file: open_csv_rows(file, None, names))


def _has_header(file: StoredFile) -> bool:
    """Whether the first row is anything but a name and a number."""
    table = _read_file(file, lambda stored: open_csv_rows(stored, None, ("name", "value", "more")))
    first = table.rows[0][1] if table.rows else {"more": "no rows"}
    if first["more"] or is_missing(first["value"]):
        return True
    try:
        read_number(first["value"], decimal_comma=True)
    except ValueError:
        return True
    return False


def _one_line(error: Exception) -> str:
    return " ".join(str((isinstance(error, OSError) and error.strerror) or error).split())[:200]


def _unreadable(message: str) -> InvalidRequestError:
    return InvalidRequestError(message, reason="UNREADABLE_LABELS")
