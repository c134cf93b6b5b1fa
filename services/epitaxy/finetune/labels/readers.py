"""Parquet, CSV and JSON Lines as label tables."""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from epitaxy.chassis.errors import InvalidRequestError, QuotaExceededError
from epitaxy.finetune.domain.label_table import COLUMN_JSON, LabelFile, LabelTable, StructureText
from epitaxy.finetune.domain.spec import LabelCondition, LearningTask
from epitaxy.tables.bounds import read_bounds
from epitaxy.tables.classes import is_boolean, read_classes
from epitaxy.tables.conditions import read_conditions
from epitaxy.tables.csv_rows import MAX_COLUMNS, open_csv
from epitaxy.tables.element_columns import ElementColumns
from epitaxy.tables.ids import id_text
from epitaxy.tables.numbers import is_missing, read_bounded_column, read_column
from epitaxy.tables.texts import decode_text, kind_of_text
from epitaxy_models.materials import MaterialKind
from epitaxy_models.structures import TextFormat

# A small file may unpack to a large one.
_MAX_UNPACKED_BYTES = 512 * 2**20
_SHOWN_CELLS = 20
_PARQUET_BATCH_ROWS = 64
# Of one list in a Parquet file's footer, such as its columns.
_MAX_FOOTER_ENTRIES = 4 * MAX_COLUMNS

_Columns = Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class _Rows:
    """Columns as lists, and the line on which each row begins if the file is text."""

    columns: _Columns
    lines: Sequence[int] | None = None


def read_table(
    content: bytes,
    file: LabelFile,
    columns: Sequence[str],
    max_rows: int,
    conditions: Sequence[LabelCondition] = (),
) -> LabelTable:
    """The table in a file's content. Raises InvalidRequestError, which names the rows that are wrong."""
    under = [condition.name for condition in conditions]
    others = [name for name in (file.id_column, file.censored_column) if name]
    elements = _elements(file)
    inputs = [file.structure_column] if elements is None else list(elements.names)
    wanted = [*inputs, *columns, *under, *others]
    read, unpacked = _reader(file.uri), _unpacked(content)
    rows = read(unpacked, wanted, max_rows)
    for name in wanted:
        if name not in rows.columns:
            raise InvalidRequestError(
                f"the file has no column {name!r}: name one of its columns", reason="NO_LABEL_COLUMN"
            )
    n_rows = len(rows.columns[inputs[0]])
    ids = rows.columns[file.id_column] if file.id_column else [None] * n_rows
    names = [str(row) if (text := id_text(cell)) is None else text for row, cell in enumerate(ids)]
    has_truths = file.task is LearningTask.AUTO and bool(columns) and is_boolean(rows.columns[columns[0]])
    are_classes = has_truths or file.task is LearningTask.CLASSIFICATION
    values, sides = _values(rows, names, columns, are_classes=are_classes)
    sides |= _told_bounds(rows, names, columns, file.censored_column, sides)
    cells = [_cell(rows, names, row, file, elements) for row in range(n_rows)]
    bounds = {name: found for name, found in sides.items() if found.any()}
    return LabelTable(names, cells, values, _conditions(rows, names, conditions), bounds, has_truths)


def _elements(file: LabelFile) -> ElementColumns | None:
    try:
        return ElementColumns.of(file.element_columns) if file.element_columns else None
    except ValueError as error:
        raise InvalidRequestError.of_field("file.element_columns", str(error)) from None


def _cell(
    rows: _Rows, names: Sequence[str], row: int, file: LabelFile, elements: ElementColumns | None
) -> StructureText:
    """The material of one row. Raises InvalidRequestError that names a cell without an amount."""
    if elements is not None:
        amounts = {name: rows.columns[name][row] for name in elements.names}
        try:
            # A row without any amount is refused when it is read, as any empty cell is.
            text = "" if elements.is_empty(amounts) else elements.text_of(amounts)
        except ValueError as error:
            raise InvalidRequestError(f"{_place(rows, names, row)}: {error}", reason="INVALID_AMOUNT") from None
        return StructureText(MaterialKind.COMPOSITION, text)
    value = rows.columns[file.structure_column][row]
    if file.kind is MaterialKind.STRUCTURE:
        return cell_of(value)
    if isinstance(value, bytes):
        value = decode_text(value) or ""
    return StructureText(file.kind, "" if is_missing(value) and not isinstance(value, str) else str(value))


def cell_of(value: object) -> StructureText:
    """The structure in a table's cell: our JSON, pymatgen's JSON, or the text of a CIF, POSCAR or extended XYZ file.

    An empty cell is refused when it is read.
    """
    if isinstance(value, bytes):
        value = decode_text(value) or ""
    text = json.dumps(value) if isinstance(value, Mapping) else "" if is_missing(value) else str(value)
    text = text.removeprefix("\ufeff")
    kind = kind_of_text(text)
    if kind == "json" and text.lstrip().startswith("{"):
        return StructureText(TextFormat.PYMATGEN_JSON if '"sites"' in text else COLUMN_JSON, text)
    if kind is None:
        return StructureText(COLUMN_JSON, text)
    return StructureText(TextFormat(kind) if kind in ("poscar", "extxyz") else TextFormat.CIF, text)


def _reader(uri: str) -> Callable[[bytes, Sequence[str], int], _Rows]:
    readers = {".parquet": _read_parquet, ".csv": _read_csv, ".jsonl": _read_jsonl}
    for suffix, reader in readers.items():
        if uri.lower().removesuffix(".gz").endswith(suffix):
            return reader
    raise InvalidRequestError.of_field("file.uri", "must end in .parquet, .csv or .jsonl")


def _unpacked(content: bytes) -> bytes:
    """The content, decompressed if it is gzip."""
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            unpacked = file.read(_MAX_UNPACKED_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable("gzip", error) from error
    if len(unpacked) > _MAX_UNPACKED_BYTES:
        raise _too_large()
    return unpacked


def _read_parquet(content: bytes, wanted: Sequence[str], max_rows: int) -> _Rows:
    try:
        # pre_buffer would hold a column of all row groups at once.
        file = pyarrow.parquet.ParquetFile(
            io.BytesIO(content), pre_buffer=False, thrift_container_size_limit=_MAX_FOOTER_ENTRIES
        )
        if len(file.schema_arrow.names) > MAX_COLUMNS:
            raise InvalidRequestError(
                f"the file has {len(file.schema_arrow.names)} columns; at most {MAX_COLUMNS} are allowed",
                reason="UNREADABLE_LABELS",
            )
        _check_rows(file.metadata.num_rows, max_rows)
        groups = (file.metadata.row_group(number) for number in range(file.metadata.num_row_groups))
        if sum(group.total_byte_size for group in groups) > _MAX_UNPACKED_BYTES:
            raise _too_large()
        names = [name for name in wanted if name in file.schema_arrow.names]
        return _Rows(_parquet_columns(file, names))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _unreadable("Parquet", error) from error


def _parquet_columns(file: Any, names: Sequence[str]) -> dict[str, list[Any]]:
    """Columns, read in pieces: what a dictionary holds once may unpack to any size."""
    columns: dict[str, list[Any]] = {name: [] for name in names}
    n_bytes = 0
    for batch in file.iter_batches(batch_size=_PARQUET_BATCH_ROWS, columns=list(names), use_threads=False):
        n_bytes += batch.nbytes
        if n_bytes > _MAX_UNPACKED_BYTES:
            raise _too_large()
        for name, cells in columns.items():
            cells.extend(batch.column(name).to_pylist())
    return columns


def _read_csv(content: bytes, wanted: Sequence[str], max_rows: int) -> _Rows:
    try:
        lines = io.StringIO(_text(content), newline="")
        table = open_csv(lines, wanted)
        cells: dict[str, list[str]] = {name: [] for name in wanted if name in table.names}
        numbers: list[int] = []
        n_rows = 0
        for n_rows, row in enumerate(table.rows_with(cells), start=1):
            if n_rows > max_rows:
                continue  # counted for the refusal, and not kept
            if row.n_extra:
                raise ValueError(f"line {row.line} has more cells than the header: quote those with commas")
            numbers.append(row.line)
            for name, column in cells.items():
                column.append(row.cells[name])
        _check_rows(n_rows, max_rows)
        return _Rows(cells, numbers)
    except (csv.Error, ValueError) as error:  # a UnicodeDecodeError is the latter
        raise _unreadable("CSV", error) from error


def _text(content: bytes) -> str:
    is_utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    return content.decode("utf-16" if is_utf16 else "utf-8-sig")


def _read_jsonl(content: bytes, wanted: Sequence[str], max_rows: int) -> _Rows:
    content = content.removeprefix(b"\xef\xbb\xbf")
    _check_rows(sum(1 for line in io.BytesIO(content) if line.strip()), max_rows)
    rows: list[Mapping[str, Any]] = []
    numbers: list[int] = []
    for number, line in enumerate(io.BytesIO(content), start=1):
        if line.strip():
            row = _json_row(line, number)
            rows.append({name: row[name] for name in wanted if name in row})
            numbers.append(number)
    known = {name for row in rows for name in row}
    return _Rows({name: [row.get(name) for row in rows] for name in wanted if name in known}, numbers)


def _json_row(line: bytes, number: int) -> Mapping[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError(f"line {number} is not valid JSON: {error}", reason="UNREADABLE_LABELS") from error
    if not isinstance(row, Mapping):
        raise InvalidRequestError(f"line {number} is not a JSON object", reason="UNREADABLE_LABELS")
    return row


def _values(
    rows: _Rows, names: Sequence[str], columns: Sequence[str], *, are_classes: bool
) -> tuple[dict[str, NDArray[np.float64]], dict[str, NDArray[np.int8]]]:
    """Values by column, and which of the first column's are bounds.

    Raises InvalidRequestError that names all cells without a number, up to a bound.
    """
    read = {column: read_column(rows.columns[column]) for column in columns}
    read_target = read_classes if are_classes else read_bounded_column
    read |= {column: read_target(rows.columns[column]) for column in columns[:1]}
    bad = [f"{_place(rows, names, row)}: {column} holds {what}" for column in columns for row, what in read[column].bad]
    if bad:
        count = f"{len(bad)} cells hold no number. " if len(bad) > 1 else ""
        more = f"; and {len(bad) - _SHOWN_CELLS} more" if len(bad) > _SHOWN_CELLS else ""
        reason = "NOT_A_CLASS" if are_classes else "INVALID_LABEL"
        raise InvalidRequestError(f"{count}{'; '.join(bad[:_SHOWN_CELLS])}{more}", reason=reason)
    values = {column: np.array(read[column].values, dtype=np.float64) for column in columns}
    return values, {column: np.array(read[column].sides, dtype=np.int8) for column in columns[:1]}


def _told_bounds(
    rows: _Rows, names: Sequence[str], columns: Sequence[str], censored: str, own: Mapping[str, NDArray[np.int8]]
) -> dict[str, NDArray[np.int8]]:
    """Which labels are bounds by a column that tells. Raises InvalidRequestError that names cells that say neither."""
    if not censored:
        return {}
    told = read_bounds(rows.columns[censored], censored)
    if told.bad:
        shown = "; ".join(
            f"{_place(rows, names, row)}: {censored} holds {what}" for row, what in told.bad[:_SHOWN_CELLS]
        )
        raise InvalidRequestError(shown, reason="INVALID_BOUND")
    sides = np.array(told.sides, dtype=np.int8)
    return {column: np.where(own[column] != 0, own[column], sides) for column in columns[:1]}


def _conditions(rows: _Rows, names: Sequence[str], conditions: Sequence[LabelCondition]) -> dict[str, NDArray[Any]]:
    """Conditions by column. Raises InvalidRequestError that names cells without one."""
    read = {entry.name: read_conditions(rows.columns[entry.name], entry.unit) for entry in conditions}
    bad = [
        f"{_place(rows, names, row)}: {name} holds {what}" for name, cells in read.items() for row, what in cells.bad
    ]
    if bad:
        raise InvalidRequestError("; ".join(bad[:_SHOWN_CELLS]), reason="INVALID_CONDITION")
    return {name: cells.values for name, cells in read.items()}


def _place(rows: _Rows, names: Sequence[str], row: int) -> str:
    place = f"row {row}" if rows.lines is None else f"line {rows.lines[row]}"
    return place if names[row] == str(row) else f"{place} ({names[row][:80]})"


def _check_rows(n_rows: int, max_rows: int) -> None:
    if n_rows > max_rows:
        message = f"the labels have {n_rows} rows and the quota is {max_rows}: send fewer"
        raise QuotaExceededError(message, reason="LABEL_QUOTA")


def _too_large() -> InvalidRequestError:
    return InvalidRequestError("the file unpacks to more than 512 MiB", reason="LABELS_TOO_LARGE")


def _unreadable(kind: str, error: Exception) -> InvalidRequestError:
    text = " ".join(str(error).split())[:160]
    return InvalidRequestError(f"the file is not readable as {kind}: {text}", reason="UNREADABLE_LABELS")
