"""Rows of label tables: data frames, plain rows, Parquet, CSV, JSON Lines, and folders of structure files."""

import csv
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from epitaxy.client.defaults import MAX_STRUCTURE_BYTES
from epitaxy.client.errors import InvalidRequestError
from epitaxy.client.inputs.files import stem_of
from epitaxy.client.inputs.inventory import Inventory
from epitaxy.client.inputs.objects import ID_NAMES
from epitaxy.client.inputs.tables import open_parquet

ENDINGS = ".parquet, .csv, .jsonl"
# As CGCNN writes it: no header, the id and the target.
_HEADERLESS = "id_prop.csv"

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RowTable:
    """Rows with the names of all columns; a row may lack some.

    Attributes:
        names: Names of all columns.
        rows: One mapping of column and cell for each row.
        folder: Folder that file names in the cells are relative to; None if the cells cannot name files.
    """

    names: Sequence[str]
    rows: Sequence[Row]
    folder: Path | None = None


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
    if hasattr(data, "columns") and hasattr(data, "to_dict"):
        return RowTable([str(name) for name in data.columns], data.to_dict("records"))
    if isinstance(data, Mapping):
        return _of_columns(data)
    if not isinstance(data, Iterable):
        raise _unreadable(f"a {type(data).__name__} holds no labels: give a path, a data frame or rows")
    return _of_rows(list(data), "row")


def _of_path(path: Path, structure_column: str, wanted: Sequence[str]) -> RowTable:
    if not path.exists():
        raise InvalidRequestError(f"no such file or folder: {path}", reason="NO_SUCH_FILE")
    if path.is_dir():
        return _of_folder(path, structure_column, wanted)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise _unreadable(
            f"{path.name} is not a table of labels: give {ENDINGS}, or a folder with a table and CIF files"
        )
    try:
        table = reader(path, {structure_column, *wanted, *ID_NAMES})
    except UnicodeDecodeError:
        raise _unreadable(f"{path.name} is not UTF-8; convert it with iconv") from None
    except (OSError, ValueError, csv.Error) as error:  # pyarrow's errors are the first two
        raise _unreadable(f"cannot read {path.name}: {_one_line(error)}") from None
    return RowTable(table.names, table.rows, path.parent)


def _of_folder(folder: Path, structure_column: str, wanted: Sequence[str]) -> RowTable:
    """A table of values with the files beside it as structures, matched by name."""
    tables = sorted(path for path in folder.iterdir() if path.suffix.lower() in _READERS)
    if len(tables) != 1:
        found = f"{len(tables)} tables ({', '.join(path.name for path in tables[:4])})" if tables else "no table"
        raise _unreadable(f"{folder} holds {found}: put one beside the CIF files, with columns id and {wanted[0]}")
    is_bare = tables[0].name == _HEADERLESS and not _has_header(tables[0])
    table = _read_headerless(tables[0], wanted[0]) if is_bare else _of_path(tables[0], structure_column, wanted)
    if structure_column in table.names:
        return table
    id_column = next((name for name in ID_NAMES if name in table.names), table.names[0])
    files = _files_by_name(folder, tables[0])
    rows = [{**row, "id": row.get(id_column), structure_column: _file_of(row, id_column, files)} for row in table.rows]
    return RowTable([*table.names, structure_column], rows, folder)


def _files_by_name(folder: Path, table: Path) -> dict[str, Path]:
    paths = [Path(file.path) for file in Inventory.of([folder], exclude=[table]).files]
    return {stem_of(path): path for path in paths} | {path.name: path for path in paths}


def _file_of(row: Row, id_column: str, files: Mapping[str, Path]) -> Path:
    """The row's file; one that is not there is found missing when it is read."""
    name = str(row.get(id_column))
    return files.get(name, Path(f"{name}.cif"))


def _of_columns(data: Mapping[Any, Any]) -> RowTable:
    names = [str(name) for name in data]
    columns = [list(column) for column in data.values()]
    if len({len(column) for column in columns}) > 1:
        lengths = ", ".join(f"{name} {len(column)}" for name, column in zip(names, columns, strict=True))
        raise _unreadable(f"the columns differ in length: {lengths}")
    return RowTable(names, [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)])


def _of_rows(rows: Sequence[Any], noun: str) -> RowTable:
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise _unreadable(f"{noun} {number} is a {type(row).__name__}: give a dict of column and value")
    return RowTable(list(dict.fromkeys(str(name) for row in rows for name in row)), rows)


def _read_parquet(path: Path, wanted: Collection[str]) -> RowTable:
    table = open_parquet(path)
    names = list(table.schema_arrow.names)
    columns = [name for name in names if name in wanted]
    return RowTable(names, table.read(columns=columns, use_threads=False).to_pylist())


def _read_csv(path: Path, _wanted: Collection[str]) -> RowTable:
    rows: list[Row] = []
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        for number, row in enumerate(_large_cells(reader)):
            if None in row:
                raise _unreadable(
                    f"row {number} of {path.name} has more cells than the header: quote those with commas"
                )
            rows.append(row)
        return RowTable(list(reader.fieldnames or ()), rows)


def _read_headerless(path: Path, target: str) -> RowTable:
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = [dict(zip(("id", target), map(str.strip, row), strict=False)) for row in csv.reader(file) if row]
    return RowTable(["id", target], rows)


def _has_header(path: Path) -> bool:
    with path.open(newline="", encoding="utf-8-sig") as file:
        first = next(csv.reader(file), [])
    try:
        return len(first) != 2 or not float(first[1])
    except ValueError:
        return True


def _read_jsonl(path: Path, _wanted: Collection[str]) -> RowTable:
    rows: list[Any] = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                try:
                    rows.append(json.loads(line))
                except (ValueError, RecursionError) as error:
                    raise _unreadable(f"line {number} of {path.name} is not valid JSON: {error}") from None
    return _of_rows(rows, "row")


def _large_cells(reader: "csv.DictReader[str]") -> Iterator[dict[str, Any]]:
    """A structure in a cell may be longer than the module allows; its limit is of the whole process."""
    before = csv.field_size_limit(MAX_STRUCTURE_BYTES)
    try:
        yield from reader
    finally:
        csv.field_size_limit(before)


def _one_line(error: Exception) -> str:
    return " ".join(str((isinstance(error, OSError) and error.strerror) or error).split())[:200]


def _unreadable(message: str) -> InvalidRequestError:
    return InvalidRequestError(message, reason="UNREADABLE_LABELS")


_READERS: Mapping[str, Callable[[Path, Collection[str]], RowTable]] = {
    ".parquet": _read_parquet,
    ".csv": _read_csv,
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
}
