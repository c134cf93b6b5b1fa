"""Spearman's rank correlation, defined for constant columns too."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata


def rank_correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Spearman's correlation of two columns ``[n_rows]``; ties share their mean rank; 0 if a column is constant."""
    ranks = np.stack([rankdata(first), rankdata(second)])
    if (ranks.std(axis=1) == 0).any():
        return 0.0
    return float(np.corrcoef(ranks)[0, 1])
