"""Parquet, CSV and JSON Lines as label tables."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from epitaxy.chassis.errors import InvalidRequestError, QuotaExceededError
from epitaxy.finetune.domain.label_table import COLUMN_JSON, LabelFile, LabelTable, StructureText, number_of
from epitaxy_models.structures import TextFormat

# A small file may unpack to a large one.
_MAX_UNPACKED_BYTES = 512 * 2**20

_Columns = Mapping[str, Sequence[Any]]


def read_table(content: bytes, file: LabelFile, columns: Sequence[str], max_rows: int) -> LabelTable:
    """The table in a file's content. Raises InvalidRequestError, which names the row that is wrong."""
    wanted = [file.structure_column, *columns, *([file.id_column] if file.id_column else [])]
    found = _reader(file.uri)(content, wanted, max_rows)
    for name in wanted:
        if name not in found:
            raise InvalidRequestError(
                f"the file has no column {name!r}: name one of its columns", reason="NO_LABEL_COLUMN"
            )
    structures = found[file.structure_column]
    names = [str(name) for name in found[file.id_column]] if file.id_column else list(map(str, range(len(structures))))
    values = {column: _numbers(found[column], names, column) for column in columns}
    return LabelTable(names, [cell_of(structure) for structure in structures], values)


def cell_of(value: object) -> StructureText:
    """The structure in a table's cell: our JSON, pymatgen's JSON or a CIF. An empty cell is refused when it is read."""
    text = json.dumps(value) if isinstance(value, Mapping) else str(value or "")
    if not text.lstrip().startswith("{"):
        return StructureText(TextFormat.CIF if text.strip() else COLUMN_JSON, text)
    return StructureText(TextFormat.PYMATGEN_JSON if '"sites"' in text else COLUMN_JSON, text)


def _reader(uri: str) -> Callable[[bytes, Sequence[str], int], _Columns]:
    readers = {".parquet": _read_parquet, ".csv": _read_csv, ".jsonl": _read_jsonl}
    for suffix, reader in readers.items():
        if uri.lower().endswith(suffix):
            return reader
    raise InvalidRequestError.of_field("file.uri", "must end in .parquet, .csv or .jsonl")


def _read_parquet(content: bytes, wanted: Sequence[str], max_rows: int) -> _Columns:
    try:
        file = pyarrow.parquet.ParquetFile(io.BytesIO(content))
        _check_rows(file.metadata.num_rows, max_rows)
        groups = (file.metadata.row_group(number) for number in range(file.metadata.num_row_groups))
        if sum(group.total_byte_size for group in groups) > _MAX_UNPACKED_BYTES:
            raise InvalidRequestError("the file unpacks to more than 512 MiB", reason="LABELS_TOO_LARGE")
        names = [name for name in wanted if name in file.schema_arrow.names]
        return _lists(file.read(columns=names, use_threads=False))
    except (pa.ArrowException, OSError) as error:
        raise _unreadable("Parquet", error) from error


def _read_csv(content: bytes, wanted: Sequence[str], max_rows: int) -> _Columns:
    try:
        types = dict.fromkeys(wanted, pa.string())
        table = pyarrow.csv.read_csv(
            io.BytesIO(content),
            read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=max(1, len(content))),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(column_types=types, strings_can_be_null=False),
        )
        _check_rows(table.num_rows, max_rows)
        return _lists(table.select([name for name in wanted if name in table.column_names]))
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise _unreadable("CSV", error) from error


def _read_jsonl(content: bytes, wanted: Sequence[str], max_rows: int) -> _Columns:
    lines = [(number, line) for number, line in enumerate(content.splitlines()) if line.strip()]
    _check_rows(len(lines), max_rows)
    rows = [_json_row(line, number) for number, line in lines]
    known = {name for row in rows for name in row}
    return {name: [row.get(name) for row in rows] for name in wanted if name in known}


def _json_row(line: bytes, number: int) -> Mapping[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError(
            f"line {number + 1} is not valid JSON: {error}", reason="UNREADABLE_LABELS"
        ) from error
    if not isinstance(row, Mapping):
        raise InvalidRequestError(f"line {number + 1} is not a JSON object", reason="UNREADABLE_LABELS")
    return row


def _numbers(values: Sequence[Any], names: Sequence[str], column: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([number_of(value, names[row], row, column) for row, value in enumerate(values)], dtype=np.float64)


def _lists(table: Any) -> _Columns:
    return {name: table.column(name).to_pylist() for name in table.column_names}


def _check_rows(n_rows: int, max_rows: int) -> None:
    if n_rows > max_rows:
        message = f"the labels have {n_rows} rows and the quota is {max_rows}: send fewer"
        raise QuotaExceededError(message, reason="LABEL_QUOTA")


def _unreadable(kind: str, error: Exception) -> InvalidRequestError:
    text = " ".join(str(error).split())[:160]
    return InvalidRequestError(f"the file is not readable as {kind}: {text}", reason="UNREADABLE_LABELS")
