"""The best so far: by posterior means of true values, not by the luckiest reading."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.campaigns.estimates import Estimate
from epitaxy_models.campaigns.front import is_on_front
from epitaxy_models.campaigns.knowledge import Knowledge
from epitaxy_models.campaigns.objective import Limit, Objective

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Best:
    """A measured candidate that is the best so far, or one of a front.

    Attributes:
        candidate: Its number in the pool.
        values: Posterior means of its true values by property, in the unit: not the luckiest reading.
        stds: Posterior standard deviations of its true values; NaN before there is a model.
    """

    candidate: int
    values: Mapping[str, float]
    stds: Mapping[str, float]


def bests(estimates: Sequence[Estimate], objectives: Sequence[Objective], measured: Numbers) -> tuple[Best, ...]:
    """The best of the measured by posterior means, or their front, the first objective's best first."""
    found = [entry.process.marginals(measured) for entry in estimates]
    values = [entry.to_unit(means) for entry, (means, _) in zip(estimates, found, strict=True)]
    stds = [
        (entry.to_unit(means + std) - entry.to_unit(means - std)) / 2
        for entry, (means, std) in zip(estimates, found, strict=True)
    ]
    return _ranked(objectives, measured, values, stds)


def _ranked(
    objectives: Sequence[Objective], numbers: Numbers, values: Sequence[Array], stds: Sequence[Array]
) -> tuple[Best, ...]:
    utilities = np.stack([one.utility(column) for one, column in zip(objectives, values, strict=True)], axis=1)
    order = np.argsort(-utilities[:, 0], kind="stable")
    kept = order[:1] if len(objectives) == 1 else order[is_on_front(utilities[order])]
    return tuple(
        Best(
            int(numbers[row]),
            {one.name: float(column[row]) for one, column in zip(objectives, values, strict=True)},
            {one.name: float(column[row]) for one, column in zip(objectives, stds, strict=True)},
        )
        for row in kept
    )


def bests_of_readings(objectives: Sequence[Objective], limits: Sequence[Limit], known: Knowledge) -> tuple[Best, ...]:
    """The best by mean readings, before there is a model; only candidates with results of all objectives count."""
    means = [_mean_readings(known, entry.name) for entry in objectives]
    complete = set.intersection(*(set(column) for column in means))
    for limit in limits:
        readings = _mean_readings(known, limit.name)
        complete = {n for n in complete if n not in readings or limit.is_kept(np.array([readings[n]]))[0]}
    numbers = np.array(sorted(complete), dtype=np.int64)
    if not len(numbers):
        return ()
    values = [np.array([column[number] for number in numbers]) for column in means]
    return _ranked(objectives, numbers, values, [np.full(len(numbers), np.nan)] * len(values))


def _mean_readings(known: Knowledge, name: str) -> dict[int, float]:
    candidates, values, _ = known.results(name)
    return {int(number): float(values[candidates == number].mean()) for number in np.unique(candidates)}
