"""A covariance that is a sum of terms, each on one block of features."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.transfer.strategies.block_scaling import gapped_distances, shares_in_common, squared_distances

Array = NDArray[np.float64]
Rows = Mapping[str, NDArray[np.float32]]


class Shape(StrEnum):
    """Covariance of one term as a function of its block.

    ``GAPPED`` is linear in a value that is not known of every row: an unknown one is an effect of its row alone.
    ``GAPPED_RBF`` is smooth in such a value: an unknown one lies as far from any other as two values do on average.
    ``TANIMOTO`` is the share that two rows of counts have in common (Ralaivola et al. 2005); rows are not scaled.
    """

    RBF = "rbf"
    MATERN = "matern"
    LINEAR = "linear"
    GAPPED = "gapped"
    GAPPED_RBF = "gapped_rbf"
    TANIMOTO = "tanimoto"

    @property
    def has_length(self) -> bool:
        """Whether distances matter."""
        return self in {Shape.RBF, Shape.MATERN, Shape.GAPPED_RBF}


@dataclass(frozen=True, slots=True)
class KernelTerm:
    """One term: a shape on a block.

    Attributes:
        block: Name of the block.
        shape: Its covariance function.
        under: Blocks of conditions: the term says what the block does under equal ones; of shape ``RBF`` only.
    """

    block: str
    shape: Shape
    under: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What the term reads, for a report."""
        return f"{self.block} under conditions" if self.under else self.block

    def measure(self, left: Rows, right: Rows) -> Array:
        """What the covariance of different rows depends on, ``[n_left, n_right]``: products or squared distances."""
        one, two = left[self.block], right[self.block]
        if self.shape is Shape.TANIMOTO:
            return shares_in_common(one, two)
        if self.shape is Shape.GAPPED_RBF:
            return gapped_distances(one, two)
        if self.shape.has_length:
            # A product of two of these functions with one length: squared distances add up.
            conditions = [gapped_distances(left[name], right[name]) for name in self.under]
            return np.asarray(sum(conditions, squared_distances(one, two)))
        n_columns = -1 if self.shape is Shape.GAPPED else None
        return np.asarray(one[:, :n_columns].astype(np.float64) @ two[:, :n_columns].astype(np.float64).T)

    def measure_within(self, rows: Rows) -> Array:
        """The same among the given rows, ``[n_rows, n_rows]``."""
        measured = self.measure(rows, rows)
        np.fill_diagonal(measured, self.measure_own(rows))
        return measured

    def measure_own(self, rows: Rows) -> Array:
        """The same of each row with itself, ``[n_rows]``."""
        block = rows[self.block].astype(np.float64)
        if self.shape.has_length:
            return np.zeros(len(block))
        if self.shape is Shape.TANIMOTO:
            return np.ones(len(block))
        # The last column of a gapped block is 1 where the value is unknown; a known value has a mean square of 1.
        return np.asarray((block**2).sum(axis=1))

    def covariance(self, measured: Array, log_length: float) -> Array:
        """Covariance of unit weight; ``measured`` as by ``measure``."""
        return self.with_slope(measured, log_length)[0]

    def with_slope(self, measured: Array, log_length: float) -> tuple[Array, Array | None]:
        """Covariance of unit weight and its derivative by the logarithm of the length; None if it has no length."""
        if not self.shape.has_length:
            return measured, None
        scaled = measured * np.exp(-2 * log_length)
        if self.shape is not Shape.MATERN:
            covariance = np.exp(-0.5 * scaled)
            return covariance, covariance * scaled
        root = np.sqrt(3 * scaled)
        decay = np.exp(-root)
        return (1 + root) * decay, 3 * scaled * decay


@dataclass(frozen=True, slots=True)
class KernelParameters:
    """What the marginal likelihood decides, for labels of unit variance.

    Attributes:
        log_weights: Logarithm of each term's weight.
        log_lengths: Logarithm of each term's length; unused by linear terms.
        log_noise: Logarithm of the noise variance.
    """

    log_weights: tuple[float, ...]
    log_lengths: tuple[float, ...]
    log_noise: float


def covariance_between(terms: Sequence[KernelTerm], parameters: KernelParameters, left: Rows, right: Rows) -> Array:
    """Prior covariance of new rows with known ones, ``[n_left, n_right]``."""
    return _weighed(terms, parameters, [term.measure(left, right) for term in terms])


def covariance_within(terms: Sequence[KernelTerm], parameters: KernelParameters, rows: Rows) -> Array:
    """Prior covariance among the given rows, without noise, ``[n_rows, n_rows]``."""
    return _weighed(terms, parameters, [term.measure_within(rows) for term in terms])


def _weighed(terms: Sequence[KernelTerm], parameters: KernelParameters, measured: Sequence[Array]) -> Array:
    total = np.zeros_like(measured[0])
    settings = zip(terms, measured, parameters.log_weights, parameters.log_lengths, strict=True)
    for term, values, weight, length in settings:
        total += np.exp(weight) * term.covariance(values, length)
    return total


def prior_variances(terms: Sequence[KernelTerm], parameters: KernelParameters, rows: Rows) -> Array:
    """Prior variance of each row by term, without noise, ``[n_terms, n_rows]``."""
    settings = zip(terms, parameters.log_weights, strict=True)
    return np.stack([np.exp(weight) * term.covariance(term.measure_own(rows), 0.0) for term, weight in settings])
