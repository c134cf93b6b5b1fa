"""Candidates of a Parquet, CSV or JSON Lines file, read in pieces: no file is ever in memory as a whole."""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from epitaxy.campaigns.domain.candidates import (
    INVALID_CONDITION,
    Candidate,
    ConditionValue,
    fault_of_conditions,
    fault_of_id,
    fault_of_numbers,
)
from epitaxy.campaigns.domain.spec import PoolFile
from epitaxy.campaigns.pool.cells import KIND_NOT_STATED, KIND_TEXT, Fault, material_form, wire_form
from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.tables.conditions import CATEGORY, read_conditions
from epitaxy.tables.csv_rows import MAX_COLUMNS, open_csv
from epitaxy.tables.element_columns import ElementColumns
from epitaxy.tables.ids import id_text
from epitaxy.tables.lines import bounded_lines
from epitaxy.tables.numbers import is_missing, read_column
from epitaxy_models.materials import MaterialKind
from epitaxy_models.transfer.conditions.condition import known_rows

CHUNK_ROWS = 256
# Of one list in a Parquet file's footer, such as its columns.
_MAX_FOOTER_ENTRIES = 4 * MAX_COLUMNS
_MATERIAL_COLUMNS = ("composition", "formula", "pretty_formula", "reduced_formula", "smiles", "SMILES")
_SUFFIXES = (".parquet", ".csv", ".jsonl")
_Columns = dict[str, list[Any]]
_UNREADABLE = (pa.ArrowException, csv.Error, gzip.BadGzipFile, zlib.error)
_read_elements = lru_cache(maxsize=16)(ElementColumns.of)


def check_suffix(uri: str) -> None:
    """Raises InvalidRequestError unless the file can be read by its suffix."""
    if not _plain(uri).endswith(_SUFFIXES):
        raise InvalidRequestError.of_field("file.uri", "must end in .parquet, .csv or .jsonl")


def read_candidates(file: BinaryIO, pool_file: PoolFile) -> Iterator[list[Candidate]]:
    """Candidates in pieces of `CHUNK_ROWS`, in the order of the file.

    Raises InvalidRequestError if the file is not readable or lacks a column.
    """
    n_read = 0
    for columns in _pieces(file, pool_file):
        piece = list(_candidates(columns, pool_file, n_read))
        n_read += len(piece)
        yield piece


def _pieces(file: BinaryIO, pool_file: PoolFile) -> Iterator[_Columns]:
    name = _plain(pool_file.uri)
    try:
        if name.endswith(".parquet"):
            yield from _parquet(file, pool_file)
            return
        raw: Any = gzip.GzipFile(fileobj=file) if pool_file.uri.lower().endswith(".gz") else file
        with io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text:
            yield from _csv(text, pool_file) if name.endswith(".csv") else _jsonl(text, pool_file)
    except (*_UNREADABLE, ValueError, EOFError, RecursionError) as error:
        text_of_error = " ".join(str(error).split())[:160]
        raise InvalidRequestError(
            f"the pool's file is not readable: {text_of_error}", reason="UNREADABLE_POOL"
        ) from error


def _parquet(file: BinaryIO, pool_file: PoolFile) -> Iterator[_Columns]:
    with _damage_told():
        opened = pyarrow.parquet.ParquetFile(file, pre_buffer=False, thrift_container_size_limit=_MAX_FOOTER_ENTRIES)
        names = opened.schema_arrow.names
        if len(names) > MAX_COLUMNS:
            raise ValueError(f"it has {len(names)} columns; at most {MAX_COLUMNS} are allowed")
        wanted = _wanted(names, pool_file)
        for batch in opened.iter_batches(batch_size=CHUNK_ROWS, columns=wanted, use_threads=False):
            yield {name: batch.column(name).to_pylist() for name in wanted}


@contextmanager
def _damage_told() -> Iterator[None]:
    """Makes a ValueError of what pyarrow says of damage; a file that cannot be reached, which passes, stays OSError."""
    try:
        yield
    except OSError as error:
        if error.errno is not None:
            raise
        raise ValueError(str(error)) from error


def _csv(text: io.TextIOWrapper, pool_file: PoolFile) -> Iterator[_Columns]:
    table = open_csv(bounded_lines(text), _inputs(pool_file))
    wanted = _wanted(table.names, pool_file)
    rows: list[Mapping[str, Any]] = []
    for row in table.rows_with(wanted):
        rows.append(row.cells)
        if len(rows) == CHUNK_ROWS:
            yield _turned(rows, wanted)
            rows = []
    yield from [_turned(rows, wanted)] if rows else []


def _jsonl(text: io.TextIOWrapper, pool_file: PoolFile) -> Iterator[_Columns]:
    rows: list[Mapping[str, Any]] = []
    wanted: list[str] = []
    for number, line in enumerate(bounded_lines(text), start=1):
        if not line.strip():
            continue
        row = json.loads(line)
        if not isinstance(row, Mapping):
            raise ValueError(f"line {number} is not a JSON object")
        wanted = wanted or _wanted(list(row), pool_file)
        rows.append({name: row[name] for name in wanted if name in row})
        if len(rows) == CHUNK_ROWS:
            yield _turned(rows, wanted)
            rows = []
    yield from [_turned(rows, wanted)] if rows else []


def _turned(rows: Sequence[Mapping[str, Any]], wanted: Sequence[str]) -> _Columns:
    return {name: [row.get(name) for row in rows] for name in wanted}


def _wanted(names: Sequence[str], pool_file: PoolFile) -> list[str]:
    """Columns to read. Raises InvalidRequestError for one that the file does not have."""
    inputs = _inputs(pool_file)
    if pool_file.kind is MaterialKind.STRUCTURE and inputs[0] not in names:
        found = next((name for name in _MATERIAL_COLUMNS if name in names), None)
        if found is not None:
            raise InvalidRequestError(f"column {found!r} {KIND_TEXT}", reason=KIND_NOT_STATED)
    asked = [*inputs, *_optional(pool_file), *(entry.name for entry in pool_file.conditions)]
    for name in asked:
        if name not in names:
            text = f"the pool's file has no column {name!r}; it has {', '.join(names)[:400]}"
            raise InvalidRequestError(text, reason="NO_POOL_COLUMN")
    own_id = [] if pool_file.id_column or "id" not in names else ["id"]
    return list(dict.fromkeys([*asked, *own_id]))


def _inputs(pool_file: PoolFile) -> list[str]:
    """The columns that hold the materials."""
    return list(_elements(pool_file).names) if pool_file.element_columns else [pool_file.structure_column]


def _elements(pool_file: PoolFile) -> ElementColumns:
    try:
        return _read_elements(pool_file.element_columns)
    except ValueError as error:
        raise InvalidRequestError.of_field("file.element_columns", str(error)) from None


def _material(columns: _Columns, pool_file: PoolFile, row: int) -> tuple[bytes, Fault | None]:
    """The material of a row on the wire, or why it has none."""
    if pool_file.element_columns:
        elements = _elements(pool_file)
        amounts = {name: columns[name][row] for name in elements.names}
        try:
            text = None if elements.is_empty(amounts) else elements.text_of(amounts)
        except ValueError as error:
            return b"", ("INVALID_AMOUNT", str(error))
        return material_form(MaterialKind.COMPOSITION, text)
    cell = columns[pool_file.structure_column][row]
    return wire_form(cell) if pool_file.kind is MaterialKind.STRUCTURE else material_form(pool_file.kind, cell)


def _conditions(
    columns: _Columns, pool_file: PoolFile, n_rows: int
) -> tuple[list[dict[str, ConditionValue]], dict[int, str]]:
    """Conditions of each row, and what is wrong by row."""
    found: list[dict[str, ConditionValue]] = [{} for _ in range(n_rows)]
    bad: dict[int, str] = {}
    for entry in pool_file.conditions:
        read = read_conditions(columns[entry.name], entry.unit)
        bad |= {row: f"condition {entry.name} is {what}" for row, what in read.bad}
        unit = "" if entry.unit == CATEGORY else entry.unit
        for row in np.flatnonzero(known_rows(read.values)).tolist():
            value = read.values[row]
            given = ConditionValue(value) if isinstance(value, str) else ConditionValue(float(value), unit)
            found[row][entry.name] = given
    return found, bad


def _optional(pool_file: PoolFile) -> list[str]:
    named = (pool_file.id_column, pool_file.cost_column, pool_file.group_column, *pool_file.known_columns)
    return [name for name in named if name]


def _candidates(columns: _Columns, pool_file: PoolFile, start: int) -> Iterator[Candidate]:
    n_rows = len(columns[_inputs(pool_file)[0]])
    ids = columns.get(pool_file.id_column or "id", [None] * n_rows)
    costs, bad_costs = _numbers(columns, pool_file.cost_column, n_rows)
    known = {name: _numbers(columns, name, n_rows) for name in pool_file.known_columns}
    groups = columns.get(pool_file.group_column, [""] * n_rows)
    conditions, bad_conditions = _conditions(columns, pool_file, n_rows)
    for row in range(n_rows):
        text = id_text(ids[row])
        name = str(start + row) if text is None else text
        values = {column: cells[row] for column, (cells, _) in known.items() if cells[row] == cells[row]}
        structure, fault = _material(columns, pool_file, row)
        bad = bad_costs.get(row) or next((found[row] for _, found in known.values() if row in found), None)
        number_fault = ("INVALID_NUMBER", bad) if bad else None
        cost = 1.0 if costs[row] != costs[row] else costs[row]
        condition_fault = (INVALID_CONDITION, bad_conditions[row]) if row in bad_conditions else None
        fault = fault or fault_of_id(name) or number_fault or fault_of_numbers(cost, values)
        fault = fault or condition_fault or fault_of_conditions(conditions[row])
        group = "" if is_missing(groups[row]) else str(groups[row])
        yield Candidate(name, structure, cost or 1.0, group, values, fault, conditions[row])


def _numbers(columns: _Columns, name: str, n_rows: int) -> tuple[list[float], dict[int, str]]:
    """Numbers of a column, NaN where there is none, and what is wrong by row."""
    if not name:
        return [float("nan")] * n_rows, {}
    read = read_column(columns[name])
    return list(read.values), {row: f"{name} holds {what}" for row, what in read.bad}


def _plain(uri: str) -> str:
    return uri.lower().removesuffix(".gz")
