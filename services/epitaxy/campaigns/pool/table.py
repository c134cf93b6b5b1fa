"""All rows of a featurized pool in one Arrow file, mapped into memory: what rules, answers and records read."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from epitaxy.campaigns.domain.candidates import INVALID_CONDITION, ConditionValue
from epitaxy.campaigns.domain.record import Chunk
from epitaxy.campaigns.pool.chunks import ChunkFiles
from epitaxy.campaigns.pool.conditions import ConditionColumn, columns_of, learned, values_of
from epitaxy.campaigns.pool.features import ESTIMATES, FeatureFolder
from epitaxy_models.transfer.conditions.condition import Condition, Values, value_keys

COPY = "DUPLICATE_OF_CANDIDATE"
_KNOWN, _CONDITION = "known:", "condition:"
_UNITS = b"units"
_FACTS = ("reason", "message", "formula", "elements", "domain_score", "domain_verdict", "review_verdict")


@dataclass(frozen=True, slots=True)
class RowFacts:
    """What answers tell of one candidate."""

    id: str
    formula: str
    cost: float
    group: str
    domain_score: float
    domain_verdict: str
    conditions: Mapping[str, ConditionValue] = field(default_factory=dict)


_PLAIN_FACTS = ("id", "formula", "cost", "group", "domain_score", "domain_verdict")


class PoolTable:
    """Rows of a pool.

    Attributes:
        n_rows: Number of rows, refused ones and copies included.
        standing: The row that stands for each row, ``[n_rows]``: itself, the first copy of its material under its
            conditions, or -1 if it is refused.
        allowed: What rules last left of the rows, kept by the rules.
        is_outside: Rows that came with results and may not be chosen, ``[n_rows]``.
    """

    def __init__(
        self, table: Any, standing: NDArray[np.int64], is_outside: NDArray[np.bool_], features: FeatureFolder
    ) -> None:
        self._table, self.standing, self.is_outside, self.features = table, standing, is_outside, features
        self.n_rows: int = table.num_rows
        self.allowed: dict[Any, Any] = {}

    @cached_property
    def is_candidate(self) -> NDArray[np.bool_]:
        """Rows that could be chosen if no rule left them out."""
        return np.asarray((self.standing == np.arange(self.n_rows)) & ~self.is_outside)

    @cached_property
    def costs(self) -> NDArray[np.float64]:
        """Costs, positive, ``[n_rows]``."""
        return self.column("cost")

    @property
    def known_columns(self) -> list[str]:
        """Names of columns of known values."""
        return [name.removeprefix(_KNOWN) for name in self._table.column_names if name.startswith(_KNOWN)]

    def known(self, name: str) -> NDArray[np.float64]:
        """Known values of a column, NaN where unknown."""
        return self.column(f"{_KNOWN}{name}")

    def estimates(self, name: str) -> tuple[NDArray[np.floating], NDArray[np.floating]] | None:
        """What the substrate predicts and its standard deviations; None if it does not know the property."""
        names = [estimate for estimate, _ in self.features.mark.estimates]
        if name not in names:
            return None
        place, block = names.index(name), self.features.block(ESTIMATES, self.n_rows)[:]
        return block[:, place], block[:, len(names) + place]

    @cached_property
    def conditions(self) -> Mapping[str, Values]:
        """Values of conditions that candidates state, ``[n_rows]``: numbers, NaN where unknown, or words and None."""
        return {name: self._condition(name) for name in self._units}

    @cached_property
    def learned_conditions(self) -> Sequence[Condition]:
        """The conditions as models know them."""
        return learned(self._units, self.conditions)

    @cached_property
    def _units(self) -> dict[str, str]:
        """Unit of each condition by name."""
        text = (self._table.schema.metadata or {}).get(_UNITS)
        units: dict[str, str] = json.loads(text) if text else {}
        return units

    def _condition(self, name: str) -> Values:
        column = self._table.column(f"{_CONDITION}{name}")
        if pa.types.is_floating(column.type):
            return np.asarray(column.to_numpy(), dtype=np.float64)
        words = np.empty(self.n_rows, dtype=object)
        words[:] = column.to_pylist()
        return words

    def column(self, name: str) -> NDArray[np.float64]:
        """Numbers of a column."""
        return np.asarray(self._table.column(name).to_numpy(), dtype=np.float64)

    def texts(self, name: str) -> Any:
        """A column of texts or bytes, as an Arrow array."""
        return self._table.column(name).combine_chunks()

    def row(self, row: int) -> RowFacts:
        """Facts of one row."""
        cells = self._table.slice(row, 1).to_pylist()[0]
        conditions = {
            name: ConditionValue(value, unit if isinstance(value, float) else "")
            for name, unit in self._units.items()
            if (value := cells[f"{_CONDITION}{name}"]) is not None
        }
        return RowFacts(**{name: cells[name] for name in _PLAIN_FACTS}, conditions=conditions)

    def unusable(self, row: int) -> str:
        """Why a row cannot be used; empty if it can."""
        cells = self._table.slice(row, 1).select(["reason", "message"]).to_pylist()[0]
        return f"{cells['reason']}: {cells['message']}" if cells["reason"] else ""

    def refused(self, limit: int) -> list[dict[str, str]]:
        """Rows that cannot be used, copies included, with their reasons."""
        is_refused = self.standing != np.arange(self.n_rows)
        rows = np.flatnonzero(is_refused)[:limit]
        found = self._table.select(["id", "reason", "message"]).take(pa.array(rows)).to_pylist()
        for row, entry in zip(rows.tolist(), found, strict=True):
            if not entry["reason"]:
                stands = self._table.column("id")[int(self.standing[row])].as_py()
                entry |= {"reason": COPY, "message": f"the same material as {stands}, which stands for both"}
        return list(found)

    def refusals(self) -> dict[str, int]:
        """Number of refused rows by reason, copies left out."""
        counted = self._table.column("reason").value_counts().to_pylist()
        return {entry["values"]: entry["counts"] for entry in counted if entry["values"]}


def build_table(chunks: Sequence[Chunk], files: ChunkFiles, features: FeatureFolder) -> PoolTable:
    """Joins candidates and facts of all chunks, in order, and finds copies; keeps the result in a file."""
    path = _path(features, chunks)
    names = sorted({name for chunk in chunks for name in _known_names(files, chunk)})
    columns = columns_of(given for chunk in chunks for given in files.conditions(chunk.number))
    partial = path.with_suffix(".tmp")
    keys: list[bytes] = []
    with pa.OSFile(str(partial), "wb") as sink:
        writer = None
        for chunk in chunks:
            part, own = _joined(chunk, files, features, names, columns)
            keys += own
            writer = writer or pa.ipc.new_file(sink, part.schema)
            writer.write_table(part)
        if writer is not None:
            writer.close()
    np.save(path.with_suffix(".npy"), _standing(keys))
    partial.replace(path)
    return open_table(chunks, features)


def open_table(chunks: Sequence[Chunk], features: FeatureFolder) -> PoolTable:
    """The table that `build_table` made of these chunks. Raises OSError if it is not there."""
    path = _path(features, chunks)
    is_outside = np.concatenate([np.full(chunk.n_rows, chunk.is_outside) for chunk in chunks])
    table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    return PoolTable(table, np.load(path.with_suffix(".npy")), is_outside, features)


def remove_smaller(chunks: Sequence[Chunk], features: FeatureFolder) -> None:
    """Removes tables of fewer chunks; who still reads one has it open."""
    newest = _path(features, chunks)
    for path in features.folder.glob("table-*"):
        if path.stem < newest.stem:
            path.unlink(missing_ok=True)


def _path(features: FeatureFolder, chunks: Sequence[Chunk]) -> Path:
    n_rows = chunks[-1].start + chunks[-1].n_rows
    return features.folder / f"table-{n_rows:08d}.arrow"


def _joined(
    chunk: Chunk,
    files: ChunkFiles,
    features: FeatureFolder,
    known: Sequence[str],
    conditions: Sequence[ConditionColumn],
) -> tuple[Any, list[bytes]]:
    """A chunk's part of the table, and what names each material under its conditions, empty if it is refused."""
    candidates = files.columns(chunk.number, ["id", "cost", "group"])
    facts = features.facts(chunk.number)
    columns = {name: candidates.column(name) for name in candidates.column_names}
    columns |= {name: facts.column(name) for name in _FACTS}
    keys = facts.column("key").to_pylist()
    if conditions:
        given, faults = values_of(conditions, files.conditions(chunk.number))
        _refuse(columns, faults)
        keys = _under(keys, given, faults)
        for column in conditions:
            kind = pa.string() if column.categories else pa.float64()
            columns[f"{_CONDITION}{column.name}"] = pa.array(given[column.name], kind)
    values = list(_known_values(files, chunk)) if known else []
    columns |= {
        f"{_KNOWN}{name}": pa.array([float(row.get(name, np.nan)) for row in values], pa.float64()) for name in known
    }
    units = {column.name: column.unit for column in conditions}
    table = pa.table(columns).combine_chunks()
    return table.replace_schema_metadata({_UNITS: json.dumps(units)} if units else None), keys


def _refuse(columns: dict[str, Any], faults: Mapping[int, str]) -> None:
    """Gives rows without a reason the fault of their conditions."""
    reasons, messages = columns["reason"].to_pylist(), columns["message"].to_pylist()
    for row, message in faults.items():
        if not reasons[row]:
            reasons[row], messages[row] = INVALID_CONDITION, message
    columns |= {"reason": pa.array(reasons, pa.string()), "message": pa.array(messages, pa.string())}


def _under(keys: Sequence[bytes], given: Mapping[str, Sequence[Any]], faults: Mapping[int, str]) -> list[bytes]:
    """Keys of materials under conditions."""
    columns = [np.array(values, dtype=object) for values in given.values()]
    conditions = value_keys(columns, len(keys))
    return [
        key + json.dumps(under).encode() if key and row not in faults else b""
        for row, (key, under) in enumerate(zip(keys, conditions, strict=True))
    ]


def _known_names(files: ChunkFiles, chunk: Chunk) -> Iterable[str]:
    return {name for row in _known_values(files, chunk) for name in row}


def _known_values(files: ChunkFiles, chunk: Chunk) -> Iterator[dict[str, float]]:
    for text in files.columns(chunk.number, ["known"]).column("known").to_pylist():
        yield json.loads(text) if text else {}


def _standing(keys: Sequence[bytes]) -> NDArray[np.int64]:
    """The first row with each row's key; -1 for rows without one."""
    first: dict[bytes, int] = {}
    rows = (first.setdefault(key, row) if key else -1 for row, key in enumerate(keys))
    return np.fromiter(rows, dtype=np.int64, count=len(keys))
