"""Blocks of features brought to one scale, as the training rows have it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

# A descriptor far outside the training rows must not decide a distance alone.
_CLIP = 6.0
# Spread, over the size of the values, below which a column is constant: rounding of a mean is not information.
_CONSTANT = 1e-7


@dataclass(frozen=True, slots=True, eq=False)
class BlockScale:
    """Standardisation of one block.

    Attributes:
        centre: Means over the training rows, ``[width]``.
        factor: What makes the columns' variances add up to one, 0 for constant columns, ``[width]``.
        has_gaps: Whether the last column tells whether the others are known.
        is_counts: Whether rows are counts, which stay as they are.
    """

    centre: NDArray[np.float64]
    factor: NDArray[np.float64]
    has_gaps: bool = False
    is_counts: bool = False

    @classmethod
    def fit(cls, block: NDArray[np.float64]) -> "BlockScale":
        """Learns from training rows ``[n_rows, width]``."""
        centre, spread = block.mean(axis=0), block.std(axis=0)
        varies = spread > _CONSTANT * (1 + np.abs(centre))
        root = np.sqrt(max(int(np.count_nonzero(varies)), 1))
        factor = np.where(varies, 1 / (np.where(varies, spread, 1.0) * root), 0.0)
        return cls(centre, factor)

    @classmethod
    def fit_with_gaps(cls, block: NDArray[np.float64]) -> "BlockScale":
        """Learns from values and whether they are known (1 or 0), ``[n_rows, 2]``.

        Scaled rows are a value of unit spread, 0 if unknown, and 1 if it is unknown.
        """
        known = cls.fit(block[block[:, 1] > 0, :1]) if block[:, 1].any() else cls(np.zeros(1), np.zeros(1))
        return cls(np.append(known.centre, 1.0), np.append(known.factor, -1.0), has_gaps=True)

    @classmethod
    def of_counts(cls, width: int) -> "BlockScale":
        """Leaves counts as they are."""
        return cls(np.zeros(width), np.ones(width), is_counts=True)

    @classmethod
    def of_condition(cls, block: NDArray[np.float64]) -> "BlockScale":
        """Learns from a block of a condition: a value and whether it is known, or a column for each category.

        Categories stay as they are: two rows of different ones lie the square root of 2 apart. The last column of a
        scaled row is 1 where the condition is unknown.
        """
        width = block.shape[1]
        if width == 2:
            return cls.fit_with_gaps(block)
        is_last = np.arange(width) == width - 1
        return cls(is_last.astype(np.float64), np.where(is_last, -1.0, 1.0), has_gaps=True)

    def __call__(self, block: NDArray[np.float64]) -> NDArray[np.float32]:
        """Scaled rows, ``[n_rows, width]``; two of them lie about the square root of 2 apart.

        float32 halves what a served model keeps; distances are formed in float64.
        """
        if self.is_counts:
            return block.astype(np.float32)
        limit = _CLIP / np.sqrt(max(int(np.count_nonzero(self.factor)), 1))
        scaled = np.clip((block - self.centre) * self.factor, -limit, limit)
        if self.has_gaps:
            scaled[:, 0] *= block[:, -1]
        return scaled.astype(np.float32)


def squared_distances(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float64]:
    """Between all rows, ``[n_left, n_right]``."""
    one, two = left.astype(np.float64), right.astype(np.float64)
    norms = np.einsum("ij,ij->i", one, one)[:, None] + np.einsum("ij,ij->i", two, two)
    return np.asarray(np.maximum(norms - 2 * (one @ two.T), 0.0))


def gapped_distances(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float64]:
    """Expected squared distances between different rows of scaled values, whose last column is 1 for an unknown one.

    An unknown value is a draw of unit variance about the mean, so that each of them adds one: ``[n_left, n_right]``.
    """
    known = squared_distances(left[:, :-1], right[:, :-1])
    return np.asarray(known + left[:, -1:].astype(np.float64) + right[:, -1].astype(np.float64))


def shares_in_common(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sum of the smaller counts over sum of the larger ones, between all rows, ``[n_left, n_right]``; 1 for no counts.

    The smaller of two numbers is half their sum less half their difference.
    """
    sums = left.sum(axis=1, dtype=np.float64)[:, None] + right.sum(axis=1, dtype=np.float64)
    differences = cdist(left, right, "cityblock")
    return np.asarray((sums - differences) / np.maximum(sums + differences, 1e-9) + (sums == 0))
