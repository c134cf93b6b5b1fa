"""The first choices of a campaign that has no labels: by the substrate's own prediction, or spread over the pool."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.campaigns.heads import HeadAnswer
from epitaxy_models.campaigns.knowledge import Knowledge
from epitaxy_models.campaigns.nearness import squared_by_block
from epitaxy_models.campaigns.objective import Objective
from epitaxy_models.campaigns.pool_blocks import PoolBlocks
from epitaxy_models.transfer.conditions.blocks import CONDITION_PREFIX
from epitaxy_models.transfer.inputs import EMBEDDING

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]
# Farthest points are looked for among so many candidates: the farthest of all are freaks.
_N_LOOKED_AT = 50
# Share of the first choices that a head makes that only ranks, or that results do not agree with.
_HALF = 0.5
# Typical error of a head that is trusted, over the spread of its values.
_TRUSTED = 0.5


class StartName(StrEnum):
    """How a campaign begins."""

    AUTO = "auto"
    HEAD = "head"
    DIVERSE = "diverse"
    RANDOM = "random"


@dataclass(frozen=True, slots=True)
class First:
    """How a first choice came about.

    Attributes:
        by_head: Whether the head ranked it.
        reason: One line.
    """

    by_head: bool
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """First choices.

    Attributes:
        name: How they are made; ``auto`` takes a share by the head and the others spread, or all spread without a head.
        scores: What the head says of each candidate, more is better, ``[n_candidates]``; None without a head.
        source: Name of the head.
        head_share: Share of the first choices that the head makes if the name is ``auto``.
    """

    name: StartName = StartName.AUTO
    scores: Array | None = None
    source: str = "the substrate's own prediction"
    head_share: float = _HALF

    def with_heads(self, objectives: Sequence[Objective], heads: Mapping[str, HeadAnswer], known: Knowledge) -> "Start":
        """Ranked by what the substrate says of the objectives, if it says anything and no scores are given.

        Several objectives count by their spread over the pool. Heads that state values make all first choices as long
        as the results agree with them.
        """
        answered = [entry for entry in objectives if entry.name in heads]
        if self.scores is not None or not answered:
            return self
        columns = [heads[entry.name].scores(entry) for entry in answered]
        scores = np.sum([(column - column.mean()) / (column.std() + 1e-12) for column in columns], axis=0)
        is_trusted = all(_is_trusted(heads[entry.name], entry.name, known) for entry in answered)
        source = " and ".join(heads[entry.name].source for entry in answered)
        return Start(self.name, scores, source, 1.0 if is_trusted else _HALF)

    def choose(
        self, pool: PoolBlocks, n_wanted: int, seed: int, taken: Numbers, open_ones: Numbers
    ) -> list[tuple[int, First]]:
        """At most ``n_wanted`` of the open candidates, those of the head first, with how each came about."""
        n_wanted = min(n_wanted, len(open_ones))
        generator = np.random.default_rng(seed)
        if self.name is StartName.RANDOM:
            drawn = generator.permutation(open_ones)[:n_wanted]
            return [(int(number), First(False, "first choices: drawn at random")) for number in drawn]
        by_head = self._n_by_head(n_wanted, len(taken))
        first = self.best(open_ones, by_head)
        others = np.setdiff1d(open_ones, first)
        spread = spread_over(pool, others, np.concatenate([taken, first]), n_wanted - by_head, generator)
        headed = First(True, f"first choices: ranked by {self.source}")
        spaced = First(False, "first choices: far from everything tried")
        return [*((int(number), headed) for number in first), *((number, spaced) for number in spread)]

    def _n_by_head(self, n_wanted: int, n_taken: int) -> int:
        if self.scores is None or self.name is StartName.DIVERSE:
            return 0
        # The larger half of everything tried so far, whatever the size of the batches.
        share = 1.0 if self.name is StartName.HEAD else self.head_share
        # Of everything tried so far, rounded up, whatever the size of the batches.
        return min(n_wanted, int(np.ceil(share * (n_taken + n_wanted)) - np.ceil(share * n_taken)))

    def best(self, open_ones: Numbers, n_wanted: int) -> Numbers:
        """The best of the open candidates by the head; none without one."""
        if self.scores is None or not n_wanted:
            return np.empty(0, dtype=np.int64)
        # A candidate that the head does not answer comes last.
        scores = np.nan_to_num(self.scores[open_ones], nan=-np.inf)
        return open_ones[np.argsort(-scores, kind="stable")[:n_wanted]]


def _is_trusted(head: HeadAnswer, name: str, known: Knowledge) -> bool:
    """Whether a head states values, and errs by less than its values vary, as far as results tell."""
    if not head.states_value:
        return False
    candidates, values, _ = known.results(name)
    if not len(values):
        return True
    return float(np.median(np.abs(values - head.values[candidates]))) < _TRUSTED * float(head.values.std())


def spread_over(
    pool: PoolBlocks, open_ones: Numbers, taken: Numbers, n_wanted: int, generator: np.random.Generator
) -> Sequence[int]:
    """A space-filling design: one after another, the farthest from all taken, of a random few.

    Kennard & Stone, Technometrics 11, 137 (1969), on random subsets.
    """
    block = EMBEDDING if EMBEDDING in pool.blocks else sorted(pool.blocks)[0]
    blocks = [block, *(name for name in pool.blocks if name.startswith(CONDITION_PREFIX))]
    chosen: list[int] = []
    for _ in range(n_wanted):
        drawn = generator.choice(open_ones, min(len(open_ones), _N_LOOKED_AT + len(chosen)), replace=False)
        looked_at = drawn[~np.isin(drawn, chosen)]
        others = np.concatenate([taken, np.array(chosen, dtype=np.int64)])
        chosen.append(int(looked_at[np.argmax(_nearest(pool.only(*blocks), looked_at, others))]))
    return chosen


def _nearest(pool: PoolBlocks, numbers: Numbers, others: Numbers) -> Array:
    """Squared distance of each to the nearest of the others; equal for all if there are none."""
    if not len(others):
        return np.zeros(len(numbers))
    left, right = pool.rows(numbers), pool.rows(others)
    squared = np.sum([squared_by_block(name, left, right) for name in pool.blocks], axis=0)
    return np.asarray(squared.min(axis=1))
