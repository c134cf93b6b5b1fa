"""Features of all candidates, scaled once over the pool: what is near to what does not change with the labels."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import CheckpointError, ConfigurationError
from epitaxy_models.transfer.strategies.block_kernel import Rows
from epitaxy_models.transfer.strategies.block_scaling import BlockScale

# Rows that are widened to float64 at a time: 4,096 of 2,700 features take 90 MB.
ROWS_A_PIECE = 4096
# Pools up to this size keep their scaled rows in memory.
_N_KEPT = 4096
_MANIFEST = "pool.json"


@dataclass(frozen=True, eq=False)
class PoolBlocks:
    """Blocks of features of ``n_candidates`` candidates.

    Attributes:
        blocks: As computed, by name, ``[n_candidates, width]``; may be mapped from a file and float32.
        scales: Standardisation by block, learned from (a sample of) the pool.
    """

    blocks: Mapping[str, NDArray[np.floating]]
    scales: Mapping[str, BlockScale]
    _kept: dict[str, NDArray[np.float32]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, blocks: Mapping[str, NDArray[np.floating]], n_sample: int = 10_000) -> "PoolBlocks":
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
        step = -(-lengths.pop() // n_sample)
        return cls(blocks, {name: BlockScale.fit(block[::step].astype(np.float64)) for name, block in blocks.items()})

    def write(self, folder: Path) -> None:
        """Keeps the blocks as float32 in a folder that ``read`` maps into memory."""
        folder.mkdir(parents=True, exist_ok=True)
        for place, name in enumerate(self.blocks):
            np.save(folder / f"block-{place}.npy", np.asarray(self.blocks[name], dtype=np.float32))
            np.save(folder / f"scale-{place}.npy", np.stack([self.scales[name].centre, self.scales[name].factor]))
        # The manifest comes last: a folder without one is not finished.
        part = folder / f"{_MANIFEST}.part"
        part.write_text(json.dumps({"blocks": list(self.blocks)}))
        part.replace(folder / _MANIFEST)

    @classmethod
    def read(cls, folder: Path) -> "PoolBlocks":
        """Maps the blocks that ``write`` left; or those of a folder of ``NAME.npy`` without a manifest, which are checked.

        Raises CheckpointError (INVALID_POOL) if the folder holds none, or is damaged.
        """
        if not (folder / _MANIFEST).exists():
            found = {
                path.stem: np.load(path, mmap_mode="r", allow_pickle=False) for path in sorted(folder.glob("*.npy"))
            }
            if not found:
                raise CheckpointError(f"{folder.name} holds no blocks of a pool", reason="INVALID_POOL")
            return cls.of(found)
        try:
            names = json.loads((folder / _MANIFEST).read_text())["blocks"]
            blocks, scales = {}, {}
            for place, name in enumerate(names):
                blocks[name] = np.load(folder / f"block-{place}.npy", mmap_mode="r", allow_pickle=False)
                scales[name] = BlockScale(*np.load(folder / f"scale-{place}.npy", allow_pickle=False))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(f"{folder.name} holds a damaged pool", reason="INVALID_POOL") from error
        return cls(blocks, scales)

    @property
    def n_candidates(self) -> int:
        """Number of candidates."""
        return len(next(iter(self.blocks.values())))

    def only(self, *names: str) -> "PoolBlocks":
        """The same candidates with some of the blocks."""
        kept = {name: self._kept[name] for name in names if name in self._kept}
        blocks, scales = ({name: part[name] for name in names} for part in (self.blocks, self.scales))
        return PoolBlocks(blocks, scales, kept)

    def rows(self, chosen: NDArray[np.int64] | slice) -> Rows:
        """Scaled rows of the chosen candidates, float32 by block."""
        if self.n_candidates <= _N_KEPT:
            for name in set(self.scales) - set(self._kept):
                self._kept[name] = self._scaled(name, slice(None))
            return {name: block[chosen] for name, block in self._kept.items()}
        return {name: self._scaled(name, chosen) for name in self.scales}

    def _scaled(self, name: str, chosen: NDArray[np.int64] | slice) -> NDArray[np.float32]:
        return self.scales[name](self.blocks[name][chosen].astype(np.float64))

    def pieces(self, chosen: NDArray[np.int64] | None = None) -> Iterator[tuple[NDArray[np.int64], Rows]]:
        """All or the chosen candidates a piece at a time: their numbers and scaled rows."""
        n_rows = self.n_candidates if chosen is None else len(chosen)
        for start in range(0, n_rows, ROWS_A_PIECE):
            end = min(start + ROWS_A_PIECE, n_rows)
            if chosen is None:
                yield np.arange(start, end), self.rows(slice(start, end))
            else:
                yield chosen[start:end], self.rows(chosen[start:end])


def _check_finite(name: str, block: NDArray[np.floating]) -> None:
    if block.ndim != 2:
        raise ConfigurationError(
            f"block {name!r} of {block.ndim} dimensions: give rows of features", reason="INVALID_POOL"
        )
    for start in range(0, len(block), ROWS_A_PIECE):
        is_bad = ~np.isfinite(block[start : start + ROWS_A_PIECE]).all(axis=1)
        if is_bad.any():
            row = start + int(np.argmax(is_bad))
            raise ConfigurationError(
                f"block {name!r}: a feature of candidate {row} is not finite; leave the candidate out",
                reason="INVALID_POOL",
            )
