"""How far candidates lie from each other by one block of features."""

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.transfer.conditions.blocks import CONDITION_PREFIX
from epitaxy_models.transfer.inputs import COUNTS
from epitaxy_models.transfer.strategies.block_kernel import Rows
from epitaxy_models.transfer.strategies.block_scaling import gapped_distances, shares_in_common, squared_distances

Array = NDArray[np.float64]


def squared_by_block(name: str, left: Rows, right: Rows) -> Array:
    """Squared distances by scaled rows of a block, ``[n_left, n_right]``; two candidates lie about 2 apart.

    Counts of fragments have no scale: there it is what two candidates do not have in common.
    """
    one, two = left[name], right[name]
    if name == COUNTS:
        return np.asarray(2 * (1 - shares_in_common(one, two)))
    return gapped_distances(one, two) if name.startswith(CONDITION_PREFIX) else squared_distances(one, two)
