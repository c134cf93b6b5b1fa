"""Nearest-neighbour search as one small interface: in this process, or on a server."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import ConfigurationError


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """What lies nearest to each query, nearest first.

    Attributes:
        distances: Euclidean, ascending in a row, float64 ``[n_queries, k]``.
        ids: Ids of the vectors, int64 ``[n_queries, k]``.
    """

    distances: NDArray[np.float64]
    ids: NDArray[np.int64]


class VectorIndex(Protocol):
    """Vectors of one width under integer ids."""

    @property
    def width(self) -> int:
        """Components of a vector."""

    @property
    def n_vectors(self) -> int:
        """Vectors held."""

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Holds ``vectors`` ``[n, width]`` under ids ``[n]`` of zero or more; what an id held before is replaced.

        Raises ConfigurationError (INVALID_VECTORS) if shapes disagree, an id is negative or comes twice, or a
        component is not finite.
        """

    def search(self, queries: NDArray[np.float32], k: int) -> Neighbours:
        """The k nearest to each query ``[n_queries, width]``, all of them where fewer are held.

        Raises ConfigurationError (INVALID_VECTORS) if a shape disagrees, a component is not finite or k < 1.
        """


def checked_vectors(vectors: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """The vectors as contiguous float32. Raises ConfigurationError (INVALID_VECTORS)."""
    plain = np.ascontiguousarray(vectors, dtype=np.float32)
    if plain.ndim != 2 or plain.shape[1] != width or not np.isfinite(plain).all():
        raise ConfigurationError(
            f"vectors of shape {list(plain.shape)}: give finite ones of width {width}", reason="INVALID_VECTORS"
        )
    return plain


def checked_ids(ids: NDArray[np.int64], n_vectors: int) -> NDArray[np.int64]:
    """The ids as contiguous int64. Raises ConfigurationError (INVALID_VECTORS)."""
    plain = np.ascontiguousarray(ids, dtype=np.int64)
    if plain.shape != (n_vectors,) or len(np.unique(plain)) != n_vectors or (plain < 0).any():
        raise ConfigurationError(
            f"{n_vectors} vectors need as many different ids of zero or more", reason="INVALID_VECTORS"
        )
    return plain


def checked_count(k: int) -> int:
    """The number of neighbours asked for. Raises ConfigurationError (INVALID_VECTORS)."""
    if k < 1:
        raise ConfigurationError(f"{k} neighbours asked for: ask for one or more", reason="INVALID_VECTORS")
    return k
