"""All rows of a featurized pool in one Arrow file, mapped into memory: what rules, answers and records read."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from epitaxy.campaigns.domain.record import Chunk
from epitaxy.campaigns.pool.chunks import ChunkFiles
from epitaxy.campaigns.pool.features import ESTIMATES, FeatureFolder

COPY = "DUPLICATE_OF_CANDIDATE"
_KNOWN = "known:"
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


class PoolTable:
    """Rows of a pool.

    Attributes:
        n_rows: Number of rows, refused ones and copies included.
        standing: The row that stands for each row, ``[n_rows]``: itself, the first copy of its crystal, or -1 if it is
            refused.
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

    def column(self, name: str) -> NDArray[np.float64]:
        """Numbers of a column."""
        return np.asarray(self._table.column(name).to_numpy(), dtype=np.float64)

    def texts(self, name: str) -> Any:
        """A column of texts or bytes, as an Arrow array."""
        return self._table.column(name).combine_chunks()

    def row(self, row: int) -> RowFacts:
        """Facts of one row."""
        cells = self._table.slice(row, 1).to_pylist()[0]
        return RowFacts(**{name: cells[name] for name in RowFacts.__slots__})

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
                entry |= {"reason": COPY, "message": f"the same crystal as {stands}, which stands for both"}
        return list(found)

    def refusals(self) -> dict[str, int]:
        """Number of refused rows by reason, copies left out."""
        counted = self._table.column("reason").value_counts().to_pylist()
        return {entry["values"]: entry["counts"] for entry in counted if entry["values"]}


def build_table(chunks: Sequence[Chunk], files: ChunkFiles, features: FeatureFolder) -> PoolTable:
    """Joins candidates and facts of all chunks, in order, and finds copies; keeps the result in a file."""
    path = _path(features, chunks)
    names = sorted({name for chunk in chunks for name in _known_names(files, chunk)})
    partial = path.with_suffix(".tmp")
    keys: list[bytes] = []
    with pa.OSFile(str(partial), "wb") as sink:
        writer = None
        for chunk in chunks:
            part = _joined(chunk, files, features, names)
            keys += features.facts(chunk.number).column("key").to_pylist()
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


def _joined(chunk: Chunk, files: ChunkFiles, features: FeatureFolder, known: Sequence[str]) -> Any:
    candidates = files.columns(chunk.number, ["id", "cost", "group"])
    facts = features.facts(chunk.number)
    columns = {name: candidates.column(name) for name in candidates.column_names}
    columns |= {name: facts.column(name) for name in _FACTS}
    values = list(_known_values(files, chunk)) if known else []
    columns |= {
        f"{_KNOWN}{name}": pa.array([float(row.get(name, np.nan)) for row in values], pa.float64()) for name in known
    }
    return pa.table(columns).combine_chunks()


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
