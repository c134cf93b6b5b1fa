"""A finished data set played again: what a campaign would have found, with several strategies, against random."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from epitaxy_models.campaigns.acquisition import AcquisitionName
from epitaxy_models.campaigns.front import hypervolume
from epitaxy_models.campaigns.heads import HeadAnswer
from epitaxy_models.campaigns.knowledge import Knowledge
from epitaxy_models.campaigns.objective import Limit, Objective
from epitaxy_models.campaigns.planner import Planner
from epitaxy_models.campaigns.pool_blocks import PoolBlocks
from epitaxy_models.campaigns.prequential import Prequential
from epitaxy_models.campaigns.short_list import BEST_SHARE
from epitaxy_models.campaigns.start import Start
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.transfer.labels.target import TargetTransform, TransformKind

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """A finished data set with what a planner may see of it.

    Attributes:
        pool: Features.
        values: All true values by property, in units, ``[n_candidates]``; no NaN.
        objectives: What is looked for.
        start: How to begin.
        heads: What the substrate itself says, by property.
        limits: What other properties have to keep.
        costs: Of each candidate; None: all cost the same.
        groups: Equal numbers for copies of one material; None: no copies.
    """

    pool: PoolBlocks
    values: Mapping[str, Array]
    objectives: Sequence[Objective]
    start: Start = field(default_factory=Start)
    heads: Mapping[str, HeadAnswer] = field(default_factory=dict)
    limits: Sequence[Limit] = ()
    costs: Array | None = None
    groups: Numbers | None = None

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
    """Plays several strategies: names of acquisition functions, or ``default``; ``random`` needs no features.

    Raises ConfigurationError (UNKNOWN_STRATEGY) with the names that exist.
    """
    names = {strategy: _acquisition(strategy) for strategy in strategies}
    return {
        strategy: summarize(history, [replay(history, name, seed, batch, budget) for seed in range(seeds)], at, budget)
        for strategy, name in names.items()
    }


def _acquisition(strategy: str) -> AcquisitionName:
    if strategy == "default":
        return AcquisitionName.AUTO
    try:
        return AcquisitionName(strategy)
    except ValueError as error:
        choices = ", ".join(["default", *AcquisitionName])
        raise ConfigurationError(
            f"no strategy {strategy!r}: choose among {choices}", reason="UNKNOWN_STRATEGY"
        ) from error


def replay(history: History, acquisition: AcquisitionName, seed: int, batch: int, budget: int) -> Numbers:
    """Numbers of the candidates in the order in which they would have been measured, ``[budget]`` or all."""
    planner = Planner(history.pool, history.objectives, history.start, acquisition, seed, history.limits, history.heads)
    names = {entry.name for entry in history.objectives} | {entry.name for entry in history.limits}
    done, record = np.empty(0, dtype=np.int64), Prequential()
    while len(done) < min(budget, history.pool.n_candidates):
        known = Knowledge(
            candidates=done,
            values={name: history.values[name][done] for name in names},
            record=record,
            costs=history.costs,
            groups=history.groups,
        )
        chosen = planner.recommend(known, min(batch, budget - len(done)))
        if not chosen:
            break
        record = record.adding(prediction for choice in chosen for prediction in choice.predictions)
        for prediction in (prediction for choice in chosen for prediction in choice.predictions):
            value = float(history.values[prediction.name][prediction.candidate])
            record = record.with_result(prediction.name, prediction.candidate, value)
        done = np.concatenate([done, [choice.candidate for choice in chosen]]).astype(np.int64)
    return done


def head_order(history: History) -> Numbers | None:
    """All candidates as the substrate itself ranks them, learning nothing; None if it says nothing."""
    answered = [entry for entry in history.objectives if entry.name in history.heads]
    if not answered:
        return None
    ranks = [rankdata(entry.utility(history.heads[entry.name].values)) for entry in answered]
    return np.argsort(-np.mean(ranks, axis=0), kind="stable")


def summarize(history: History, orders: Sequence[Numbers], at: Sequence[int], budget: int) -> Found:
    """Means over replays of one strategy."""
    is_best = history.is_best()
    n_best, n_rows = int(is_best.sum()), len(is_best)
    hits = [np.cumsum(is_best[order]) for order in orders]
    recall = {n: float(np.mean([row[min(n, len(row)) - 1] for row in hits])) / n_best for n in at}
    chance = {n: min(n, n_rows) / n_rows for n in at}
    first = [int(np.argmax(row > 0)) + 1 if row[-1] else budget for row in hits]
    return Found(
        recall,
        {n: recall[n] / chance[n] for n in at},
        float(np.mean(first)),
        _hypervolumes(history, orders, at) if len(history.objectives) > 1 else {},
    )


def _hypervolumes(history: History, orders: Sequence[Numbers], at: Sequence[int]) -> dict[int, float]:
    """Share of the volume below the front of all rows, from the worst value of each objective.

    Values that are positive and skewed count by their logarithms, as they are learned: in units one extreme of a
    dielectric constant would be half of the volume.
    """
    utilities = np.stack([_learned(entry, history.values[entry.name]) for entry in history.objectives], axis=1)
    reference = utilities.min(axis=0)
    total = hypervolume(utilities, reference)
    return {n: float(np.mean([hypervolume(utilities[order[:n]], reference) for order in orders])) / total for n in at}


def _learned(objective: Objective, values: Array) -> Array:
    """Utilities on the scale on which a property is learned."""
    if not objective.goal.is_monotone:
        return objective.utility(values)
    return objective.utility(TargetTransform.fit(TransformKind.AUTO, values).forward(values))
