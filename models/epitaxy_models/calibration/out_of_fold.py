"""Intervals from few labels: normalized residuals out of fold, no label kept back."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from epitaxy_models.calibration.conformal import COVERAGES, Calibrator
from epitaxy_models.errors import ConfigurationError

METHOD = "cross-conformal: residuals of every fit out of fold, normalized by its expected error"
MIN_ROWS = 8
# Residuals normalized by an expected error have tails like this; used only beyond the largest rank that n labels allow.
_TAIL_FREEDOM = 4
# From where on a coverage lies in the tail, of which few labels say little, and from where on wholly.
_TAIL_FROM, _TAIL_FULL = 0.8, 0.9


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFold:
    """What repeated splits predict for rows that the fit has not seen, all on one scale.

    The residuals of single fits calibrate, not those of the mean over repeats: that mean errs less than a model fitted
    once, and intervals from it covered two points too little on the shared targets.

    Attributes:
        rows: Row that each prediction is of, ``[n_predictions]``.
        values: Predicted values.
        expected_errors: Errors that the fit itself expects.
        labels: True values, ``[n_rows]``.
    """

    rows: NDArray[np.int64]
    values: NDArray[np.float64]
    expected_errors: NDArray[np.float64]
    labels: NDArray[np.float64]

    def __post_init__(self) -> None:
        counts = np.bincount(self.rows, minlength=len(self.labels))
        if not counts.all():
            row = int(np.argmin(counts))
            raise ConfigurationError(f"row {row} lies in the test part of no split", reason="ROW_NOT_TESTED")

    @classmethod
    def gather(
        cls,
        tested: Sequence[NDArray[np.int64]],
        values: Sequence[NDArray[np.float64]],
        stds: Sequence[NDArray[np.float64]],
        labels: NDArray[np.float64],
    ) -> "OutOfFold":
        """From rows, predictions and expected errors by split. Raises ConfigurationError for a row never tested."""
        return cls(np.concatenate(tested), np.concatenate(values), np.concatenate(stds), labels)

    def of_rows(self, rows: NDArray[np.int64]) -> "OutOfFold":
        """The predictions of these rows alone, renumbered in their order."""
        places = np.full(len(self.labels), -1)
        places[rows] = np.arange(len(rows))
        numbers = places[self.rows]
        kept = numbers >= 0
        return OutOfFold(numbers[kept], self.values[kept], self.expected_errors[kept], self.labels[rows])

    @property
    def residuals(self) -> NDArray[np.float64]:
        """Absolute error of each prediction."""
        return np.abs(self.values - self.labels[self.rows])

    def means(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean value and root mean square expected error of each row's predictions, ``[n_rows]`` each."""
        n = len(self.labels)
        counts = np.bincount(self.rows, minlength=n)
        values = np.bincount(self.rows, self.values, n) / counts
        return values, np.sqrt(np.bincount(self.rows, self.expected_errors**2, n) / counts)


def calibrate(predictions: OutOfFold) -> Calibrator:
    """Multipliers of the expected error from residuals out of fold.

    As split conformal with rank ``ceil((n + 1) coverage)`` over all predictions (cross-conformal: Vovk, Annals of
    Mathematics and AI 74, 9 (2015); CV+: Barber et al., Annals of Statistics 49, 486 (2021)): a model that sees all
    rows errs a little less than those that did not, so coverage is met from above. In the tail n counts labels, not
    predictions: repeats predict every label several times, which tells nothing of other labels. Beyond coverage
    ``n / (n + 1)`` the largest residual is extended by Student's t. Raises ConfigurationError below 8 rows.
    """
    return _calibrator(predictions.residuals, predictions.expected_errors, len(predictions.labels))


def measured_coverage(
    predictions: OutOfFold, folds: Sequence[NDArray[np.int64]], coverages: Sequence[float]
) -> NDArray[np.float64]:
    """Share of predictions within their interval at each nominal coverage, ``[n_coverages]``.

    The rows of each fold are measured with a calibration on the rows outside it.
    """
    hits, n_measured = np.zeros(len(coverages)), 0
    residuals, expected, n_labels = predictions.residuals, predictions.expected_errors, len(predictions.labels)
    for fold in folds:
        inside = np.isin(predictions.rows, fold)
        calibrator = _calibrator(residuals[~inside], expected[~inside], n_labels - len(fold))
        widths = [calibrator.half_widths(expected[inside], coverage) for coverage in coverages]
        hits += [np.count_nonzero(residuals[inside] <= width) for width in widths]
        n_measured += int(inside.sum())
    return hits / max(n_measured, 1)


def _calibrator(residuals: NDArray[np.float64], expected: NDArray[np.float64], n_labels: int) -> Calibrator:
    if n_labels < MIN_ROWS:
        raise ConfigurationError(
            f"calibration out of fold needs {MIN_ROWS} rows, got {n_labels}", reason="CALIBRATION_TOO_SMALL"
        )
    floor = _floor(expected)
    scores = np.sort(residuals / np.maximum(expected, floor))
    n = len(scores)
    n_reachable = int(np.count_nonzero(np.ceil((n_labels + 1) * COVERAGES - 1e-9) <= n_labels))
    smallness = np.clip((COVERAGES - _TAIL_FROM) / (_TAIL_FULL - _TAIL_FROM), 0.0, 1.0) * COVERAGES / n_labels
    levels = np.maximum((n + 1) * COVERAGES / n, COVERAGES + smallness)
    ranks = np.minimum(np.ceil(n * levels[:n_reachable] - 1e-9).astype(int), n)
    multipliers = scores[ranks - 1]
    quantiles = stdtrit(_TAIL_FREEDOM, 0.5 + COVERAGES[n_reachable - 1 :] / 2)
    tail = multipliers[-1] * quantiles[1:] / quantiles[0]
    rms = float(np.sqrt(np.mean(scores**2))) or 1.0
    return Calibrator(tuple(np.concatenate([multipliers, tail]).tolist()), floor, n_labels, rms=rms)


def _floor(expected_errors: NDArray[np.float64]) -> float:
    """A tenth of the median: one row that a strategy is too sure of must not set the widest multiplier."""
    return float(np.median(expected_errors)) / 10 + 1e-12
