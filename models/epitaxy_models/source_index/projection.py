"""From structure embeddings to the few coordinates that distances are taken in."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import ConfigurationError

N_DIRECTIONS = 64
# Coordinates are divided by this power of their deviation. At 1 (Mahalanobis) faint directions are noise as loud as the
# leading ones, at 0 a few of them are all. Mean error of 5 neighbours of other formulas with 1 / 0.5 / 0.25 / 0, first
# member: experimental formation enthalpy .172 / .162 / .161 / .157 eV/atom, phonon peak 104 / 99.8 / 99.9 / 105 1/cm,
# log dielectric constant .087 / .083 / .081 / .076, exfoliation energy 46.7 / 45.6 / 44.2 / 45.9 meV/atom. All members
# together in as many directions: .152, 98.2, .078 and 46.6.
_WHITENING = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class LatentProjection:
    """Leading principal directions of the embeddings of all members, partly whitened.

    Attributes:
        centre: Mean embedding, float32 ``[n_members * embedding_width]``.
        directions: Each over a power of its deviation, float16 ``[n_members * embedding_width, n_directions]``.
    """

    centre: NDArray[np.float32]
    directions: NDArray[np.float16]

    @classmethod
    def fit(cls, chunks: Iterable[NDArray[np.float32]], n_directions: int = N_DIRECTIONS) -> "LatentProjection":
        """Fits on embeddings, ``[n, n_members, embedding_width]`` a chunk.

        Raises ConfigurationError (TOO_FEW_STRUCTURES) for fewer than two.
        """
        count, total, products = _moments(chunks)
        if count < 2:
            raise ConfigurationError(
                f"directions need two structures or more, got {count}", reason="TOO_FEW_STRUCTURES"
            )
        centre = total / count
        covariance = (products - count * np.outer(centre, centre)) / (count - 1)
        kept = min(n_directions, len(centre), count - 1)
        variances, directions = np.linalg.eigh(covariance)
        deviations = np.sqrt(np.maximum(variances[::-1][:kept], 1e-12))
        scaled = directions[:, ::-1][:, :kept] / deviations**_WHITENING
        return cls(centre.astype(np.float32), scaled.astype(np.float16))

    @property
    def n_directions(self) -> int:
        """Coordinates of a structure."""
        return int(self.directions.shape[1])

    def __call__(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Coordinates of embeddings ``[n, n_members, embedding_width]``, ``[n, n_directions]``.

        Raises ConfigurationError (WRONG_EMBEDDINGS) if these are another model's by their shape.
        """
        n_structures, width = len(embeddings), int(np.prod(embeddings.shape[1:]))
        if width != len(self.centre):
            raise ConfigurationError(
                f"embeddings have {width} channels, the source index {len(self.centre)}", reason="WRONG_EMBEDDINGS"
            )
        flat = embeddings.reshape(n_structures, width).astype(np.float32) - self.centre
        return np.asarray(flat @ self.directions.astype(np.float32), dtype=np.float32)


def _moments(chunks: Iterable[NDArray[np.float32]]) -> tuple[int, NDArray[np.float64], NDArray[np.float64]]:
    """Number of rows, their sum, and the sum of their outer products."""
    count, total, products = 0, np.zeros(1), np.zeros((1, 1))
    for chunk in chunks:
        flat = chunk.reshape(len(chunk), -1).astype(np.float64)
        count, total, products = count + len(flat), total + flat.sum(axis=0), products + flat.T @ flat
    return count, total, products
