"""Well-known formulas out of fold: what the members that never saw a formula err on it.

Elements are too few for a test part of their own, so every crystal of a formula that some member left out is measured
with those members alone. The interval around their value has the width that is served for the crystal: it is that of
all members, which agree more where most of them have seen it, and one member errs more than the mean of all. Both make
the measured coverage the lower end of what is to be expected.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.calibration.conformal import Calibrator
from epitaxy_models.calibration.coverage import DEFAULT_COVERAGE
from epitaxy_models.training.breakdown import Groups
from epitaxy_models.training.calibrating import JudgedRows, fit_calibrators

# Nominal coverages that are measured.
_LEVELS = (0.8, DEFAULT_COVERAGE, 0.95)

_N_DRAWS = 1000
# Ends of a 95 % interval, in percent.
_ENDS = (2.5, 97.5)
# A group of fewer structures has no error worth stating.
_N_MIN = 20


def left_out_values(by_member: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean of the members that never saw a row, ``[n_rows, n_properties]``.

    Args:
        by_member: Values, ``[n_members, n_rows, n_properties]``.
        weights: How often a member counted a row, ``[n_members, n_rows]``; 0 at least once a row.
    """
    is_out = (weights == 0)[:, :, None]
    return np.asarray(np.where(is_out, by_member.astype(np.float64), 0.0).sum(axis=0) / is_out.sum(axis=0))


def measure_left_out(
    left_out: JudgedRows, held_out: JudgedRows, formulas: Sequence[str], groups: Groups
) -> list[dict[str, dict[str, float]]]:
    """Errors and coverage by group of at least 20 structures, for each property.

    The multipliers of elements come from left-out rows themselves, so each half of the formulas is measured with
    intervals from the other half.

    Args:
        left_out: Rows with the values of the members that never saw them.
        held_out: Rows that no member saw.
        formulas: Reduced formula of each left-out row: the rows of one are drawn and left out together.
        groups: Masks of left-out rows by name.
    """
    _, numbers = np.unique(np.asarray(formulas), return_inverse=True)
    half = numbers % 2
    others = (left_out.take(left_out.are_elements & (half != one)) for one in (0, 1))
    halves = fit_calibrators(held_out, *others)
    found = []
    for column in range(left_out.labels.shape[1]):
        errors = np.abs(left_out.labels[:, column] - left_out.values[:, column])
        by_half = [_half_widths(left_out, column, calibrators[column]) for calibrators in halves]
        widths = {level: np.where(half == 0, by_half[0][level], by_half[1][level]) for level in _LEVELS}
        lowest = left_out.values[:, column] - left_out.lower_bounds[:, column]
        cut = np.minimum(widths[DEFAULT_COVERAGE], lowest) + widths[DEFAULT_COVERAGE]
        # A label within the bounds lies in the interval that is cut at them if it lies in the whole one.
        inside = {level: errors <= widths[level] for level in _LEVELS}
        found.append(_by_group(errors, inside, cut, numbers, groups))
    return found


def _half_widths(rows: JudgedRows, column: int, calibrator: Calibrator) -> dict[float, NDArray[np.float64]]:
    expected = rows.expected_errors[:, column]
    return {level: calibrator.half_widths(expected, level, rows.scores, rows.cells) for level in _LEVELS}


def _by_group(
    errors: NDArray[np.float64],
    inside: Mapping[float, NDArray[np.bool_]],
    widths: NDArray[np.float64],
    numbers: NDArray[np.int64],
    groups: Groups,
) -> dict[str, dict[str, float]]:
    known, found = np.isfinite(errors), {}
    for name, mask in groups.items():
        rows = np.flatnonzero(mask & known)
        if len(rows) < _N_MIN:
            continue
        low, high = _ends_of_mean(errors[rows], numbers[rows])
        found[name] = {
            "n": len(rows),
            "n_formulas": len(np.unique(numbers[rows])),
            "mae": float(errors[rows].mean()),
            "mae_low": low,
            "mae_high": high,
            **{f"coverage_{100 * level:.0f}": float(hits[rows].mean()) for level, hits in inside.items()},
            "mean_interval_width": float(widths[rows].mean()),
        }
    return found


def _ends_of_mean(errors: NDArray[np.float64], formulas: NDArray[np.int64]) -> tuple[float, float]:
    """95 % interval of a mean over formulas drawn with replacement, each with all its rows."""
    _, places = np.unique(formulas, return_inverse=True)
    sums, counts = np.bincount(places, errors), np.bincount(places)
    drawn = np.random.default_rng(0).integers(len(sums), size=(_N_DRAWS, len(sums)))
    low, high = np.percentile(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1), _ENDS)
    return float(low), float(high)
