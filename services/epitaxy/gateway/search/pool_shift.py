"""How the student errs on the pool at hand, compared with the crystals of its calibration."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Errors that the table counts for: fewer than these of the pool move little.
_PRIOR_ERRORS = 30.0
_NARROWEST, _WIDEST = 0.5, 10.0
_QUANTILES = (0.16, 0.5, 0.84)


@dataclass(frozen=True, slots=True)
class PoolShift:
    """A correction of the student on one pool.

    Attributes:
        shift: What its values are short of, in units of its scale.
        stretch: How much wider its errors are, as a factor.
    """

    shift: float = 0.0
    stretch: float = 1.0


def pool_shift(errors: NDArray[np.float64], table: NDArray[np.float32]) -> PoolShift:
    """Compares standardized errors on the pool ``[n]`` with those of the table, by median and central spread."""
    if len(errors) < 2:
        return PoolShift()
    low, middle, high = np.quantile(errors, _QUANTILES)
    usual_low, usual_middle, usual_high = np.quantile(table, _QUANTILES)
    weight = len(errors) / (len(errors) + _PRIOR_ERRORS)
    ratio = float(np.clip((high - low) / max(usual_high - usual_low, 1e-9), _NARROWEST, _WIDEST))
    stretch = ratio**weight
    # The table's own median stays inside the table, stretched with it.
    return PoolShift(float(weight * (middle - stretch * usual_middle)), stretch)
