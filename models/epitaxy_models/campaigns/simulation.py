"""A finished data set played again: what a campaign would have found, with several strategies, against random."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.campaigns.acquisition import AcquisitionName
from epitaxy_models.campaigns.knowledge import Knowledge
from epitaxy_models.campaigns.objective import Limit, Objective
from epitaxy_models.campaigns.planner import BEST_SHARE, Planner
from epitaxy_models.campaigns.pool_blocks import PoolBlocks
from epitaxy_models.campaigns.start import Start
from epitaxy_models.errors import ConfigurationError

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """A finished data set with what a planner may see of it.

    Attributes:
        pool: Features.
        values: All true values by property, in units, ``[n_candidates]``; no NaN.
        objectives: What is looked for.
        start: How to begin.
        limits: What other properties have to keep.
    """

    pool: PoolBlocks
    values: Mapping[str, Array]
    objectives: Sequence[Objective]
    start: Start = field(default_factory=Start)
    limits: Sequence[Limit] = ()

    def __post_init__(self) -> None:
        for objective in self.objectives:
            if not np.isfinite(self.values[objective.name]).all():
                raise ConfigurationError(
                    f"{objective.name} is not known of every row: leave the others out", reason="INCOMPLETE_HISTORY"
                )

    def is_best(self) -> NDArray[np.bool_]:
        """The best 1 % (at least one) by the first objective, ``[n_candidates]``; ties by the order of the rows."""
        objective = self.objectives[0]
        utility = objective.utility(self.values[objective.name])
        n_best = int(np.ceil(BEST_SHARE * len(utility)))
        found = np.zeros(len(utility), dtype=bool)
        found[np.argsort(-utility, kind="stable")[:n_best]] = True
        return found


@dataclass(frozen=True, slots=True)
class Found:
    """What one strategy finds; means over seeds.

    Attributes:
        recall: Share of the best found after so many labels.
        enhancement: The same over what random choice finds on average.
        labels_to_first: Labels until the first of the best is found; the budget if none was.
        hypervolume: Share of the whole pool's hypervolume after so many labels; empty with one objective.
    """

    recall: Mapping[int, float]
    enhancement: Mapping[int, float]
    labels_to_first: float
    hypervolume: Mapping[int, float] = field(default_factory=dict)


def simulate(
    history: History,
    strategies: Sequence[str],
    batch: int = 5,
    budget: int = 100,
    seeds: int = 3,
    at: Sequence[int] = (50, 100),
) -> dict[str, Found]:
    """Plays several strategies: names of acquisition functions, or ``default``. Raises ConfigurationError if unknown."""
    raise NotImplementedError


def replay(history: History, acquisition: AcquisitionName, seed: int, batch: int, budget: int) -> NDArray[np.int64]:
    """Numbers of the candidates in the order in which they would have been measured, ``[budget]`` or all."""
    planner = Planner(history.pool, history.objectives, history.start, acquisition, seed, history.limits)
    done = np.empty(0, dtype=np.int64)
    names = {*(entry.name for entry in history.objectives), *(entry.name for entry in history.limits)}
    while len(done) < min(budget, history.pool.n_candidates):
        known = Knowledge(candidates=done, values={name: history.values[name][done] for name in names})
        chosen = planner.recommend(known, min(batch, budget - len(done)))
        if not chosen:
            break
        done = np.concatenate([done, [choice.candidate for choice in chosen]]).astype(np.int64)
    return done
