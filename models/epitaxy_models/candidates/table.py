"""Candidates as a table that ``epitaxy screen`` and a campaign's pool take: Parquet, or JSON Lines for a pipe."""

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from epitaxy_models.candidates.candidate import Candidate
from epitaxy_models.structures.dataset_column import structure_to_column

_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("formula", pa.string()),
        ("structure", pa.string()),
        ("source_id", pa.string()),
        ("substitution", pa.string()),
        ("probability", pa.float64()),
        ("volume_ratio", pa.float64()),
        ("space_group", pa.int32()),
        ("is_known", pa.bool_()),
        ("known_as", pa.string()),
    ]
)
COLUMNS = tuple(_SCHEMA.names)
C = TypeVar("C")
_ROWS_A_GROUP = 2_000


def row_of(candidate: Candidate) -> dict[str, Any]:
    """The row of a candidate; what it does not have is None."""
    return {
        "id": candidate.id,
        "formula": candidate.formula,
        "structure": structure_to_column(candidate.structure),
        "source_id": candidate.source_id or None,
        "substitution": candidate.substitution or None,
        "probability": candidate.probability,
        "volume_ratio": candidate.volume_ratio,
        "space_group": candidate.space_group,
        "is_known": candidate.is_known,
        "known_as": candidate.known_as or None,
    }


@dataclass(frozen=True, slots=True)
class TableForm(Generic[C]):
    """How candidates of some kind stand in a table.

    Attributes:
        schema: Of the table.
        row_of: The row of a candidate, by column.
    """

    schema: pa.Schema
    row_of: Callable[[C], dict[str, Any]]


CRYSTALS: TableForm[Candidate] = TableForm(_SCHEMA, row_of)
"""The table of crystals."""


def write_lines(stream: IO[str], candidates: Iterable[C], form: TableForm[C]) -> int:
    """Writes one JSON object a line as candidates come, and returns their number."""
    n_rows = 0
    for candidate in candidates:
        stream.write(json.dumps(form.row_of(candidate), separators=(",", ":")) + "\n")
        stream.flush()
        n_rows += 1
    return n_rows


def write_table(path: Path, candidates: Iterable[C], form: TableForm[C]) -> int:
    """Writes Parquet, or JSON Lines if the name ends in .jsonl; a table that was there stays until this is whole."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        if path.suffix.lower() == ".jsonl":
            with partial.open("w", encoding="utf-8") as file:
                n_rows = write_lines(file, candidates, form)
        else:
            n_rows = _write_parquet(partial, candidates, form)
        with partial.open("rb+") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return n_rows


def _write_parquet(path: Path, candidates: Iterable[C], form: TableForm[C]) -> int:
    rows, n_rows = map(form.row_of, candidates), 0
    with pq.ParquetWriter(path, form.schema, compression="zstd") as writer:
        while group := list(islice(rows, _ROWS_A_GROUP)):
            writer.write_table(pa.Table.from_pylist(group, schema=form.schema))
            n_rows += len(group)
    return n_rows
