"""Pools of all campaigns below one folder."""

import shutil
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from epitaxy.campaigns.domain.candidates import Candidate
from epitaxy.campaigns.domain.events import PoolReady
from epitaxy.campaigns.domain.record import CampaignRecord, Chunk
from epitaxy.campaigns.pool.chunks import ChunkFiles
from epitaxy.campaigns.pool.features import FeatureFolder
from epitaxy.campaigns.pool.ids import IdIndex
from epitaxy.campaigns.pool.table import PoolTable, build_table, open_table, remove_smaller
from epitaxy.campaigns.ports import CampaignKey
from epitaxy.chassis.errors import UnavailableError


class Pool:
    """One campaign's pool: finds candidates of the rows that a record knows. Follow a record before asking."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = ChunkFiles(folder / "candidates")
        self._ids = IdIndex()
        self._chunks: list[Chunk] = []
        self.table: PoolTable | None = None

    def follow(self, record: CampaignRecord) -> None:
        """Takes in rows that the record has and this pool does not know yet."""
        for chunk in record.chunks[len(self._chunks) :]:
            self._ids.add(self.files.ids(chunk.number))
            self._chunks.append(chunk)
        ready = record.pool
        if ready is not None and (self.table is None or self.table.n_rows < ready.n_rows):
            self._open_table(record, ready)

    def _open_table(self, record: CampaignRecord, ready: PoolReady) -> None:
        try:
            self.table = open_table(ready_chunks(record), FeatureFolder(self.folder, ready.weights_digest))
        except FileNotFoundError as error:
            # Another process has made a larger one meanwhile: the log will say so in a moment.
            if self.table is None:
                raise UnavailableError("the pool is being extended: send it again") from error

    def row_of(self, candidate_id: str) -> int | None:
        """The row of an id; None if the pool does not have it."""
        return self._ids.row_of(candidate_id)

    def unusable(self, row: int) -> str:
        """Why a candidate cannot be used; empty if it can, or if that is not known yet."""
        return self.table.unusable(row) if self._is_ready(row) and self.table is not None else ""

    def cost_of(self, row: int) -> float:
        """What measuring it costs; 1 where nobody said."""
        if self._is_ready(row) and self.table is not None:
            return self.table.row(row).cost
        return self.candidate(row).cost if row < self._ids.n_rows else 1.0

    def candidate(self, row: int) -> Candidate:
        """A candidate as it came. Raises KeyError for a row that there is not."""
        chunk = next((entry for entry in self._chunks if entry.start <= row < entry.start + entry.n_rows), None)
        if chunk is None:
            raise KeyError(row)
        return self.files.read(chunk.number)[row - chunk.start]

    def candidates(self, rows: Sequence[int]) -> list[Candidate]:
        """Some candidates as they came; each chunk is read once."""
        read = lru_cache(maxsize=4)(self.files.read)
        order = sorted(range(len(rows)), key=lambda place: rows[place])
        found: dict[int, Candidate] = {}
        chunks = iter(self._chunks)
        chunk = next(chunks, None)
        for place in order:
            while chunk is not None and rows[place] >= chunk.start + chunk.n_rows:
                chunk = next(chunks, None)
            if chunk is not None:
                found[place] = read(chunk.number)[rows[place] - chunk.start]
        return [found[place] for place in range(len(rows))]

    def _is_ready(self, row: int) -> bool:
        return self.table is not None and row < self.table.n_rows


class Pools:
    """Pools by campaign."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, key: CampaignKey) -> Pool:
        """The pool of a campaign."""
        return Pool(self._folder / key.tenant / key.id)

    def delete(self, key: CampaignKey) -> None:
        """Removes the pool of a campaign."""
        shutil.rmtree(self._folder / key.tenant / key.id, ignore_errors=True)

    def build(self, key: CampaignKey, record: CampaignRecord, digest: str) -> PoolTable:
        """The table of all rows of a record."""
        pool = self.open(key)
        features = FeatureFolder(pool.folder, digest)
        features.grow(record.n_rows)
        table = build_table(record.chunks, pool.files, features)
        remove_smaller(record.chunks, features)
        return table


def ready_chunks(record: CampaignRecord) -> list[Chunk]:
    """Chunks whose rows can be used."""
    return [chunk for chunk in record.chunks if chunk.start + chunk.n_rows <= record.n_ready_rows]
