"""Split-conformal intervals whose width follows the expected error of each structure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import ConfigurationError

METHOD = "split-conformal, normalized by ensemble spread and learned noise"
COVERAGE_MIN, COVERAGE_MAX = 0.5, 0.99
# Multipliers are kept at these coverages and interpolated between them.
COVERAGES = np.round(np.arange(0.50, 0.9951, 0.005), 3)


@dataclass(frozen=True, slots=True)
class Calibrator:
    """Multiplier of the expected error at any coverage from 0.5 to 0.99.

    Attributes:
        multipliers: One for each coverage 0.500, 0.505, ... 0.995, ascending.
        floor: Smallest expected error used, in the property's unit; keeps a lucky agreement of the members from
            claiming certainty.
        n_calibration: Structures the multipliers were fitted on; no member was trained on any of them.
    """

    multipliers: tuple[float, ...]
    floor: float
    n_calibration: int

    def __post_init__(self) -> None:
        are_ascending = len(self.multipliers) == len(COVERAGES) and bool(np.all(np.diff(self.multipliers) >= 0))
        if not are_ascending or not self.floor > 0:
            raise ConfigurationError("INVALID_CALIBRATION", "multipliers must ascend, one a coverage, floor positive")

    @classmethod
    def fit(
        cls, values: NDArray[np.float64], expected_errors: NDArray[np.float64], labels: NDArray[np.float64]
    ) -> "Calibrator":
        """Fits on structures that no member was trained on; arrays of shape ``[n_calibration]``.

        The k-th smallest normalized residual with k = ceil((n + 1) coverage) covers a new exchangeable structure with
        at least that probability (Papadopoulos et al. 2002; Lei et al. 2018). Raises ConfigurationError below 200
        structures, where the 99.5 % quantile does not exist.
        """
        n = len(labels)
        if n < 200:
            raise ConfigurationError("CALIBRATION_TOO_SMALL", f"calibration needs 200 structures, got {n}")
        floor = float(np.quantile(expected_errors, 0.01)) + 1e-9
        scores = np.sort(np.abs(labels - values) / np.maximum(expected_errors, floor))
        ranks = np.minimum(np.ceil((n + 1) * COVERAGES).astype(int), n) - 1
        return cls(tuple(scores[ranks].tolist()), floor, n)

    def half_widths(self, expected_errors: NDArray[np.float64], coverage: float) -> NDArray[np.float64]:
        """Half-width of each interval, in the property's unit, ``[n_structures]``."""
        check_coverage(coverage)
        multiplier = np.interp(coverage, COVERAGES, self.multipliers)
        return np.maximum(expected_errors, self.floor) * multiplier


def check_coverage(coverage: float) -> None:
    """Raises ConfigurationError unless 0.5 <= coverage <= 0.99."""
    if not COVERAGE_MIN <= coverage <= COVERAGE_MAX:
        raise ConfigurationError(
            "COVERAGE_OUT_OF_RANGE", f"coverage must lie between {COVERAGE_MIN} and {COVERAGE_MAX}, got {coverage:g}"
        )


def bounded(
    values: NDArray[np.float64], half_widths: NDArray[np.float64], lower: float | None, upper: float | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Values and interval ends cut at the physical bounds; coverage can only grow by it."""
    low = -np.inf if lower is None else lower
    high = np.inf if upper is None else upper
    ends = (values, values - half_widths, values + half_widths)
    return tuple(np.clip(end, low, high) for end in ends)  # type: ignore[return-value]  # three arrays in, three out
