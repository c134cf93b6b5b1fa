"""Embeddings in, calibrated predictions out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.calibration.conformal import bounded, check_coverage
from epitaxy_models.calibration.domain import DomainScore
from epitaxy_models.calibration.geometry import worse
from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.heads.readout import composition_of
from epitaxy_models.structures.structure import Structure

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
        self.card, self._domain, self._geometry = artifact.card, artifact.domain, artifact.geometry
        self._heads = artifact.readout()

    def __call__(
        self,
        embeddings: NDArray[np.float32],
        atomic_numbers: Sequence[NDArray[np.uint8]],
        coverage: float,
        structures: Sequence[Structure] | None = None,
    ) -> EnsemblePrediction:
        """Predicts from embeddings ``[n_structures, n_members, embedding_width]`` and the atoms of each structure.

        Verdicts take density and contacts into account where ``structures`` are given. Raises ConfigurationError
        unless 0.5 <= coverage <= 0.99.
        """
        check_coverage(coverage)
        means, epistemic, aleatoric = self.spread(embeddings, atomic_numbers)
        values, lower, upper = self._intervals(means, np.hypot(epistemic, aleatoric), coverage)
        domains = self._verdicts(embeddings, atomic_numbers, structures)
        return EnsemblePrediction(values, epistemic, aleatoric, lower, upper, domains)

    def _verdicts(
        self,
        embeddings: NDArray[np.float32],
        atomic_numbers: Sequence[NDArray[np.uint8]],
        structures: Sequence[Structure] | None,
    ) -> tuple[DomainScore, ...]:
        scores = self._domain.scores(embeddings[:, 0])
        judged = [self._domain.judge(float(s), atoms) for s, atoms in zip(scores, atomic_numbers, strict=True)]
        if structures is None:
            return tuple(judged)
        return tuple(self._with_geometry(score, given) for score, given in zip(judged, structures, strict=True))

    def _with_geometry(self, score: DomainScore, structure: Structure) -> DomainScore:
        """The worse of the two verdicts, with its reason."""
        verdict, reason = self._geometry.judge(self._geometry.measure(structure), structure.atomic_numbers)
        return DomainScore(score.score, verdict, reason) if worse(score.verdict, verdict) else score

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
