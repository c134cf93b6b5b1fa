"""Distance to the nearest training structures, in the leading directions of their embeddings."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_N_NEIGHBOURS = 5
_ROWS_A_BLOCK = 256


@dataclass(frozen=True, slots=True, eq=False)
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
        anchors = self.anchors.astype(np.float32)
        sizes = np.einsum("ij,ij->i", anchors, anchors)
        wanted = min(_N_NEIGHBOURS + n_skipped, len(anchors))
        found = np.empty(len(points), dtype=np.float32)
        for start in range(0, len(points), _ROWS_A_BLOCK):
            block = points[start : start + _ROWS_A_BLOCK]
            squares = sizes - 2 * block @ anchors.T
            squares += np.einsum("ij,ij->i", block, block)[:, None]
            nearest = np.sort(np.partition(squares, wanted - 1, axis=1)[:, :wanted], axis=1)[:, n_skipped:]
            found[start : start + _ROWS_A_BLOCK] = np.sqrt(np.maximum(nearest, 0).mean(axis=1))
        return found
