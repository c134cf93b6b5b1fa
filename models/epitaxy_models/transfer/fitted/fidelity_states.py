"""One model of two: rows whose cheaper value is known, and rows of which it is not; intervals for each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.calibration.conformal import Calibrator
from epitaxy_models.calibration.coverage import DEFAULT_COVERAGE
from epitaxy_models.calibration.out_of_fold import METHOD, OutOfFold, calibrate
from epitaxy_models.transfer.contest.comparison import Task
from epitaxy_models.transfer.contest.cross_validation import CrossValidation
from epitaxy_models.transfer.fidelities.filling import Filling
from epitaxy_models.transfer.fitted.card import CalibrationRecord
from epitaxy_models.transfer.fitted.files import Member, Part
from epitaxy_models.transfer.fitted.refit import COVERAGES, Calibration
from epitaxy_models.transfer.strategies.by_fidelity import CellScale, joined_state
from epitaxy_models.transfer.strategy import StrategyState

Array = NDArray[np.float64]
# Share of the labels at the smallest one that makes a bound of it; values within this share of the labels' deviation
# of the bound count as lying there.
_SHARE_AT_BOUND, _MARGIN = 0.1, 0.1
# Fewer rows cannot give 90 %: such a cell takes the factor of its state, but not less than 1.
_LEAST_ROWS = 19
CELLS = ("known, off the bound", "known, at the bound", "unknown, off the bound", "unknown, at the bound")
_BY_CELLS = f"{METHOD}; apart for rows whose cheaper value is known or unknown, at a bound and off it"


@dataclass(frozen=True, slots=True, eq=False)
class StateCalibration:
    """Intervals of both states.

    Attributes:
        calibration: For the card and the report.
        scale: Factors on expected errors by cell.
        coverage: Measured coverage of 90 % intervals and number of rows by name of the cell.
    """

    calibration: Calibration
    scale: CellScale
    coverage: dict[str, tuple[float, int]]


@dataclass(frozen=True, slots=True, eq=False)
class _Predictions:
    """Out of fold, of rows in one state after those in the other."""

    rows: NDArray[np.int64]
    values: Array
    stds: Array
    known: NDArray[np.bool_]

    def take(self, chosen: NDArray[np.bool_]) -> "_Predictions":
        return _Predictions(self.rows[chosen], self.values[chosen], self.stds[chosen], self.known[chosen])


def joined_members(
    filling: Filling, known: Sequence[Member], unknown: Sequence[Member], scale: CellScale
) -> tuple[Member, ...]:
    """Members that answer a row by its state, one for each member of the side that has fewer."""
    return tuple(
        Member((Part(1.0, joined_state(filling, _shares(one), _shares(other), scale)),))
        for one, other in zip(known, unknown, strict=False)
    )


def calibrate_states(
    known: CrossValidation, unknown: CrossValidation, task: Task, is_known: NDArray[np.bool_]
) -> StateCalibration:
    """Factors and multipliers from what both sides predict out of fold; ``is_known`` ``[n_rows]``."""
    whole = _gathered(known, unknown, task, is_known)
    scale = _scale(whole, task.targets)
    hits: list[tuple[NDArray[np.int64], NDArray[np.bool_]]] = []
    for split in task.splits[: task.n_folds]:
        inside = np.isin(whole.rows, split.test)
        outside = whole.take(~inside)
        hits.append(_covered(outside, _scale(outside, task.targets), whole.take(inside), task.targets))
    cells = np.concatenate([entry[0] for entry in hits])
    covered = np.concatenate([entry[1] for entry in hits], axis=1)
    at = COVERAGES.index(DEFAULT_COVERAGE)
    by_cell = {
        name: (float(covered[at, cells == cell].mean()), len(np.unique(_rows_of(whole, scale, cell))))
        for cell, name in enumerate(CELLS)
        if (cells == cell).any()
    }
    # The report shows each row as it would be answered.
    shown = whole.take(whole.known == is_known[whole.rows])
    own = OutOfFold(shown.rows, shown.values, _scaled(shown, scale), task.targets)
    measured = tuple(float(share) for share in covered.mean(axis=1))
    record = CalibrationRecord(
        _calibrator(whole, scale, task.targets), _BY_CELLS, measured[at], DEFAULT_COVERAGE, len(task.targets)
    )
    return StateCalibration(Calibration(record, measured, own), scale, by_cell)


def _shares(member: Member) -> list[tuple[float, StrategyState]]:
    return [(part.share, part.state) for part in member.parts]


def _gathered(
    known: CrossValidation, unknown: CrossValidation, task: Task, is_known: NDArray[np.bool_]
) -> _Predictions:
    sides = []
    for validation, is_first in ((known, True), (unknown, False)):
        rows = np.concatenate([split.test for split in task.splits[: len(validation.parts)]])
        values = np.concatenate(validation.values)
        stds = np.concatenate([part.stds for part in validation.parts])
        side = _Predictions(rows, values, stds, np.full(len(rows), is_first))
        sides.append(side.take(is_known[rows]) if is_first else side)
    names = ("rows", "values", "stds", "known")
    return _Predictions(*(np.concatenate([getattr(side, name) for side in sides]) for name in names))


def _scale(found: _Predictions, targets: Array) -> CellScale:
    least = float(targets.min())
    edge = None
    if np.mean(targets == least) >= _SHARE_AT_BOUND:
        edge = least + _MARGIN * float(np.std(targets))
    plain = CellScale(edge, (1.0, 1.0, 1.0, 1.0))
    scores = np.abs(found.values - targets[found.rows]) / np.maximum(found.stds, 1e-12)
    cells = plain.cells(found.values, found.known)
    overall = _quantile(scores[_ruling(found, cells)])
    factors = []
    for cell in range(len(CELLS)):
        mask = cells == cell
        of_state = cells // 2 == cell // 2
        state = _quantile(scores[of_state]) / overall if of_state.any() else 1.0
        is_enough = len(np.unique(found.rows[mask])) >= _LEAST_ROWS
        factors.append(_quantile(scores[mask]) / overall if is_enough else max(state, 1.0))
    # A cell whose rows are all met exactly must keep some width.
    return CellScale(edge, tuple(float(np.clip(factor, 0.02, 50.0)) for factor in factors))  # type: ignore[arg-type]


def _quantile(scores: Array) -> float:
    """Of the rank that conformal prediction takes for 90 %."""
    rank = min(int(np.ceil((len(scores) + 1) * DEFAULT_COVERAGE)), len(scores))
    return max(float(np.sort(scores)[rank - 1]), 1e-9)


def _scaled(found: _Predictions, scale: CellScale) -> Array:
    scaled: Array = found.stds * np.array(scale.factors)[scale.cells(found.values, found.known)]
    return scaled


def _covered(
    outside: _Predictions, scale: CellScale, inside: _Predictions, targets: Array
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Cell of each row inside, and whether its intervals hold its label, ``[n_coverages, n_inside]``."""
    calibrator = _calibrator(outside, scale, targets)
    factors = np.array(scale.factors)
    cells = scale.cells(inside.values, inside.known)
    residuals = np.abs(inside.values - targets[inside.rows])
    widths = [calibrator.half_widths(inside.stds * factors[cells], coverage) for coverage in COVERAGES]
    return cells, np.stack([residuals <= width for width in widths])


def _ruling(found: _Predictions, cells: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Predictions whose scores set the multipliers: those off the bound, as most at it are met exactly."""
    off = cells % 2 == 0
    return off if len(np.unique(found.rows[off])) >= _LEAST_ROWS else np.ones(len(cells), dtype=np.bool_)


def _calibrator(found: _Predictions, scale: CellScale, targets: Array) -> Calibrator:
    ruling = found.take(_ruling(found, scale.cells(found.values, found.known)))
    rows, renumbered = np.unique(ruling.rows, return_inverse=True)
    return calibrate(OutOfFold(renumbered, ruling.values, _scaled(ruling, scale), targets[rows]))


def _rows_of(found: _Predictions, scale: CellScale, cell: int) -> NDArray[np.int64]:
    rows: NDArray[np.int64] = found.rows[scale.cells(found.values, found.known) == cell]
    return rows
