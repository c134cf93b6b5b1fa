"""Students of an ensemble: what its answers should be, with the size of the error, for some microseconds a candidate.

There are two stages. Of a composition alone, a student cannot tell polymorphs apart; where volume and number of atoms
are known too, it does so in part. Both are one network that was trained with and without volumes, so that columns may
mix candidates of both stages.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import ConfigurationError, UnknownPropertyError
from epitaxy_models.search.columns import CandidateColumns
from epitaxy_models.search.features import are_packed
from epitaxy_models.search.network import StudentNetwork

# What fits in a core's cache: larger pieces are slower.
_PIECE = 2048
_LEAST_LOG_SCALE, _LARGEST_LOG_SCALE = -6.0, 2.0
ENDS = ("value", "lower", "upper")
"""What of an answer a student predicts; ends of intervals are those at the default coverage."""


class Stage(IntEnum):
    """What a student knows of a candidate."""

    COMPOSITION = 0
    PACKING = 1
    """Volume and number of atoms of the cell too."""


@dataclass(frozen=True, slots=True, eq=False)
class StudentScores:
    """What the students say; columns in the order of ``Students.quantities``.

    Attributes:
        values: Expected answers of the ensemble, in the properties' units, float32 ``[n, n_quantities]``; NaN where an
            element is unknown to the students.
        scales: Expected sizes of the errors, same shape, positive.
        stages: ``Stage`` of each candidate, uint8 ``[n]``.
    """

    values: NDArray[np.float32]
    scales: NDArray[np.float32]
    stages: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Students:
    """Students of one model.

    Attributes:
        quantities: Property and end of each column: ``("band_gap", "lower")``.
        network: What turns columns into standardized values.
        centers: Mean of each quantity, in its unit, float32 ``[n_quantities]``.
        spreads: Standard deviation of each, in its unit, float32 ``[n_quantities]``.
        scale_factors: By stage and quantity, factors that make scales honest, float32 ``[2, n_quantities]``.
        residuals: Standardized errors ``(ensemble - student) / scale`` of calibration crystals, ascending,
            float32 ``[2, n_quantities, n_calibration]``.
        known_elements: Whether the students saw the element, bool ``[n_numbers]``.
        weights_digest: The weights whose answers they were fitted to.
    """

    quantities: tuple[tuple[str, str], ...]
    network: StudentNetwork
    centers: NDArray[np.float32]
    spreads: NDArray[np.float32]
    scale_factors: NDArray[np.float32]
    residuals: NDArray[np.float32]
    known_elements: NDArray[np.bool_]
    weights_digest: str

    def score(self, columns: CandidateColumns) -> StudentScores:
        """What the students say of candidates, in one thread."""
        n, stages = len(columns), are_packed(columns).astype(np.uint8)
        pieces = [self.network(columns.piece(start, min(start + _PIECE, n))) for start in range(0, n, _PIECE)]
        said = np.concatenate(pieces) if pieces else np.zeros((0, self.network.n_outputs), dtype=np.float32)
        values, log_scales = np.split(said, 2, axis=1)
        logs = np.clip(log_scales, _LEAST_LOG_SCALE, _LARGEST_LOG_SCALE)
        scales = np.exp(logs) * self.spreads * self.scale_factors[stages]
        values = np.where(self._are_known(columns)[:, None], values * self.spreads + self.centers, np.float32(np.nan))
        return StudentScores(values.astype(np.float32), scales.astype(np.float32), stages)

    def column(self, property_name: str, end: str = "value") -> int:
        """Column of a quantity. Raises UnknownPropertyError if the students do not know it."""
        if (property_name, end) not in self.quantities:
            known = ", ".join(dict.fromkeys(name for name, _ in self.quantities))
            raise UnknownPropertyError(f"the students do not know {property_name} ({end}); they know {known}")
        return self.quantities.index((property_name, end))

    def table(self, stage: Stage, property_name: str, end: str = "value") -> NDArray[np.float32]:
        """Standardized errors of a stage, ascending, ``[n_calibration]``. Raises UnknownPropertyError."""
        return np.asarray(self.residuals[stage, self.column(property_name, end)])

    def bounds(
        self, scores: StudentScores, column: int, coverage: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Conformal bounds of the ensemble's answers, two-sided, ``[n]`` each.

        Each end alone is a one-sided bound of coverage ``(1 + coverage) / 2``. Coverage holds for candidates like the
        calibration crystals on average, not for those that are selected as the best. Raises ConfigurationError unless
        the coverage lies between 0 and 1.
        """
        if not 0 < coverage < 1:
            raise ConfigurationError(f"coverage is {coverage}; give a number between 0 and 1")
        ends = np.stack([_ends(table, coverage) for table in self.residuals[:, column]])[scores.stages]
        values, scales = scores.values[:, column], scores.scales[:, column]
        return values + ends[:, 0] * scales, values + ends[:, 1] * scales

    def _are_known(self, columns: CandidateColumns) -> NDArray[np.bool_]:
        """Whether a candidate has elements, and the students saw all of them, ``[n]``."""
        counts = np.diff(columns.offsets)
        owners = np.repeat(np.arange(len(columns)), counts)
        unknown = np.bincount(owners[~self.known_elements[columns.atomic_numbers]], minlength=len(columns))
        return np.asarray((counts > 0) & (unknown == 0))


def _ends(ascending: NDArray[np.float32], coverage: float) -> NDArray[np.float32]:
    """Split-conformal ends; infinite where the table is too short for the coverage."""
    n = len(ascending)
    rank = int(np.ceil((n + 1) * (1 + coverage) / 2))
    if rank > n:
        return np.array([-np.inf, np.inf], dtype=np.float32)
    return np.array([ascending[n - rank], ascending[rank - 1]], dtype=np.float32)
