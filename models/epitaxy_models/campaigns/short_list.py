"""From a pool of up to a million to the few hundred candidates that are weighed jointly."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.campaigns.estimates import Estimate, chance_of_limits
from epitaxy_models.campaigns.knowledge import Knowledge
from epitaxy_models.campaigns.listed import ShortList
from epitaxy_models.campaigns.objective import Limit, Objective
from epitaxy_models.campaigns.pool_blocks import PoolBlocks
from epitaxy_models.campaigns.success import success_of

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]
# Share of a pool that counts as the best.
BEST_SHARE = 0.01
# Candidates that are weighed jointly, and the best measured that they are weighed against.
_N_LISTED, _N_LISTED_OF_SEVERAL, _N_BASELINE = 300, 180, 20
# Deviations above the mean to which a candidate is given credit when the list is cut.
_CREDITS = (0.0, 1.0, 2.0)
# Pools beyond this size are cut by a bound on the deviations first, to so many a credit and objective.
_N_EXACT, _N_KEPT = 20_000, 2_000


def short_list(
    pool: PoolBlocks,
    known: Knowledge,
    estimates: Sequence[Estimate],
    objectives: Sequence[Objective],
    limits: Sequence[Limit],
    besides: Numbers | None = None,
) -> tuple[Numbers, ShortList]:
    """Numbers of the listed candidates and what is known of them.

    ``estimates`` has those of limits besides, and ``besides`` open candidates that are listed whatever is thought of
    them.
    """
    of_objectives = estimates[: len(objectives)]
    open_ones = _promising(known, of_objectives, objectives, pool.n_candidates)
    if besides is not None:
        open_ones = np.union1d(open_ones, besides)
    measured = _best_measured(known, estimates, objectives, limits)
    numbers = np.concatenate([open_ones, measured, np.unique(known.pending)]).astype(np.int64)
    joint = [entry.process.joint(numbers) for entry in of_objectives]
    places = np.arange(len(numbers))
    ends = np.cumsum([len(open_ones), len(measured)])
    pairs = list(zip(of_objectives, objectives, strict=True))
    chance = success_of(pool, known, numbers) * chance_of_limits(estimates, limits, numbers)
    return numbers, ShortList(
        means=np.stack([means for means, _ in joint]),
        covariances=np.stack([covariance for _, covariance in joint]),
        to_units=[entry.to_unit for entry in of_objectives],
        objectives=objectives,
        open=places[: ends[0]],
        measured=places[ends[0] : ends[1]],
        pending=places[ends[1] :],
        costs=known.costs_of(numbers),
        success=chance,
        likely=np.prod([entry.likely(one, numbers) for entry, one in pairs], axis=0),
        n_best=max(1, int(np.ceil(BEST_SHARE * pool.n_candidates))),
    )


def _promising(
    known: Knowledge, estimates: Sequence[Estimate], objectives: Sequence[Objective], n_candidates: int
) -> Numbers:
    """Open candidates that may be worth it under one of the objectives, ascending, one of each group of copies."""
    open_ones = known.distinct(known.open(n_candidates))
    if len(open_ones) > _N_EXACT:
        open_ones = _cut(open_ones, estimates, objectives, _N_KEPT, is_cheap=True)
    n_listed = _N_LISTED if len(objectives) == 1 else _N_LISTED_OF_SEVERAL
    n_kept = max(1, n_listed // (len(_CREDITS) * len(_weights(len(objectives)))))
    return _cut(open_ones, estimates, objectives, n_kept, is_cheap=False)


def _cut(
    open_ones: Numbers, estimates: Sequence[Estimate], objectives: Sequence[Objective], n_kept: int, is_cheap: bool
) -> Numbers:
    """The best under any credit and any mix of the objectives, ascending; mixes count in spreads of the utilities."""
    if len(open_ones) <= n_kept:
        return open_ones
    marginals = [entry.process.marginals(open_ones, is_cheap) for entry in estimates]
    kept: list[Numbers] = []
    for credit in _CREDITS:
        columns = []
        for entry, objective, (means, stds) in zip(estimates, objectives, marginals, strict=True):
            worth = optimistic(objective, entry, means, credit * stds)
            columns.append(worth / (worth.std() + 1e-12))
        utilities = np.stack(columns, axis=1)
        kept += [open_ones[_largest(utilities @ mix, n_kept)] for mix in _weights(len(objectives))]
    return np.unique(np.concatenate(kept))


def _weights(n_objectives: int) -> Array:
    """Mixes of the objectives: each alone, and between them, ``[n_mixes, n_objectives]``."""
    if n_objectives == 1:
        return np.ones((1, 1))
    steps = 4 if n_objectives == 2 else 2
    grid = np.stack(np.meshgrid(*[np.arange(steps + 1)] * n_objectives, indexing="ij"), axis=-1)
    mixes = grid.reshape(-1, n_objectives)
    return np.asarray(mixes[mixes.sum(axis=1) == steps] / steps, dtype=np.float64)


def _largest(worth: Array, n_kept: int) -> Numbers:
    """Places of the largest, ties by place."""
    if len(worth) <= n_kept:
        return np.arange(len(worth))
    edge = np.partition(worth, len(worth) - n_kept)[len(worth) - n_kept]
    above, level = np.flatnonzero(worth > edge), np.flatnonzero(worth == edge)
    return np.concatenate([above, level[: n_kept - len(above)]])


def _best_measured(
    known: Knowledge, estimates: Sequence[Estimate], objectives: Sequence[Objective], limits: Sequence[Limit]
) -> Numbers:
    """The best of those that keep all limits, by the posterior's utility; of all if none keeps them."""
    seen = np.unique(np.concatenate([entry.process.readings.candidates for entry in estimates[: len(objectives)]]))
    kept = seen[chance_of_limits(estimates, limits, seen) > 0.5]
    seen = kept if len(kept) else seen
    best = []
    for entry, objective in zip(estimates, objectives, strict=False):
        worth = objective.utility(entry.to_unit(entry.process.marginals(seen)[0]))
        best.append(seen[np.argsort(-worth, kind="stable")[:_N_BASELINE]])
    return np.unique(np.concatenate(best))


def optimistic(objective: Objective, estimate: Estimate, means: Array, reach: Array) -> Array:
    """The best utility, in units, between a reach below the mean and one above."""
    if objective.goal.is_monotone:
        ends = (means - reach, means + reach)
        return np.asarray(np.max([objective.utility(estimate.to_unit(end)) for end in ends], axis=0))
    low, high = (estimate.to_unit(end) for end in (means - reach, means + reach))
    return objective.utility(np.clip(np.full(len(means), (objective.low + objective.high) / 2), low, high))
