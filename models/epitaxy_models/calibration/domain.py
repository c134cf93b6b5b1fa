"""How far a structure lies from the training data, apart from any disagreement of the members."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.structures.elements import symbol_of

# A structure beyond this share of held-out source structures is borderline, beyond the second foreign.
_BORDERLINE, _OUTSIDE = 0.95, 0.99
# Training structures an element needs before it counts as known.
_FAMILIAR_COUNT = 20


class DomainVerdict(StrEnum):
    """Whether the training data speak for a structure."""

    IN_DOMAIN = "IN_DOMAIN"
    BORDERLINE = "BORDERLINE"
    OUT_OF_DOMAIN = "OUT_OF_DOMAIN"


@dataclass(frozen=True, slots=True)
class DomainScore:
    """Verdict on one structure.

    Attributes:
        score: Share of held-out source structures that lie nearer to the training data, 0 to 1.
        verdict: The score against its thresholds, and the elements against the training data.
        reason: One line; empty when IN_DOMAIN.
    """

    score: float
    verdict: DomainVerdict
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class DomainModel:
    """Mahalanobis distance in the leading directions of the training embeddings, as a percentile.

    Attributes:
        centre: Mean training embedding, ``[embedding_width]``.
        directions: Leading principal directions over their standard deviations, ``[embedding_width, n_directions]``.
        held_out_distances: Ascending distances of structures not trained on, ``[n_quantiles]``.
        element_counts: Training structures that hold each element, ``[119]``, by atomic number.
    """

    centre: NDArray[np.float32]
    directions: NDArray[np.float32]
    held_out_distances: NDArray[np.float32]
    element_counts: NDArray[np.int64]

    @classmethod
    def fit(
        cls,
        training: NDArray[np.float32],
        held_out: NDArray[np.float32],
        element_counts: NDArray[np.int64],
        n_directions: int = 64,
    ) -> "DomainModel":
        """Fits on training embeddings ``[n, width]`` and scales the score by held-out ones ``[m, width]``."""
        centre = training.mean(axis=0)
        _, singular, rows = np.linalg.svd((training - centre).astype(np.float64), full_matrices=False)
        kept = min(n_directions, len(singular))
        deviations = singular[:kept] / np.sqrt(len(training) - 1)
        directions = (rows[:kept].T / np.maximum(deviations, 1e-6)).astype(np.float32)
        distances = np.linalg.norm((held_out - centre) @ directions, axis=1)
        quantiles = np.quantile(distances, np.linspace(0, 1, 1001)).astype(np.float32)
        return cls(centre.astype(np.float32), directions, quantiles, element_counts)

    def scores(self, embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        """Percentile of each embedding ``[n, width]`` among held-out source structures, 0 to 1, ``[n]``."""
        distances = np.linalg.norm((embeddings - self.centre) @ self.directions, axis=1)
        ranks = np.searchsorted(self.held_out_distances, distances)
        return np.asarray(ranks / len(self.held_out_distances), dtype=np.float64)

    def judge(self, score: float, atomic_numbers: NDArray[np.uint8]) -> DomainScore:
        """Verdict on one structure with that score and those atoms."""
        rare = [int(z) for z in np.unique(atomic_numbers) if self.element_counts[z] < _FAMILIAR_COUNT]
        if rare:
            names = ", ".join(f"{symbol_of(z)} (in {self.element_counts[z]})" for z in rare)
            return DomainScore(score, DomainVerdict.OUT_OF_DOMAIN, f"element hardly seen in training: {names}")
        if score < _BORDERLINE:
            return DomainScore(score, DomainVerdict.IN_DOMAIN, "")
        verdict = DomainVerdict.OUT_OF_DOMAIN if score >= _OUTSIDE else DomainVerdict.BORDERLINE
        text = f"its environments lie farther from the training data than {100 * score:.1f} % of held-out structures"
        return DomainScore(score, verdict, text)
