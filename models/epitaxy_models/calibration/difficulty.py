"""How hard a structure is: its expected error, tempered, and raised with its distance to the training data.

The spread of an ensemble exaggerates: where it is ten times larger, errors are five times larger. And it says too
little outside of the training domain, where coverage falls unless intervals widen with the domain score.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.calibration.coverage import DEFAULT_COVERAGE
from epitaxy_models.errors import ConfigurationError

# Keeps the remoteness of a score of 1 finite: as remote as one structure in three hundred.
_REMOTEST = 1.003
_POWERS, _SLOPES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5), (0.0, 0.1, 0.2, 0.3, 0.4)
# Groups in which coverage should hold: by domain score, and by quarters of the expected error.
_SCORE_GROUPS = (0.0, 0.5, 0.8, 0.9, 0.95, np.inf)
_N_GROUP_MIN = 30
# Of a constant width: what an interval that varies must at least save.
_WORTHWHILE = 0.95
# Shapes this close to the most even one cover as evenly, for all that a few thousand structures can tell.
_INDISTINCT = 0.02


@dataclass(frozen=True, slots=True)
class DifficultyShape:
    """``difficulty = expected_error ** power * (1.003 - domain_score) ** -slope``.

    Attributes:
        power: 1: in proportion to the expected error; 0: the same for all.
        slope: 0: whatever the domain score; larger: wider outside of the training domain.
    """

    power: float = 1.0
    slope: float = 0.0

    def __post_init__(self) -> None:
        if not (0 < self.power <= 1 and 0 <= self.slope <= 1):
            raise ConfigurationError(
                f"power {self.power:g} must lie in (0, 1], slope {self.slope:g} in [0, 1]", reason="INVALID_CALIBRATION"
            )

    def difficulties(
        self, expected_errors: NDArray[np.float64], domain_scores: NDArray[np.float64] | None
    ) -> NDArray[np.float64]:
        """Relative difficulty of each structure, ``[n]``. Raises ConfigurationError if scores are missing."""
        tempered = np.asarray(expected_errors**self.power)
        if self.slope == 0:
            return tempered
        if domain_scores is None:
            raise ConfigurationError(
                "these intervals widen with the domain score: give the scores", reason="MISSING_SCORES"
            )
        return np.asarray(tempered * (_REMOTEST - domain_scores) ** -self.slope)


DEFAULT_SHAPE = DifficultyShape()


def most_even_shape(
    residuals: NDArray[np.float64], expected_errors: NDArray[np.float64], domain_scores: NDArray[np.float64]
) -> DifficultyShape:
    """The shape under which 90 % intervals cover evenly, among those clearly narrower on average than a constant width.

    Unevenness is the largest shortfall or excess of coverage over groups by domain score and by expected error. Of
    shapes that are alike in it, the one with the fewest outlying standardized errors, so that these have a variance
    worth stating. Arrays of calibration structures, ``[n]``; the plain shape if none is narrower.
    """
    constant = _quantile(residuals, DEFAULT_COVERAGE)
    groups = list(_groups(expected_errors, domain_scores))
    found: list[tuple[float, float, DifficultyShape]] = []
    for shape in (DifficultyShape(power, slope) for power in _POWERS for slope in _SLOPES):
        difficulties = shape.difficulties(expected_errors, domain_scores)
        standardized = residuals / difficulties
        multiplier = _quantile(standardized, DEFAULT_COVERAGE)
        if multiplier * difficulties.mean() < _WORTHWHILE * constant:
            found.append((_unevenness(standardized <= multiplier, groups), _kurtosis(standardized), shape))
    most_even = min((unevenness for unevenness, _, _ in found), default=0.0)
    alike = [entry for entry in found if entry[0] <= most_even + _INDISTINCT]
    return min(alike, key=lambda entry: entry[1])[2] if alike else DEFAULT_SHAPE


def _kurtosis(standardized: NDArray[np.float64]) -> float:
    squares = standardized**2
    return float(np.mean(squares**2) / max(float(np.mean(squares)) ** 2, 1e-300))


def _groups(expected_errors: NDArray[np.float64], domain_scores: NDArray[np.float64]) -> Iterator[NDArray[np.bool_]]:
    edges = np.quantile(expected_errors, (0.25, 0.5, 0.75))
    for values, limits in ((domain_scores, _SCORE_GROUPS), (expected_errors, (0.0, *edges, np.inf))):
        for low, high in pairwise(limits):
            group = (values >= low) & (values < high)
            if group.sum() >= _N_GROUP_MIN:
                yield group


def _unevenness(is_inside: NDArray[np.bool_], groups: Sequence[NDArray[np.bool_]]) -> float:
    return max((abs(float(is_inside[group].mean()) - DEFAULT_COVERAGE) for group in groups), default=0.0)


def _quantile(values: NDArray[np.float64], coverage: float) -> float:
    rank = min(int(np.ceil((len(values) + 1) * coverage)), len(values))
    return float(np.sort(values)[rank - 1])
