"""What intervals are worth, measured on structures that neither training nor calibration saw."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from epitaxy_models.calibration.conformal import bounded

REPORTED = (0.5, 0.8, 0.9, 0.95)
# A group of fewer structures has no coverage worth stating.
_N_GROUP_MIN = 20


@dataclass(frozen=True, slots=True)
class LevelReport:
    """Intervals of one nominal coverage.

    Attributes:
        nominal: Coverage asked for.
        coverage: Share of labels inside.
        mean_width: Mean width, in the property's unit.
        median_width: Likewise.
        constant_width: Width of an interval of the same width for all, at the same nominal coverage: its
            mean after cutting at physical bounds.
        equal_constant_width: Likewise, of the narrowest such interval that covers as many of these very labels.
        coverage_by_group: Coverage in each group of at least 20 structures.
    """

    nominal: float
    coverage: float
    mean_width: float
    median_width: float
    constant_width: float
    equal_constant_width: float
    coverage_by_group: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """One property of one model.

    Attributes:
        n: Structures measured.
        levels: Measured coverage and widths, by nominal coverage.
        mean_squared_z: Mean square of errors over calibrated standard deviations; 1 is right, and one
            outlier can decide it.
        mean_squared_z_but_largest: The same without the largest one.
        miscalibration_area: Mean difference of coverage from nominal, over nominal coverages from 0.5 to 0.99.
        sharpness: Root mean square of the standard deviations, in the property's unit (Tran et al. 2020).
        rank_correlation: Spearman's, of absolute error and standard deviation; NaN where this is the same for all.
        mae: Mean absolute error, in the property's unit.
        groups: Structures and mean absolute error in each group of at least 20 structures.
    """

    n: int
    levels: tuple[LevelReport, ...]
    mean_squared_z: float
    mean_squared_z_but_largest: float
    miscalibration_area: float
    sharpness: float
    rank_correlation: float
    mae: float = float("nan")
    groups: Mapping[str, tuple[int, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Intervals:
    """Interval ends at one nominal coverage, ``[n]`` each."""

    nominal: float
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]

    def hold(self, labels: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which labels lie inside, ``[n]``."""
        return (self.lower <= labels) & (labels <= self.upper)


def calibration_report(
    labels: NDArray[np.float64],
    values: NDArray[np.float64],
    stds: NDArray[np.float64],
    intervals: Sequence[Intervals],
    constant: Mapping[float, Intervals],
    groups: Mapping[str, NDArray[np.bool_]] | None = None,
    limits: tuple[float | None, float | None] = (None, None),
) -> CalibrationReport:
    """Measures intervals against finite labels ``[n]``.

    Args:
        labels: True values.
        values: Predicted ones.
        stds: Calibrated standard deviations.
        intervals: At nominal coverages of any number; those of ``constant`` are reported one by one.
        constant: Intervals of one width for all, by nominal coverage.
        groups: Masks by name.
        limits: Physical bounds, at which intervals are cut.
    """
    errors = np.abs(labels - values)
    squares = np.sort((errors / stds) ** 2)
    named = {mask: rows for mask, rows in (groups or {}).items() if rows.sum() >= _N_GROUP_MIN}
    chosen = [entry for entry in intervals if entry.nominal in constant]
    return CalibrationReport(
        n=len(labels),
        levels=tuple(_level(labels, values, entry, constant[entry.nominal], named, limits) for entry in chosen),
        mean_squared_z=float(squares.mean()),
        mean_squared_z_but_largest=float(squares[:-1].mean()),
        miscalibration_area=float(np.mean([abs(entry.hold(labels).mean() - entry.nominal) for entry in intervals])),
        sharpness=float(np.sqrt(np.mean(stds**2))),
        rank_correlation=float(spearmanr(errors, stds).statistic) if np.ptp(stds) > 0 else float("nan"),
        mae=float(errors.mean()),
        groups={name: (int(rows.sum()), float(errors[rows].mean())) for name, rows in named.items()},
    )


def _level(
    labels: NDArray[np.float64],
    values: NDArray[np.float64],
    intervals: Intervals,
    constant: Intervals,
    groups: Mapping[str, NDArray[np.bool_]],
    limits: tuple[float | None, float | None],
) -> LevelReport:
    inside, widths = intervals.hold(labels), intervals.upper - intervals.lower
    return LevelReport(
        nominal=intervals.nominal,
        coverage=float(inside.mean()),
        mean_width=float(widths.mean()),
        median_width=float(np.median(widths)),
        constant_width=float((constant.upper - constant.lower).mean()),
        equal_constant_width=_equal_constant_width(labels, values, int(inside.sum()), limits),
        coverage_by_group={name: float(inside[rows].mean()) for name, rows in groups.items()},
    )


def _equal_constant_width(
    labels: NDArray[np.float64],
    values: NDArray[np.float64],
    n_inside: int,
    limits: tuple[float | None, float | None],
) -> float:
    """Mean width of the interval of one half-width that covers ``n_inside`` of the labels."""
    half = float(np.sort(np.abs(labels - values))[max(n_inside, 1) - 1])
    _, lower, upper = bounded(values, np.full(len(values), half), *limits)
    return float((upper - lower).mean())
