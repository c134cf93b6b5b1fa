"""Terms of a block kernel for the parameters of a law, each times what the law multiplies its parameter by."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.transfer.strategies.block_kernel import KernelTerm, Rows
from epitaxy_models.transfer.strategies.block_scaling import squared_distances

Array = NDArray[np.float64]

# Squared distance of scaled features within which two rows are one structure: rounding.
_SAME = 1e-8
ALL = "all"
"""Name of a block that is 1 for every row."""


@dataclass(frozen=True, slots=True)
class LawTerm(KernelTerm):
    """``basis_p(c) basis_p(c') k(x, x')``.

    What it measures is ``[2, n_left, n_right]``: what the covariance of the structures depends on, and the product of
    the bases.

    Attributes:
        basis: Block of the rows that holds the basis of the parameter, ``[n_rows, 1]``.
        is_own: Whether the covariance is that of one structure with itself alone: what no feature explains, and all
            conditions share.
    """

    basis: str = ALL
    is_own: bool = False

    def measure(self, left: Rows, right: Rows) -> Array:
        """Both parts, ``[2, n_left, n_right]``."""
        return np.stack([self.of_structures(left, right), _products(left[self.basis], right[self.basis])])

    def measure_within(self, rows: Rows) -> Array:
        """The same among the given rows, ``[2, n_rows, n_rows]``."""
        structures = self.of_structures(rows, rows)
        np.fill_diagonal(structures, self.own_of_structures(rows))
        return np.stack([structures, _products(rows[self.basis], rows[self.basis])])

    def with_slope(self, measured: Array, log_length: float) -> tuple[Array, Array | None]:
        """Covariance of unit weight, and its derivative by the logarithm of the length; None if it has no length."""
        covariance, slope = KernelTerm.with_slope(self, measured[0], log_length)
        return covariance * measured[1], None if slope is None else slope * measured[1]

    def of_structures(self, left: Rows, right: Rows) -> Array:
        """What the covariance of structures depends on, ``[n_left, n_right]``, whatever their conditions."""
        if self.is_own:
            return (squared_distances(left[self.block], right[self.block]) < _SAME).astype(np.float64)
        return KernelTerm.measure(self, left, right)

    def own_of_structures(self, rows: Rows) -> Array:
        """The same of each row with itself, ``[n_rows]``."""
        return np.ones(len(rows[self.block])) if self.is_own else KernelTerm.measure_own(self, rows)

    def covariance_of_structures(self, measured: Array, log_length: float) -> Array:
        """Covariance of the parameter itself, of unit weight; ``measured`` as by ``of_structures``."""
        return KernelTerm.with_slope(self, measured, log_length)[0]


def _products(left: NDArray[np.float32], right: NDArray[np.float32]) -> Array:
    return np.asarray(left.astype(np.float64) @ right.astype(np.float64).T)
