"""Where a value lies among those of a sample."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def shares_below(values: NDArray[np.floating[Any]], sample: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Share of a sample that lies below each value, 0 at its least and 1 at its largest, ``[n]``.

    Linear between neighbours of the sample, as ``numpy.quantile`` has it the other way round: a value that moves by a
    rounding moves its share by as little, where a count of smaller ones would jump by a whole member.

    Args:
        values: ``[n]``.
        sample: Ascending and finite, or its evenly spaced quantiles, ``[n_sample]``.
    """
    return np.asarray(np.interp(values, sample, np.linspace(0, 1, len(sample))), dtype=np.float64)
