"""Numbers as integers of a ring of 64 bits, in which masks hide them and sums are exact."""

import numpy as np
from numpy.typing import NDArray

from epitaxy.consortium.domain.errors import RoundFailedError
from epitaxy_models.federated.steps import SumStep

Array = NDArray[np.float64]
Ring = NDArray[np.uint64]
# One bit for the sign, and one so that a sum over the bound is told from a sum that went round.
_BITS = 62


def resolution_of(step: SumStep, n_members: int) -> float:
    """The value of 1 in the ring: so small that the sum of all bounds just fits."""
    return float(2.0 ** (np.ceil(np.log2(step.bound * n_members)) - _BITS))


def encode(vector: Array, step: SumStep, n_members: int) -> Ring:
    """The nearest integers, ``[length]``; the vector was checked before."""
    return np.round(vector / resolution_of(step, n_members)).astype(np.int64).view(np.uint64)


def decode(total: Ring, step: SumStep, n_members: int) -> Array:
    """The sum as numbers. Raises RoundFailedError for one that no members within their bounds can give."""
    found = np.asarray(total.view(np.int64).astype(np.float64) * resolution_of(step, n_members))
    largest = float(np.abs(found).max(initial=0.0))
    if largest > step.bound * n_members:
        raise RoundFailedError(
            f"the sum of {step.name} holds {largest:.3g}, and members within their bounds give at most "
            f"{step.bound * n_members:.3g}: a member sent something else, or its masks do not fit",
            reason="SUM_OUT_OF_BOUNDS",
        )
    return found
