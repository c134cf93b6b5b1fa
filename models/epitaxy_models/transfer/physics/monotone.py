"""Values that never fall, or never rise, with a condition."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.transfer.physics.law import LawParameter

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Monotone:
    """A level and two slopes of one sign, one below a knot and one above it.

    Attributes:
        condition: Name of the condition.
        is_rising: Whether values rise with it; otherwise they fall.
        knot: Condition at which the slope may change.
        name: Name of the law.
        source: Source.
    """

    condition: str
    is_rising: bool = True
    knot: float = 0.0
    name: str = "monotone"
    source: str = "Ramsay, Statistical Science 3, 425 (1988): monotone splines with coefficients that are not negative"

    @property
    def parameters(self) -> tuple[LawParameter, ...]:
        """The value at the knot, and the size of both slopes."""
        slopes = (LawParameter(f"slope_{where}", "value per condition", lower=0.0) for where in ("below", "above"))
        return LawParameter("level", "value"), *slopes

    def basis(self, conditions: Array) -> Array:
        """1 and both ramps, ``[n_rows, 3]``."""
        beyond = conditions - self.knot
        ramps = np.stack([np.minimum(beyond, 0.0), np.maximum(beyond, 0.0)], axis=1)
        return np.concatenate([np.ones((len(conditions), 1)), ramps if self.is_rising else -ramps], axis=1)

    def straight(self, values: Array, conditions: Array) -> Array:
        """The values."""
        return values.astype(np.float64)

    def value(self, straight: Array, conditions: Array) -> Array:
        """The values."""
        return straight.astype(np.float64)

    def settings(self) -> Mapping[str, Any]:
        """Plain values."""
        return {"name": self.name, "condition": self.condition, "is_rising": self.is_rising, "knot": self.knot}
