"""A bound that labels pile up at, as the gaps of metals do at 0."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Labels equal to their smallest or largest value, from which on that value counts as a bound with a mass of its own.
_SHARE_AT_BOUND, _N_AT_BOUND = 0.1, 4
# Fewer labels off the bound leave nothing to learn there.
_N_OFF_BOUND = 4


@dataclass(frozen=True, slots=True)
class Bound:
    """A value at one end that many labels have exactly.

    Attributes:
        value: On the scale of the fit.
        is_lower: Whether it is the smallest value, or else the largest.
    """

    value: float
    is_lower: bool

    @classmethod
    def find(cls, targets: Array) -> "Bound | None":
        """The end of ``targets`` ``[n_rows]`` where most pile up; None if they pile up at neither."""
        ends = [cls(float(targets.min()), is_lower=True), cls(float(targets.max()), is_lower=False)]
        best = max(ends, key=lambda end: int(np.count_nonzero(targets == end.value)))
        n_at = int(np.count_nonzero(targets == best.value))
        is_mass = n_at >= max(_N_AT_BOUND, _SHARE_AT_BOUND * len(targets))
        return best if is_mass and len(targets) - n_at >= _N_OFF_BOUND else None
