"""The first choices of a campaign that has no labels: by the substrate's own prediction, or spread over the pool."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.campaigns.pool_blocks import PoolBlocks
from epitaxy_models.transfer.inputs import EMBEDDING

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]
# Farthest points are looked for among so many candidates: the farthest of all are freaks.
_N_LOOKED_AT = 50


class StartName(StrEnum):
    """How a campaign begins."""

    AUTO = "auto"
    HEAD = "head"
    DIVERSE = "diverse"
    RANDOM = "random"


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """First choices.

    Attributes:
        name: How they are made; ``auto`` takes half by the head and half spread, or all spread without a head.
        scores: What the head says of each candidate, more is better, ``[n_candidates]``; None without a head.
    """

    name: StartName = StartName.AUTO
    scores: Array | None = None

    def choose(self, pool: PoolBlocks, n_wanted: int, seed: int, taken: Numbers, allowed: Numbers) -> Numbers:
        """Numbers of ``n_wanted`` allowed candidates that are not ``taken`` yet, fewer if there are no more."""
        open_ones = np.setdiff1d(allowed, taken)
        n_wanted = min(n_wanted, len(open_ones))
        generator = np.random.default_rng(seed)
        if self.name is StartName.RANDOM:
            return generator.permutation(open_ones)[:n_wanted]
        by_head = self._n_by_head(n_wanted)
        first = self._best(open_ones, by_head)
        others = np.setdiff1d(open_ones, first)
        spread = spread_over(pool, others, np.concatenate([taken, first]), n_wanted - by_head, generator)
        return np.concatenate([first, spread])

    def _n_by_head(self, n_wanted: int) -> int:
        if self.scores is None or self.name is StartName.DIVERSE:
            return 0
        return n_wanted if self.name is StartName.HEAD else (n_wanted + 1) // 2

    def _best(self, open_ones: Numbers, n_wanted: int) -> Numbers:
        if self.scores is None or not n_wanted:
            return np.empty(0, dtype=np.int64)
        return open_ones[np.argsort(-self.scores[open_ones], kind="stable")[:n_wanted]]


def spread_over(
    pool: PoolBlocks, open_ones: Numbers, taken: Numbers, n_wanted: int, generator: np.random.Generator
) -> Numbers:
    """A space-filling design: one after another, the farthest from all taken, of a random few.

    Kennard & Stone, Technometrics 11, 137 (1969), on random subsets.
    """
    if not n_wanted:
        return np.empty(0, dtype=np.int64)
    block = EMBEDDING if EMBEDDING in pool.blocks else sorted(pool.blocks)[0]
    chosen: list[int] = []
    while len(chosen) < n_wanted:
        left = np.setdiff1d(open_ones, chosen)
        looked_at = generator.permutation(left)[:_N_LOOKED_AT]
        others = np.concatenate([taken, np.array(chosen, dtype=np.int64)])
        chosen.append(int(looked_at[np.argmax(_nearest(pool, block, looked_at, others))]))
    return np.array(chosen, dtype=np.int64)


def _nearest(pool: PoolBlocks, block: str, numbers: Numbers, others: Numbers) -> Array:
    """Distance of each to the nearest of the others; equal for all if there are none."""
    if not len(others):
        return np.zeros(len(numbers))
    scale = pool.scales[block]
    one, two = (scale(pool.blocks[block][chosen].astype(np.float64)).astype(np.float64) for chosen in (numbers, others))
    return np.asarray(np.min(((one[:, None] - two) ** 2).sum(axis=-1), axis=1), dtype=np.float64)
