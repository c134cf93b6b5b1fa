"""Features of all candidates, scaled once over the pool: what is near to what does not change with the labels."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.campaigns.stored_block import StoredBlock
from epitaxy_models.errors import CheckpointError, ConfigurationError
from epitaxy_models.transfer.conditions.blocks import CONDITION_PREFIX
from epitaxy_models.transfer.inputs import COUNTS
from epitaxy_models.transfer.strategies.block_gp import scale_of
from epitaxy_models.transfer.strategies.block_kernel import Rows
from epitaxy_models.transfer.strategies.block_scaling import BlockScale

Block = NDArray[np.floating] | StoredBlock
# Rows that are widened to float64 at a time: 4,096 of 2,700 features take 90 MB.
ROWS_A_PIECE = 4096
# Pools up to this size keep their scaled rows in memory.
_N_KEPT = 4096
_MANIFEST, _SCALES = "pool.json", "scales.npz"


@dataclass(frozen=True, eq=False)
class PoolBlocks:
    """Blocks of features of ``n_candidates`` candidates.

    Attributes:
        blocks: As computed, by name, ``[n_candidates, width]``; may lie in files and be float32.
        scales: Standardisation by block, learned from (a sample of) the pool.
    """

    blocks: Mapping[str, Block]
    scales: Mapping[str, BlockScale]
    _kept: dict[str, NDArray[np.float32]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, blocks: Mapping[str, Block], n_sample: int = 10_000) -> "PoolBlocks":
        """Checks blocks and learns scales from at most ``n_sample`` evenly spread rows.

        Raises ConfigurationError (INVALID_POOL) if there are no candidates, blocks differ in length, or a feature is
        not finite.
        """
        lengths = {len(block) for block in blocks.values()}
        if len(lengths) != 1 or 0 in lengths:
            raise ConfigurationError(
                f"blocks of {sorted(lengths)} rows: a pool needs as many rows, and at least one, in every block",
                reason="INVALID_POOL",
            )
        for name, block in blocks.items():
            _check_finite(name, block)
        sampled = np.arange(0, min(lengths), -(-min(lengths) // n_sample))
        return cls(blocks, {name: scale_of(name, _widened(block, sampled)) for name, block in blocks.items()})

    def write(self, folder: Path) -> None:
        """Keeps the blocks as float32 in a folder for ``read``, a piece at a time."""
        writer = PoolWriter(folder, self.n_candidates)
        for start in range(0, self.n_candidates, ROWS_A_PIECE):
            piece = slice(start, start + ROWS_A_PIECE)
            writer.put(start, {name: block[piece] for name, block in self.blocks.items()})
        writer.finish()

    @classmethod
    def read(cls, folder: Path) -> "PoolBlocks":
        """Opens what ``write`` or a ``PoolWriter`` left; or checks and opens a folder of ``NAME.npy`` files.

        Raises CheckpointError (INVALID_POOL) if the folder holds no pool, or a damaged one.
        """
        if not (folder / _MANIFEST).exists():
            return cls.of(_stored(folder))
        try:
            names = json.loads((folder / _MANIFEST).read_text())["blocks"]
            with np.load(folder / _SCALES, allow_pickle=False) as found:
                scales = {name: _restored(name, found[str(place)]) for place, name in enumerate(names)}
            blocks = {name: StoredBlock(_path_of(folder, name)) for name in names}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(f"{folder.name} holds a damaged pool", reason="INVALID_POOL") from error
        if len({len(block) for block in blocks.values()}) != 1:
            raise CheckpointError(f"{folder.name} holds blocks of several lengths", reason="INVALID_POOL")
        return cls(blocks, scales)

    @property
    def n_candidates(self) -> int:
        """Number of candidates."""
        return len(next(iter(self.blocks.values())))

    def only(self, *names: str) -> "PoolBlocks":
        """The same candidates with some of the blocks."""
        kept = {name: self._kept[name] for name in names if name in self._kept}
        blocks = {name: self.blocks[name] for name in names}
        return PoolBlocks(blocks, {name: self.scales[name] for name in names}, kept)

    def rows(self, chosen: NDArray[np.int64] | slice) -> Rows:
        """Scaled rows of the chosen candidates, float32 by block."""
        if self.n_candidates <= _N_KEPT:
            for name in set(self.scales) - set(self._kept):
                self._kept[name] = self._scaled(name, slice(None))
            return {name: self._kept[name][chosen] for name in self.scales}
        return {name: self._scaled(name, chosen) for name in self.scales}

    def _scaled(self, name: str, chosen: NDArray[np.int64] | slice) -> NDArray[np.float32]:
        return self.scales[name](_widened(self.blocks[name], chosen))

    def pieces(self, chosen: NDArray[np.int64] | None = None) -> Iterator[tuple[NDArray[np.int64], Rows]]:
        """All or the chosen candidates a piece at a time: their numbers and scaled rows."""
        n_rows = self.n_candidates if chosen is None else len(chosen)
        for start in range(0, n_rows, ROWS_A_PIECE):
            end = min(start + ROWS_A_PIECE, n_rows)
            numbers = np.arange(start, end) if chosen is None else chosen[start:end]
            # A run of rows is read without an index of each.
            is_run = numbers[-1] - numbers[0] == len(numbers) - 1
            yield numbers, self.rows(slice(int(numbers[0]), int(numbers[-1]) + 1) if is_run else numbers)


@dataclass(frozen=True)
class PoolWriter:
    """Fills a folder with the features of a pool, a piece at a time; pieces may come in any order, or again.

    Attributes:
        folder: For ``PoolBlocks.read``.
        n_candidates: Rows of each block.
    """

    folder: Path
    n_candidates: int

    def put(self, start: int, blocks: Mapping[str, NDArray[np.floating]]) -> None:
        """Writes rows from ``start`` on.

        Raises ConfigurationError (INVALID_POOL) if a feature is not finite.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, block in blocks.items():
            _check_finite(name, block, start)
            self._mapped(name, block.shape[1])[start : start + len(block)] = block

    def finish(self) -> PoolBlocks:
        """Learns the scales; the manifest comes last, as a folder without one is not finished."""
        pool = PoolBlocks.of(_stored(self.folder))
        names = list(pool.blocks)
        pairs = [np.stack([pool.scales[name].centre, pool.scales[name].factor]) for name in names]
        scales: dict[str, Any] = {str(place): pair for place, pair in enumerate(pairs)}
        np.savez(self.folder / _SCALES, **scales)
        part = self.folder / f"{_MANIFEST}.part"
        part.write_text(json.dumps({"blocks": names}))
        part.replace(self.folder / _MANIFEST)
        return pool

    def _mapped(self, name: str, width: int) -> NDArray[np.float32]:
        path, shape = _path_of(self.folder, name), (self.n_candidates, width)
        if path.exists():
            mapped: NDArray[np.float32] = np.lib.format.open_memmap(path, "r+")
        else:
            mapped = np.lib.format.open_memmap(path, "w+", np.float32, shape)
        if mapped.shape != shape:
            raise ConfigurationError(f"block {name!r} has shape {mapped.shape}, not {shape}", reason="INVALID_POOL")
        return mapped


def _restored(name: str, pair: NDArray[np.float64]) -> BlockScale:
    """The scale of a block from its centre and factor."""
    centre, factor = pair
    return BlockScale(centre, factor, has_gaps=name.startswith(CONDITION_PREFIX), is_counts=name == COUNTS)


def _path_of(folder: Path, name: str) -> Path:
    """File of a block, whose name may hold slashes."""
    return folder / f"{quote(name, safe='')}.npy"


def _stored(folder: Path) -> dict[str, StoredBlock]:
    """Blocks of a folder by name, sorted."""
    found = {unquote(path.stem): StoredBlock(path) for path in sorted(folder.glob("*.npy"))}
    if not found:
        raise CheckpointError(f"{folder.name} holds no blocks of a pool", reason="INVALID_POOL")
    return found


def _widened(block: Block, chosen: NDArray[np.int64] | slice) -> NDArray[np.float64]:
    return np.asarray(block[chosen], dtype=np.float64)


def _check_finite(name: str, block: Block, first: int = 0) -> None:
    if block.ndim != 2:
        raise ConfigurationError(f"block {name!r} has {block.ndim} dimensions, not 2", reason="INVALID_POOL")
    for start in range(0, len(block), ROWS_A_PIECE):
        is_bad = ~np.isfinite(block[start : start + ROWS_A_PIECE]).all(axis=1)
        if is_bad.any():
            row = first + start + int(np.argmax(is_bad))
            raise ConfigurationError(
                f"block {name!r}: a feature of candidate {row} is not finite; leave the candidate out",
                reason="INVALID_POOL",
            )
