"""Labels that are likelier wild than noise: a fit by squares follows them at the cost of all others.

A few labels are taken to come from elsewhere, with a density that falls as the inverse distance over some decades.
Whether a label is one of them is decided by the evidence of both fits, so that natural tails, which the process
explains with its noise, stay (Tukey's contaminated normal, 1960, with memberships decided rather than averaged).
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# At most so many labels, and one in so many, are left out of a fit.
N_WILD, ONE_IN = 3, 10
# Share of labels that are taken to be wild. Of natural tails of 25 labels the evidence for leaving one out reached 9.3,
# where it did harm (phonon peaks), and 0.005 would have asked for 7.9; 1e-4 let a tenfold peak pass.
_SHARE = 1e-3
# Natural logarithm of the range of distances at which they lie: four decades.
_RANGE = 9.2
# Residuals closer than this many robust deviations are not asked about: a trial costs a fit.
_ASKED = 4.0
_MAD_TO_STD = 1.4826


def misfit(left_out: Array) -> int | None:
    """The label that the others expect least; None where none stands out of the residuals ``[n_rows]``."""
    sizes = np.abs(left_out)
    place = int(sizes.argmax())
    others = np.delete(sizes, place)
    # Of targets that are mostly zero the median residual says nothing.
    deviation = max(_MAD_TO_STD * float(np.median(others)), float(others.mean()))
    return place if sizes[place] > _ASKED * deviation else None


def log_density_of_wild(distance: float) -> float:
    """Of a label at ``distance`` from the median of the others, either side; its share among labels included."""
    return float(np.log(_SHARE) - np.log(2 * _RANGE * max(distance, np.finfo(np.float64).tiny)))
