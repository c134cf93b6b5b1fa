"""Spearman's rank correlation, defined for constant columns too."""

import numpy as np
from numpy.typing import NDArray


def rank_correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Spearman's correlation of two columns ``[n_rows]``; ties share their mean rank; 0 if a column is constant."""
    ranks = np.stack([_mean_ranks(first), _mean_ranks(second)])
    if (ranks.std(axis=1) == 0).any():
        return 0.0
    return float(np.atleast_2d(np.corrcoef(ranks))[0, 1])


def _mean_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """As ``scipy.stats.rankdata``, which a client's machine lacks."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: NDArray[np.float64] = ends - (counts - 1) / 2
    return ranks[places]
