"""Spearman's correlation that is 0 where it is undefined."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata


def rank_correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Of two columns ``[n_rows]``, ties sharing their mean rank; 0 where one of them is constant."""
    ranks = np.stack([rankdata(first), rankdata(second)])
    if (ranks.std(axis=1) == 0).any():
        return 0.0
    return float(np.corrcoef(ranks)[0, 1])
