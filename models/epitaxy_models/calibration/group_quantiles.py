"""Fits the multipliers of groups: quantile regression of residuals on the groups that a structure belongs to.

Its optimality conditions make each group's share of residuals below the fit equal to the nominal coverage, for
overlapping groups alike: the group-conditional conformal prediction of Gibbs, Cherian and Candes (J. R. Stat. Soc. B
87, 1100 (2025)), with one structure of an unbounded residual added to every group, as if the next one were to be the
worst. The regression is of logarithms, so that the effects of groups are factors of the half-width; quantiles do not
care.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from epitaxy_models.calibration.groups import (
    MIN_SUPPORT,
    N_BANDS,
    N_CELLS,
    N_ELEMENT_LEVELS,
    GroupMultipliers,
    levels_of,
)

KEPT_COVERAGES = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975, 0.99)
_SIZES = (N_ELEMENT_LEVELS, N_BANDS, 2)
# Cells of crystals of one element come first.
_N_OF_ELEMENTS = N_BANDS * 2
# Level whose structures stand in for a level that has too few of its own: the next commoner one.
_STAND_INS = ((1, 2, 2, 2, 3), (0, 0, 1, 2, 3), (0, 0))
# A residual of 0, such as a metal's gap, has no logarithm: as small a share of its difficulty as this stands for it.
_SMALLEST = 1e-3
# What a structure of an unbounded residual counts as: twice the largest one.
_BEYOND = float(np.log(2))


def fit_multipliers(residuals: NDArray[np.float64], cells: NDArray[np.int64]) -> GroupMultipliers:
    """Multipliers that make every group cover, from calibration structures ``[n]``.

    A level with fewer than 19 structures borrows the effect of the next commoner one; its support says so. Crystals of
    one element are fitted last and decide no other effect: they may be many here and few among what is asked.

    Args:
        residuals: Absolute errors over difficulties.
        cells: Cell of each structure.
    """
    counts = _counts(cells)
    compounds = _counts(cells[cells >= _N_OF_ELEMENTS])
    places = [_places(count, stand_in) for count, stand_in in zip(compounds, _STAND_INS, strict=True)]
    every = levels_of(np.arange(N_CELLS))
    support = np.min([count[levels] for count, levels in zip(counts, every.T, strict=True)], axis=0)
    levels, logs = levels_of(cells), np.log(np.maximum(residuals, _SMALLEST))
    is_element = levels[:, 0] == 0
    compound = _with_the_worst(_design(levels[~is_element], places), logs[~is_element], cells[~is_element])
    fitted = np.stack([_quantiles(*compound, coverage) for coverage in KEPT_COVERAGES], axis=1)
    totals = _design(every, places) @ fitted
    if counts[0][0] >= MIN_SUPPORT:
        rest = logs[is_element, None] - totals[cells[is_element]]
        totals[every[:, 0] == 0] += _own_quantiles(rest)
    # Effects are fitted one coverage at a time: a higher coverage must not have a narrower interval.
    ascending = np.maximum.accumulate(totals.round(5), axis=1)
    return GroupMultipliers(
        KEPT_COVERAGES,
        tuple(map(tuple, ascending.tolist())),
        tuple(int(count) for count in support),
    )


def _counts(cells: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Structures at each level of each group."""
    return [np.bincount(levels, minlength=size) for levels, size in zip(levels_of(cells).T, _SIZES, strict=True)]


def _places(counts: NDArray[np.int64], stand_ins: tuple[int, ...]) -> NDArray[np.int64]:
    """Column of each level in its block of the design; -1 for the commonest, whose effect is the constant."""
    own = np.arange(len(counts))
    commonest = int(np.argmax(counts))
    for level in own:
        # Stand-ins lead to ever commoner levels; a chain of rare ones ends at the commonest.
        place, steps = level, 0
        while counts[place] < MIN_SUPPORT and steps < len(own):
            place, steps = stand_ins[place], steps + 1
        own[level] = place if counts[place] >= MIN_SUPPORT else commonest
    kept = [level for level in np.unique(own) if level != own[commonest]]
    return np.array([kept.index(level) if level in kept else -1 for level in own])


def _design(levels: NDArray[np.int64], places: list[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Indicators of the groups beside a constant, ``[n, 1 + n_effects]``."""
    blocks = [np.ones((len(levels), 1))]
    for column, place in zip(levels.T, places, strict=True):
        blocks.append((place[column][:, None] == np.arange(place.max() + 1)).astype(np.float64))
    return np.concatenate(blocks, axis=1)


def _with_the_worst(
    design: NDArray[np.float64], logs: NDArray[np.float64], cells: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The same with an unbounded residual in every group: in the cells whose groups were not met so far."""
    added, met = [], np.zeros(design.shape[1], dtype=bool)
    for cell in np.unique(cells)[::-1]:
        row = design[int(np.argmax(cells == cell))]
        if (row.astype(bool) & ~met).any():
            added.append(row)
            met |= row.astype(bool)
    worst = np.full(len(added), logs.max() + _BEYOND)
    return np.concatenate([design, added]), np.concatenate([logs, worst])


def _own_quantiles(rest: NDArray[np.float64]) -> NDArray[np.float64]:
    """Conformal quantile of each column, ``[n_coverages]``; beyond the ranks that there are, the worst stands."""
    ordered = np.sort(rest, axis=0)
    ordered = np.concatenate([ordered, ordered[-1:] + _BEYOND])
    ranks = np.ceil(len(ordered) * np.array(KEPT_COVERAGES) - 1e-9).astype(int) - 1
    return np.asarray(ordered[ranks, np.arange(len(ranks))])


def _quantiles(design: NDArray[np.float64], logs: NDArray[np.float64], coverage: float) -> NDArray[np.float64]:
    """Coefficients of the quantile regression at a coverage (Koenker and Bassett 1978), by its dual."""
    solution = linprog(
        -logs, A_eq=design.T, b_eq=np.zeros(design.shape[1]), bounds=(coverage - 1, coverage), method="highs-ds"
    )
    return np.asarray(-solution.eqlin.marginals, dtype=np.float64)
