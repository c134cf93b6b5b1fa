"""Intervals from few labels: normalized residuals out of fold, no label kept back."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from epitaxy_models.calibration.conformal import COVERAGES, Calibrator
from epitaxy_models.errors import ConfigurationError

METHOD = "cross-conformal: residuals out of fold, normalized by the expected error"
MIN_ROWS = 8
# Residuals normalized by an expected error have tails like this; used only beyond the largest rank that n rows allow.
_TAIL_FREEDOM = 4


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFoldRows:
    """Predictions for rows that the predictors were not fitted on, all on one scale, each ``[n_rows]``.

    Attributes:
        values: Mean over the predictors.
        epistemic_std: Standard deviation of the predictors; zero where there was one.
        noise_std: What they expect to err by, root mean square over them.
        labels: True values.
    """

    values: NDArray[np.float64]
    epistemic_std: NDArray[np.float64]
    noise_std: NDArray[np.float64]
    labels: NDArray[np.float64]

    @property
    def expected_errors(self) -> NDArray[np.float64]:
        """Both parts together."""
        return np.hypot(self.epistemic_std, self.noise_std)

    def take(self, chosen: NDArray[np.bool_]) -> "OutOfFoldRows":
        """The chosen rows."""
        parts = (self.values, self.epistemic_std, self.noise_std, self.labels)
        return OutOfFoldRows(*(part[chosen] for part in parts))


def gather(
    tested: Sequence[NDArray[np.int64]],
    values: Sequence[NDArray[np.float64]],
    stds: Sequence[NDArray[np.float64]],
    labels: NDArray[np.float64],
) -> OutOfFoldRows:
    """One entry a row from predictions of repeated splits.

    The arguments but ``labels`` hold one array a split: rows, predictions and expected errors. The repeats of a row
    stand for the members of an ensemble that never saw it. Raises ConfigurationError where a row was never tested.
    """
    rows, value, std = (np.concatenate(parts) for parts in (tested, values, stds))
    counts = np.bincount(rows, minlength=len(labels))
    if not counts.all():
        raise ConfigurationError("ROW_NOT_TESTED", f"row {int(np.argmin(counts))} lies in the test part of no split")
    mean = np.bincount(rows, value, len(labels)) / counts
    square = np.bincount(rows, (value - mean[rows]) ** 2, len(labels))
    noise = np.sqrt(np.bincount(rows, std**2, len(labels)) / counts)
    return OutOfFoldRows(mean, np.sqrt(square / np.maximum(counts - 1, 1)), noise, labels)


def calibrate(predictions: OutOfFoldRows) -> Calibrator:
    """Multipliers of the expected error from residuals out of fold.

    As split conformal with rank ``ceil((n + 1) coverage)`` (cross-conformal: Vovk, Annals of Mathematics and AI 74, 9
    (2015); CV+: Barber et al., Annals of Statistics 49, 486 (2021)): a model that sees all rows errs a little less than
    those that did not, so coverage is met from above. Beyond coverage ``n / (n + 1)`` the largest residual is extended
    by Student's t. Raises ConfigurationError below 8 rows.
    """
    n = len(predictions.labels)
    if n < MIN_ROWS:
        raise ConfigurationError("CALIBRATION_TOO_SMALL", f"calibration out of fold needs {MIN_ROWS} rows, got {n}")
    expected = predictions.expected_errors
    floor = _floor(expected)
    scores = np.sort(np.abs(predictions.labels - predictions.values) / np.maximum(expected, floor))
    ranks = np.ceil((n + 1) * COVERAGES - 1e-9).astype(int)
    n_reachable = int(np.count_nonzero(ranks <= n))
    multipliers = scores[ranks[:n_reachable] - 1]
    quantiles = student.ppf(0.5 + COVERAGES[n_reachable - 1 :] / 2, _TAIL_FREEDOM)
    tail = multipliers[-1] * quantiles[1:] / quantiles[0]
    rms = float(np.sqrt(np.mean(scores**2))) or 1.0
    return Calibrator(tuple(np.concatenate([multipliers, tail]).tolist()), floor, n, rms=rms)


def measured_coverage(
    predictions: OutOfFoldRows, folds: Sequence[NDArray[np.int64]], coverages: Sequence[float]
) -> NDArray[np.float64]:
    """Share of rows within their interval at each nominal coverage, ``[n_coverages]``.

    The rows of each fold are measured with a calibration on the rows outside it.
    """
    hits, n_measured = np.zeros(len(coverages)), 0
    for fold in folds:
        is_inside = np.isin(np.arange(len(predictions.labels)), fold)
        calibrator, held_out = calibrate(predictions.take(~is_inside)), predictions.take(is_inside)
        residuals, expected = np.abs(held_out.labels - held_out.values), held_out.expected_errors
        hits += [np.count_nonzero(residuals <= calibrator.half_widths(expected, coverage)) for coverage in coverages]
        n_measured += len(residuals)
    return hits / max(n_measured, 1)


def _floor(expected_errors: NDArray[np.float64]) -> float:
    """A tenth of the median: one row that a strategy is too sure of must not set the widest multiplier."""
    return float(np.median(expected_errors)) / 10 + 1e-12
