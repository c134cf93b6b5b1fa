"""Split-conformal intervals whose width follows the expected error of each structure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.calibration.coverage import COVERAGE_MAX, COVERAGE_MIN
from epitaxy_models.calibration.difficulty import DEFAULT_SHAPE, DifficultyShape
from epitaxy_models.calibration.groups import GroupMultipliers
from epitaxy_models.errors import ConfigurationError

METHOD = "split-conformal, normalized by ensemble spread, learned noise and distance to the training data"
METHOD_BY_GROUP = (
    "split-conformal, normalized by ensemble spread, learned noise and distance to the training data; conditional on "
    "number of elements, domain score and predicted metal"
)
# Multipliers are kept at these coverages and interpolated between them.
COVERAGES = np.round(np.arange(0.50, 0.9951, 0.005), 3)
N_MIN = 200


@dataclass(frozen=True, slots=True)
class Calibrator:
    """Multiplier of a structure's difficulty at any coverage from 0.5 to 0.99.

    Attributes:
        multipliers: Whatever the group, one for each coverage 0.500, 0.505, ... 0.995, ascending.
        floor: Smallest expected error used, in the property's unit; keeps a lucky agreement of the members from
            claiming certainty.
        n_calibration: Structures the multipliers were fitted on; no member was trained on any of them.
        shape: How difficulty follows from expected error and domain score.
        rms: Root mean square of the calibration residuals over their difficulty.
        groups: Multipliers by group, which stand for the others; None: those hold for every structure.
    """

    multipliers: tuple[float, ...]
    floor: float
    n_calibration: int
    shape: DifficultyShape = DEFAULT_SHAPE
    rms: float = 1.0
    groups: GroupMultipliers | None = None

    def __post_init__(self) -> None:
        are_ascending = len(self.multipliers) == len(COVERAGES) and bool(np.all(np.diff(self.multipliers) >= 0))
        if not are_ascending or not self.floor > 0 or not self.rms > 0:
            raise ConfigurationError(
                "multipliers must ascend, one a coverage, floor and rms positive", reason="INVALID_CALIBRATION"
            )

    @classmethod
    def fit(
        cls,
        values: NDArray[np.float64],
        expected_errors: NDArray[np.float64],
        labels: NDArray[np.float64],
        domain_scores: NDArray[np.float64] | None = None,
        shape: DifficultyShape = DEFAULT_SHAPE,
    ) -> "Calibrator":
        """Fits on structures that no member was trained on; arrays of shape ``[n_calibration]``.

        The k-th smallest normalized residual with k = ceil((n + 1) coverage) covers a new exchangeable structure with
        at least that probability (Papadopoulos et al. 2002; Lei et al. 2018). Raises ConfigurationError below 200
        structures, too few for a 99.5 % quantile, and if the shape needs scores that are not given.
        """
        n = len(labels)
        if n < N_MIN:
            raise ConfigurationError(f"calibration needs {N_MIN} structures, got {n}", reason="CALIBRATION_TOO_SMALL")
        floor = float(np.quantile(expected_errors, 0.01)) + 1e-9
        residuals = np.abs(labels - values) / shape.difficulties(np.maximum(expected_errors, floor), domain_scores)
        ranks = np.minimum(np.ceil((n + 1) * COVERAGES).astype(int), n) - 1
        rms = float(np.sqrt(np.mean(residuals**2))) or 1.0
        return cls(tuple(np.sort(residuals)[ranks].tolist()), floor, n, shape, rms)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "Calibrator":
        """From the plain containers of ``asdict``; without a shape the plain one, without groups none."""
        shape = DifficultyShape(**record["shape"]) if "shape" in record else DEFAULT_SHAPE
        groups = GroupMultipliers.from_json(record["groups"]) if record.get("groups") else None
        return cls(**{**record, "multipliers": tuple(record["multipliers"]), "shape": shape, "groups": groups})

    def half_widths(
        self,
        expected_errors: NDArray[np.float64],
        coverage: float,
        domain_scores: NDArray[np.float64] | None = None,
        cells: NDArray[np.int64] | None = None,
    ) -> NDArray[np.float64]:
        """Half-width of each interval, in the property's unit, ``[n_structures]``.

        ``cells`` are those of ``calibration.groups``. Raises ConfigurationError (MISSING_GROUPS) if the intervals
        differ by group and no cells are given.
        """
        check_coverage(coverage)
        difficulties = self.difficulties(expected_errors, domain_scores)
        if self.groups is None:
            return difficulties * np.interp(coverage, COVERAGES, self.multipliers)
        if cells is None:
            raise ConfigurationError("these intervals differ by group: give the cells", reason="MISSING_GROUPS")
        return difficulties * self.groups.at(cells, coverage)

    def stds(
        self, expected_errors: NDArray[np.float64], domain_scores: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Standard deviations whose squared standardized errors average one on the calibration structures."""
        return self.difficulties(expected_errors, domain_scores) * self.rms

    def difficulties(
        self, expected_errors: NDArray[np.float64], domain_scores: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """What half-widths and standard deviations are multiples of, in the property's unit, ``[n_structures]``."""
        return self.shape.difficulties(np.maximum(expected_errors, self.floor), domain_scores)


def check_coverage(coverage: float) -> None:
    """Raises ConfigurationError (COVERAGE_OUT_OF_RANGE) unless 0.5 <= coverage <= 0.99."""
    if not COVERAGE_MIN <= coverage <= COVERAGE_MAX:
        raise ConfigurationError(
            f"coverage must lie between {COVERAGE_MIN} and {COVERAGE_MAX}, got {coverage:g}",
            reason="COVERAGE_OUT_OF_RANGE",
        )


def bounded(
    values: NDArray[np.float64],
    half_widths: NDArray[np.float64],
    lower: float | NDArray[np.float64] | None,
    upper: float | None,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Values cut at the physical bounds, and interval ends around them cut likewise.

    A lower bound may differ by structure, ``[n]``; -inf where there is none.
    No true value lies beyond a bound, so that coverage is that of the uncut interval around the cut value.
    """
    low = -np.inf if lower is None else lower
    high = np.inf if upper is None else upper
    centres = np.clip(values, low, high)
    return centres, np.clip(centres - half_widths, low, high), np.clip(centres + half_widths, low, high)
