"""The range of one label column."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Standard deviation over median absolute deviation, and over quartile range, of a normal distribution.
_SIGMA_OF_MAD = 1.4826
_SIGMA_OF_QUARTILES = 1.0 / 1.349


@dataclass(frozen=True, slots=True)
class LabelStatistics:
    """Counts and quantiles, in the column's unit; NaN for a column without values.

    Attributes:
        n_values: Finite values.
        n_null: Rows without a value.
        n_infinite: Infinite values.
        minimum: Smallest value.
        median: Middle value.
        maximum: Largest value.
        robust_std: Spread that outliers do not move.
    """

    n_values: int
    n_null: int
    n_infinite: int
    minimum: float
    median: float
    maximum: float
    robust_std: float


def statistics_of(values: NDArray[np.float64]) -> LabelStatistics:
    """Statistics of a column, NaN for null, shape ``[n_rows]``."""
    finite = values[np.isfinite(values)]
    n_infinite = int(np.isinf(values).sum())
    n_null = len(values) - len(finite) - n_infinite
    if not len(finite):
        return LabelStatistics(0, n_null, n_infinite, *(float("nan"),) * 4)
    median = float(np.median(finite))
    return LabelStatistics(
        len(finite), n_null, n_infinite, float(finite.min()), median, float(finite.max()), robust_std(finite)
    )


def robust_std(finite: NDArray[np.float64]) -> float:
    """From the median absolute deviation or the quartiles, the larger: nearly half of all gaps are exactly zero."""
    deviation = float(np.median(np.abs(finite - np.median(finite))))
    low, high = np.percentile(finite, (25, 75))
    return max(_SIGMA_OF_MAD * deviation, float(_SIGMA_OF_QUARTILES * (high - low)))
