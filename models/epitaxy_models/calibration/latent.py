"""Distance to the nearest training structures, in the leading directions of their embeddings."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.compiled import compiled

_N_NEIGHBOURS = 5
_ROWS_A_BLOCK = 256


# Without slots: what is searched is kept beside what is stored.
@dataclass(frozen=True, eq=False)
class LatentSpace:
    """Training structures in directions along which they have unit variance.

    Attributes:
        centre: Mean training embedding, ``[embedding_width]``.
        directions: Leading principal directions over their standard deviations, ``[embedding_width, n_directions]``.
        anchors: Training structures in them, float16 ``[n_anchors, n_directions]``.
    """

    centre: NDArray[np.float32]
    directions: NDArray[np.float32]
    anchors: NDArray[np.float16]

    @classmethod
    def fit(cls, embeddings: NDArray[np.float32], n_directions: int) -> "LatentSpace":
        """From training embeddings ``[n_anchors, embedding_width]``."""
        centre = embeddings.mean(axis=0)
        _, singular, rows = np.linalg.svd((embeddings - centre).astype(np.float64), full_matrices=False)
        kept = min(n_directions, len(singular))
        deviations = singular[:kept] / np.sqrt(len(embeddings) - 1)
        directions = (rows[:kept].T / np.maximum(deviations, 1e-6)).astype(np.float32)
        anchors = ((embeddings - centre) @ directions).astype(np.float16)
        return cls(centre.astype(np.float32), directions, anchors)

    def project(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embeddings ``[n, embedding_width]`` in the directions, ``[n, n_directions]``."""
        return np.asarray((embeddings - self.centre) @ self.directions, dtype=np.float32)

    def distances(self, points: NDArray[np.float32], n_skipped: int = 0) -> NDArray[np.float32]:
        """Root mean square distance to the five nearest anchors, ``[n]``; ``n_skipped`` of the nearest do not count."""
        factors, sizes = self._searched
        wanted = min(_N_NEIGHBOURS + n_skipped, len(sizes))
        found = np.empty(len(points), dtype=np.float32)
        for start in range(0, len(points), _ROWS_A_BLOCK):
            block = points[start : start + _ROWS_A_BLOCK]
            squares = block @ factors
            squares += sizes
            own = np.einsum("ij,ij->i", block, block)
            found[start : start + _ROWS_A_BLOCK] = _root_mean_of_smallest(squares, own, wanted, n_skipped)
        return found

    @cached_property
    def _searched(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Minus two times the anchors, ``[n_directions, n_anchors]``, and their squared lengths."""
        anchors = self.anchors.astype(np.float32)
        return np.ascontiguousarray(-2 * anchors.T), np.einsum("ij,ij->i", anchors, anchors)


@compiled()
def _root_mean_of_smallest(
    squares: NDArray[np.float32], own: NDArray[np.float32], wanted: int, n_skipped: int
) -> NDArray[np.float32]:
    """Of each row plus its own, the root mean of the ``wanted`` smallest values but the ``n_skipped`` first."""
    found = np.empty(len(squares), dtype=np.float32)
    smallest = np.empty(wanted, dtype=np.float32)
    for row in range(len(squares)):
        smallest[:] = np.inf
        for value in squares[row]:
            if value < smallest[-1]:
                place = wanted - 1
                while place > 0 and smallest[place - 1] > value:
                    smallest[place] = smallest[place - 1]
                    place -= 1
                smallest[place] = value
        total = np.float32(0.0)
        for place in range(n_skipped, wanted):
            total += max(smallest[place] + own[row], np.float32(0.0))
        found[row] = np.sqrt(total / np.float32(wanted - n_skipped))
    return found
