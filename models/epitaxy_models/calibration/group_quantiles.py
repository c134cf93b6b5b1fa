"""Fits the multipliers of groups: quantile regression of residuals on the groups that a structure belongs to.

Its optimality conditions make the share of residuals below the fit equal to the nominal coverage in each group,
overlapping ones alike: the group-conditional conformal prediction of Gibbs, Cherian and Candes (J. R. Stat. Soc. B 87,
1100 (2025)) with their regularization, fitted once and not for each new structure. The regression is of logarithms, so
that the effects of groups are factors of the half-width; quantiles do not care.
"""

from dataclasses import dataclass

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
# Points by which the coverage of a group among the calibration structures may differ from nominal: by number of
# elements, domain score, and predicted metal. A fit without any follows the noise of small groups and is half as wide
# again. Metals have more, since those that are taken for metals by mistake cannot be told from the others.
_SLACK = (0.01, 0.01, 0.07)
# What a residual beyond the ranks that there are counts as: twice the largest one.
_BEYOND = float(np.log(2))


@dataclass(frozen=True, slots=True, eq=False)
class GroupFit:
    """What was fitted on calibration structures of two and more elements, once for all that is made of it.

    Attributes:
        log_multipliers: Of every cell, ``[N_CELLS, n_coverages]``.
        residuals: Absolute errors over difficulties, of all structures, ``[n]``.
        cells: Cell of each structure.
    """

    log_multipliers: NDArray[np.float64]
    residuals: NDArray[np.float64]
    cells: NDArray[np.int64]

    @classmethod
    def of(cls, residuals: NDArray[np.float64], cells: NDArray[np.int64]) -> "GroupFit":
        """From calibration structures ``[n]``.

        A level with fewer than 19 structures borrows the effect of the next commoner one.
        """
        is_compound = cells >= _N_OF_ELEMENTS
        logs, compounds = _logs(residuals[is_compound]), cells[is_compound]
        places = [_places(count, ins) for count, ins in zip(_counts(compounds), _STAND_INS, strict=True)]
        return cls(_fitted(logs, compounds, places), residuals, cells)

    def multipliers(self, residuals: NDArray[np.float64], cells: NDArray[np.int64]) -> GroupMultipliers:
        """Multipliers that make every group cover.

        Crystals of one element are fitted last and decide no other effect: they may be many here and few among what is
        asked.

        Args:
            residuals: Absolute errors over difficulties of more crystals of one element, ``[n]``; may be empty.
            cells: Cell of each of them.
        """
        residuals, cells = np.concatenate([self.residuals, residuals]), np.concatenate([self.cells, cells])
        totals = self.log_multipliers.copy()
        is_element, counts = cells < _N_OF_ELEMENTS, _counts(cells)
        if counts[0][0] >= MIN_SUPPORT:
            rest = _logs(residuals[is_element])[:, None] - totals[cells[is_element]]
            totals[:_N_OF_ELEMENTS] += _own_quantiles(rest)
        # Effects are fitted one coverage at a time: a higher coverage must not have a narrower interval.
        ascending = np.maximum.accumulate(totals.round(5), axis=1)
        every = levels_of(np.arange(N_CELLS))
        support = np.min([count[levels] for count, levels in zip(counts, every.T, strict=True)], axis=0)
        return GroupMultipliers(KEPT_COVERAGES, tuple(map(tuple, ascending.tolist())), tuple(support.tolist()))


def _logs(residuals: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.log(np.maximum(residuals, _SMALLEST)))


def _fitted(
    logs: NDArray[np.float64], cells: NDArray[np.int64], places: list[NDArray[np.int64]]
) -> NDArray[np.float64]:
    """Logarithms of the multipliers of every cell, ``[N_CELLS, n_coverages]``."""
    design = _design(levels_of(cells), places)
    slack = np.repeat((0.0, *_SLACK), (1, *(place.max() + 1 for place in places)))
    effects = np.stack([_quantiles(design, logs, slack, coverage) for coverage in KEPT_COVERAGES], axis=1)
    return np.asarray(_design(levels_of(np.arange(N_CELLS)), places) @ effects)


def _counts(cells: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Structures at each level of each group."""
    return [np.bincount(levels, minlength=size) for levels, size in zip(levels_of(cells).T, _SIZES, strict=True)]


def _places(counts: NDArray[np.int64], stand_ins: tuple[int, ...]) -> NDArray[np.int64]:
    """Column of each level in its block of the design; -1 for the commonest, whose effect is the constant."""
    own = np.arange(len(counts))
    commonest = int(np.argmax(counts))
    for level in own:
        # Stand-ins lead to ever commoner levels; a chain of rare ones ends at the commonest.
        place, steps = int(level), 0
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


def _own_quantiles(rest: NDArray[np.float64]) -> NDArray[np.float64]:
    """Conformal quantile of each column, ``[n_coverages]``; beyond the ranks that there are, the worst stands."""
    ordered = np.sort(rest, axis=0)
    ordered = np.concatenate([ordered, ordered[-1:] + _BEYOND])
    ranks = np.ceil(len(ordered) * np.array(KEPT_COVERAGES) - 1e-9).astype(int) - 1
    return np.asarray(ordered[ranks, np.arange(len(ranks))])


def _quantiles(
    design: NDArray[np.float64], logs: NDArray[np.float64], slack: NDArray[np.float64], coverage: float
) -> NDArray[np.float64]:
    """Coefficients of the quantile regression at a coverage (Koenker and Bassett 1978), by its dual, ``[n_effects]``.

    The constant is free; an effect costs its group's slack in structures times its size, an L1 penalty.
    """
    room = np.tile(slack[1:] * design.sum(axis=0)[1:], 2)
    effects = design.T[1:]
    solution = linprog(
        -logs,
        A_eq=design.T[:1],
        b_eq=[0.0],
        A_ub=np.concatenate([effects, -effects]),
        b_ub=room,
        bounds=(coverage - 1, coverage),
        method="highs-ds",
    )
    above, below = np.split(solution.ineqlin.marginals, 2)
    return np.concatenate([-solution.eqlin.marginals, below - above])
