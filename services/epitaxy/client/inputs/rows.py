"""Rows of tables, read lazily: Parquet, CSV, JSON Lines, data frames, columns and plain rows."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from epitaxy.client.errors import InvalidRequestError
from epitaxy.client.inputs.item import refuse
from epitaxy.client.inputs.json_text import load_json
from epitaxy.client.inputs.packed import unpacked_name
from epitaxy.client.inputs.stored import StoredFile
from epitaxy.client.results import ItemError
from epitaxy.tables.csv_rows import CsvRow, open_csv
from epitaxy.tables.ids import id_column_of

_BATCH_ROWS = 1024
# A longer line is not a row of structures: the file is of another kind.
_MAX_LINE_BYTES = 64 << 20

SPECIES_NAMES = ("species", "atomic_numbers", "numbers")
FRAC_NAMES = ("frac", "frac_coords")
_ARRAY_COLUMNS = (("lattice",), SPECIES_NAMES, FRAC_NAMES)

Cells = Mapping[str, Any]


class TableRow(NamedTuple):
    """One row; a tuple, because a million of them are made.

    Attributes:
        number: Number of the row that stands for an id if it has none, from 0.
        cells: Cell by column; a row may lack some. Or why the row cannot be read.
        line: Line of the file on which the row begins, from 1; None if it is not text.
    """

    number: int
    cells: Cells | ItemError
    line: int | None = None


@dataclass(frozen=True, slots=True)
class RowStream:
    """A table that is read as its rows are drawn.

    Attributes:
        names: Names of all columns; None if only reading all rows tells.
        rows: The rows. Drawing them raises OSError or ValueError if the file breaks off.
        id_column: Column of the ids, unless one is asked for; None to look for one in each row.
        note: How the table was read, if that is not obvious.
    """

    names: Sequence[str] | None
    rows: Iterator[TableRow] = field(repr=False)
    id_column: str | None = None
    note: str = ""


RowOpener = Callable[[StoredFile, Collection[str] | None], RowStream]
"""Opens a table to read the wanted columns, all if None."""


def row_opener_of(name: str) -> RowOpener | None:
    """The opener of a table by its file's name, None for one that is no table."""
    plain = unpacked_name(name).lower()
    return _OPENERS.get(plain[plain.rfind(".") :]) if "." in plain else None


def open_csv_rows(file: StoredFile, wanted: Collection[str] | None, names: Collection[str] | None = None) -> RowStream:
    """A CSV file; ``names`` are those of a file without a header."""
    table = open_csv(_decoded_lines(file), wanted or (), names)
    note = f"{file.name}: read as {table.delimiter_name}-separated" if table.delimiter_name != "comma" else ""
    rows = (TableRow(number, _csv_cells(row, file.name), row.line) for number, row in enumerate(table.rows))
    return RowStream(table.names, rows, id_column_of(table.names), note)


def _csv_cells(row: CsvRow, name: str) -> Cells | ItemError:
    if row.n_extra:
        message = f"line {row.line} of {name} has more cells than the header: quote those with commas"
        return refuse("UNREADABLE", message)
    return row.cells


def _decoded_lines(file: StoredFile) -> Iterator[str]:
    try:
        yield from file.lines()
    except UnicodeDecodeError:
        raise ValueError(f"{file.name} is not UTF-8; convert it with iconv") from None


def open_jsonl_rows(file: StoredFile, _wanted: Collection[str] | None) -> RowStream:
    """A file of JSON Lines; blank lines are skipped, but counted."""
    return RowStream(None, _jsonl_rows(file))


def _jsonl_rows(file: StoredFile) -> Iterator[TableRow]:
    with file.open() as lines:
        for number, line in enumerate(_raw_lines(lines, file)):
            if line.strip():
                yield TableRow(number, _json_cells(line, number + 1, file.name), number + 1)


def _raw_lines(lines: Any, file: StoredFile) -> Iterator[bytes]:
    first = lines.readline(_MAX_LINE_BYTES)
    if first.startswith((b"\xff\xfe", b"\xfe\xff")):
        yield from (line.encode() for line in file.lines())
        return
    if first:
        yield first.removeprefix(b"\xef\xbb\xbf")
    yield from iter(lambda: lines.readline(_MAX_LINE_BYTES), b"")


def _json_cells(line: bytes, number: int, name: str) -> Cells | ItemError:
    try:
        row = load_json(line)
    except UnicodeDecodeError:
        return refuse("NOT_UTF8", f"line {number} of {name} is not UTF-8; convert the file with iconv")
    except (ValueError, RecursionError) as error:
        return refuse("UNREADABLE", f"line {number} of {name} is not valid JSON: {error}")
    if not isinstance(row, Mapping):
        return refuse("UNREADABLE", f"row {number - 1} is a {type(row).__name__}: give a dict of column and value")
    return row


@dataclass(frozen=True, slots=True)
class ParquetTable:
    """An open Parquet file, of which only the footer is read yet.

    Attributes:
        file: The file.
        names: Names of all columns.
        columns: Those that are read.
        id_column: Column of the ids; None if it has none.
        index: The data frame's index that it was written with.
    """

    file: Any
    names: Sequence[str]
    columns: list[str]
    id_column: str | None
    index: "_Index"

    def batches(self, n_rows: int) -> Iterator[Any]:
        """The rows in order, as record batches."""
        yield from self.file.iter_batches(batch_size=n_rows, columns=self.columns, use_threads=False)

    def number(self, row: int) -> int:
        """What stands for the id of a row without one."""
        return row * self.index.step + self.index.start

    def stream(self, rows: Iterable[TableRow]) -> RowStream:
        """The table with these rows."""
        return RowStream(self.names, iter(rows), self.id_column)


def holds_arrays(names: Collection[str]) -> bool:
    """Whether a table without a column of structures has one for lattices, species and coordinates each."""
    return all(any(name in names for name in group) for group in _ARRAY_COLUMNS)


def open_parquet_table(file: StoredFile, wanted: Collection[str] | None) -> ParquetTable:
    """A Parquet file, to read the wanted columns of, all if None."""
    table = open_parquet(file)
    names = list(table.schema_arrow.names)
    if wanted is not None and holds_arrays(names):
        wanted = {*wanted, *(name for group in _ARRAY_COLUMNS for name in group)}
    index = _index_of(table.schema_arrow)
    id_column = id_column_of(names, [name for name in index.names if name in names])
    columns = names if wanted is None else [name for name in names if name in wanted or name == id_column]
    return ParquetTable(table, names, columns, id_column, index)


def open_parquet_rows(file: StoredFile, wanted: Collection[str] | None) -> RowStream:
    """A Parquet file, of which only the footer is read before the first row is drawn."""
    table = open_parquet_table(file, wanted)
    return table.stream(_parquet_rows(table))


def _parquet_rows(table: ParquetTable) -> Iterator[TableRow]:
    number = 0
    for batch in table.batches(_BATCH_ROWS):
        for cells in batch.to_pylist():
            yield TableRow(table.number(number), cells)
            number += 1


@dataclass(frozen=True, slots=True)
class _Index:
    """The index of the data frame that a Parquet file was written from: columns, or a range."""

    names: tuple[str, ...] = ()
    start: int = 0
    step: int = 1


def _index_of(schema: Any) -> _Index:
    try:
        columns = json.loads((schema.metadata or {}).get(b"pandas", b"{}")).get("index_columns", [])
        ranges = [column for column in columns if isinstance(column, dict)]
        if ranges:
            return _Index((), int(ranges[0]["start"]), int(ranges[0]["step"]))
        return _Index(tuple(map(str, columns)))
    except (ValueError, KeyError, TypeError, AttributeError):
        return _Index()


def count_rows(file: StoredFile, columns: Collection[str], *, is_one_line_a_row: bool = False) -> int:
    """Rows of a table with one of the columns, from a footer or counted lines.

    1 for a CSV file whose cells may have several lines, as CIF text has: it would have to be read.
    """
    plain = unpacked_name(file.name).lower()
    if plain.endswith(".parquet"):
        table = open_parquet(file)
        names = table.schema_arrow.names
        return int(table.metadata.num_rows) if set(columns) & set(names) or holds_arrays(names) else 1
    is_csv = plain.endswith(".csv")
    if is_csv and not is_one_line_a_row:
        return 1
    with file.open() as lines:
        n_lines = sum(1 for line in iter(lambda: lines.readline(_MAX_LINE_BYTES), b"") if line.strip())
    return max(0, n_lines - 1) if is_csv else n_lines


def open_parquet(file: StoredFile) -> Any:
    """The file, of which nothing but the footer is read yet. Raises InvalidRequestError without pyarrow."""
    try:
        import pyarrow.parquet as pq  # noqa: PLC0415 - the client must load without pyarrow
    except ImportError as error:
        raise InvalidRequestError(
            "Parquet needs pyarrow: pip install 'epitaxy[client]'", reason="PYARROW_MISSING"
        ) from error
    if unpacked_name(file.name) != file.name:
        raise ValueError("a compressed Parquet file is not supported: decompress it first")
    # Without pre-buffering, a file of one huge row group is read page by page.
    return pq.ParquetFile(file.path if file.content is None else file.open_raw(), pre_buffer=False)


def rows_of_mappings(rows: Iterable[Any]) -> Iterator[TableRow]:
    """Plain rows, which are dicts."""
    for number, row in enumerate(rows):
        if isinstance(row, Mapping):
            yield TableRow(number, row)
        else:
            message = f"row {number} is a {type(row).__name__}: give a dict of column and value"
            yield TableRow(number, refuse("UNREADABLE", message))


_OPENERS: Mapping[str, RowOpener] = {
    ".parquet": open_parquet_rows,
    ".csv": open_csv_rows,
    ".jsonl": open_jsonl_rows,
    ".ndjson": open_jsonl_rows,
}
