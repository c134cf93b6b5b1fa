"""Embeddings in, calibrated predictions out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.calibration.conformal import bounded, check_coverage
from epitaxy_models.calibration.domain import DomainScore
from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.heads.readout import composition_of

# Standard deviation of a Laplace distribution over its scale.
_LAPLACE_STD = np.sqrt(2.0)


@dataclass(frozen=True, slots=True, eq=False)
class EnsemblePrediction:
    """Predictions of all served properties; arrays of shape ``[n_structures, n_properties]`` in the card's order.

    Attributes:
        values: Ensemble means, cut at physical bounds.
        epistemic_std: Standard deviation of the members.
        aleatoric_std: Noise that the members expect, root mean square over them.
        lower: Lower ends of the intervals.
        upper: Upper ends of the intervals.
        domains: One verdict a structure.
    """

    values: NDArray[np.float64]
    epistemic_std: NDArray[np.float64]
    aleatoric_std: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    domains: tuple[DomainScore, ...]


class CalibratedReadout:
    """Heads, calibration and domain of one model; numpy only."""

    def __init__(self, artifact: ModelArtifact) -> None:
        self.card, self._domain = artifact.card, artifact.domain
        self._heads = artifact.readout()

    def __call__(
        self, embeddings: NDArray[np.float32], atomic_numbers: Sequence[NDArray[np.uint8]], coverage: float
    ) -> EnsemblePrediction:
        """Predicts from embeddings ``[n_structures, n_members, embedding_width]`` and the atoms of each structure.

        Raises ConfigurationError unless 0.5 <= coverage <= 0.99.
        """
        check_coverage(coverage)
        means, epistemic, aleatoric = self.spread(embeddings, atomic_numbers)
        values, lower, upper = self._intervals(means, np.hypot(epistemic, aleatoric), coverage)
        scores = self._domain.scores(embeddings[:, 0])
        domains = (self._domain.judge(float(s), atoms) for s, atoms in zip(scores, atomic_numbers, strict=True))
        return EnsemblePrediction(values, epistemic, aleatoric, lower, upper, tuple(domains))

    def spread(
        self, embeddings: NDArray[np.float32], atomic_numbers: Sequence[NDArray[np.uint8]]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Ensemble mean, epistemic and aleatoric standard deviation, each ``[n_structures, n_properties]``."""
        by_member, scales = self._heads(embeddings, composition_of(list(atomic_numbers)))
        exact = by_member.astype(np.float64)
        noise = np.sqrt(np.mean(np.square(scales, dtype=np.float64), axis=0)) * _LAPLACE_STD
        # One member alone has no spread; its noise scale stands for the whole error.
        epistemic = exact.std(axis=0, ddof=1) if len(exact) > 1 else np.zeros_like(noise)
        return exact.mean(axis=0), epistemic, noise

    def _intervals(
        self, means: NDArray[np.float64], expected_errors: NDArray[np.float64], coverage: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        ends = np.empty((3, *means.shape))
        for column, entry in enumerate(self.card.properties):
            half = entry.calibrator.half_widths(expected_errors[:, column], coverage)
            limits = entry.definition
            ends[:, :, column] = bounded(means[:, column], half, limits.lower_bound, limits.upper_bound)
        return ends[0], ends[1], ends[2]
