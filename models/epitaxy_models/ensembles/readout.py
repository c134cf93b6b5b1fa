"""Embeddings in, calibrated predictions out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.calibration.conformal import bounded, check_coverage
from epitaxy_models.calibration.domain import DomainEvidence, DomainScores
from epitaxy_models.calibration.geometry import worse
from epitaxy_models.calibration.groups import METAL_BELOW, MIN_SUPPORT, cells_of
from epitaxy_models.calibration.verdict import DomainScore, DomainVerdict
from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.heads.readout import composition_of
from epitaxy_models.structures.structure import Structure

# Part of the name of kept readings: to be raised with any change of what an embedding is read as.
READING_VERSION = "reading-2"
_TOO_FEW = f"fewer than {MIN_SUPPORT} calibration structures are of its group: its intervals are those of a larger one"
# Standard deviation of a Laplace distribution over its scale.
_LAPLACE_STD = np.sqrt(2.0)


def numbers_of_elements(structures: Sequence[Structure]) -> NDArray[np.int64]:
    """Number of elements of each structure, ``[n_structures]``."""
    return np.array([len(set(structure.atomic_numbers.tobytes())) for structure in structures], dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class EnsemblePrediction:
    """Predictions of all served properties; arrays of shape ``[n_structures, n_properties]`` in the card's order.

    Attributes:
        values: Ensemble means, cut at physical bounds.
        epistemic_std: Standard deviation of the members.
        aleatoric_std: Noise that the members expect, root mean square over them.
        stds: Both together, scaled so that squared standardized errors averaged one on the calibration structures.
        lower: Lower ends of the intervals.
        upper: Upper ends of the intervals.
        domains: One verdict a structure.
        judged_widths: Widths of the intervals at the coverage that a review policy judges; None if none was asked for.
    """

    values: NDArray[np.float64]
    epistemic_std: NDArray[np.float64]
    aleatoric_std: NDArray[np.float64]
    stds: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    domains: tuple[DomainScore, ...]
    judged_widths: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What an embedding says of one structure, before anybody asks for a coverage: small enough to be kept.

    Attributes:
        spread: Ensemble means, epistemic and aleatoric standard deviations, ``[3, n_properties]``.
        domain: The verdict.
        n_elements: Number of elements.
    """

    spread: NDArray[np.float64]
    domain: DomainScore
    n_elements: int


class CalibratedReadout:
    """Heads, calibration and domain of one model; numpy only."""

    def __init__(self, artifact: ModelArtifact) -> None:
        self.card, self._domain, self._geometry = artifact.card, artifact.domain, artifact.geometry
        self._heads = artifact.readout()
        self._floors = [artifact.card.element_floor(entry.head) for entry in artifact.card.properties]
        names = [entry.definition.name for entry in artifact.card.properties]
        self._gap = names.index("band_gap") if "band_gap" in names else None

    def __call__(
        self,
        embeddings: NDArray[np.float32],
        structures: Sequence[Structure],
        coverage: float,
        judged_at: float | None = None,
    ) -> EnsemblePrediction:
        """Predicts from embeddings ``[n_structures, n_members, embedding_width]`` of structures.

        ``judged_at`` is the coverage at which interval widths are wanted besides. Raises ConfigurationError unless
        coverages lie from 0.5 to 0.99.
        """
        check_coverage(coverage)
        return self.predict(self.readings(embeddings, structures), coverage, judged_at)

    def readings(self, embeddings: NDArray[np.float32], structures: Sequence[Structure]) -> list[Reading]:
        """What the embeddings say of each structure, whatever is asked."""
        means, epistemic, aleatoric = self.spread(embeddings, [s.atomic_numbers for s in structures])
        evidence = self._evidence(embeddings, structures, epistemic, aleatoric)
        scores, n_elements = self._domain.scores(evidence), numbers_of_elements(structures)
        verdicts = self._verdicts(scores, evidence, structures)
        verdicts = self._with_support(verdicts, self.cells(means, scores.scores, n_elements))
        spreads = np.stack([means, epistemic, aleatoric], axis=1)
        rows = zip(spreads, verdicts, n_elements.tolist(), strict=True)
        return [Reading(spread.copy(), verdict, number) for spread, verdict, number in rows]

    def predict(
        self, readings: Sequence[Reading], coverage: float, judged_at: float | None = None
    ) -> EnsemblePrediction:
        """The prediction that readings amount to at a coverage. Raises ConfigurationError as a call does."""
        check_coverage(coverage)
        shape = (0, 3, len(self.card.properties))
        spreads = np.stack([reading.spread for reading in readings]) if readings else np.zeros(shape)
        means, epistemic, aleatoric = spreads[:, 0], spreads[:, 1], spreads[:, 2]
        scores = np.array([reading.domain.score for reading in readings])
        n_elements = np.array([reading.n_elements for reading in readings], dtype=np.int64)
        expected = np.hypot(epistemic, aleatoric)
        values, stds, lower, upper = self._intervals(means, expected, scores, n_elements, coverage)
        widths = None
        if judged_at is not None:
            _, _, low, high = self._intervals(means, expected, scores, n_elements, judged_at)
            widths = high - low
        domains = tuple(reading.domain for reading in readings)
        return EnsemblePrediction(values, epistemic, aleatoric, stds, lower, upper, domains, widths)

    def domains(self, embeddings: NDArray[np.float32], structures: Sequence[Structure]) -> tuple[DomainScore, ...]:
        """The verdicts alone."""
        return tuple(reading.domain for reading in self.readings(embeddings, structures))

    def cells(
        self, means: NDArray[np.float64], scores: NDArray[np.float64], n_elements: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Groups of structures, ``[n_structures]``, from ensemble means, domain scores and numbers of elements."""
        are_metals = np.zeros(len(means), dtype=bool) if self._gap is None else means[:, self._gap] < METAL_BELOW
        return cells_of(n_elements, scores, are_metals)

    def evidence(self, embeddings: NDArray[np.float32], structures: Sequence[Structure]) -> DomainEvidence:
        """What verdicts are made of."""
        _, epistemic, aleatoric = self.spread(embeddings, [s.atomic_numbers for s in structures])
        return self._evidence(embeddings, structures, epistemic, aleatoric)

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

    def _evidence(
        self,
        embeddings: NDArray[np.float32],
        structures: Sequence[Structure],
        epistemic: NDArray[np.float64],
        aleatoric: NDArray[np.float64],
    ) -> DomainEvidence:
        spreads = np.concatenate([epistemic, aleatoric], axis=1)
        return DomainEvidence(embeddings[:, 0], spreads, self._geometry.features(structures))

    def _verdicts(
        self, scores: DomainScores, evidence: DomainEvidence, structures: Sequence[Structure]
    ) -> tuple[DomainScore, ...]:
        """The worse of what the scores and what the geometry alone say, with its reason."""
        # Most need no closer look.
        are_usual = self._domain.are_usual(scores.scores, [structure.atomic_numbers for structure in structures])
        are_usual &= self._geometry.are_usual(evidence.geometry)
        verdicts = []
        for row, structure in enumerate(structures):
            if are_usual[row]:
                verdicts.append(DomainScore(float(scores.scores[row]), DomainVerdict.IN_DOMAIN, ""))
                continue
            judged = self._domain.judge(float(scores.scores[row]), scores.views[row], structure.atomic_numbers)
            verdict, reason = self._geometry.judge(evidence.geometry[row], structure)
            verdicts.append(
                replace(judged, verdict=verdict, reason=reason) if worse(judged.verdict, verdict) else judged
            )
        return tuple(verdicts)

    def _with_support(self, verdicts: tuple[DomainScore, ...], cells: NDArray[np.int64]) -> tuple[DomainScore, ...]:
        """Out of domain where a group held too few calibration structures for its intervals to be its own."""
        groups = [entry.calibrator.groups for entry in self.card.properties if entry.calibrator.groups is not None]
        if not groups:
            return verdicts
        are_supported = np.logical_and.reduce([one.are_supported(cells) for one in groups])
        return tuple(
            verdict
            if is_supported or verdict.verdict is DomainVerdict.OUT_OF_DOMAIN
            else replace(verdict, verdict=DomainVerdict.OUT_OF_DOMAIN, reason=_TOO_FEW)
            for verdict, is_supported in zip(verdicts, are_supported.tolist(), strict=True)
        )

    def lower_bounds(self, column: int, n_elements: NDArray[np.int64]) -> NDArray[np.float64]:
        """Lowest possible value of a served property, ``[n_structures]``; -inf where there is none."""
        bound = self.card.properties[column].definition.lower_bound
        lowest = float("-inf") if bound is None else bound
        return np.where(n_elements == 1, max(self._floors[column], lowest), lowest)

    def _intervals(
        self,
        means: NDArray[np.float64],
        expected_errors: NDArray[np.float64],
        scores: NDArray[np.float64],
        n_elements: NDArray[np.int64],
        coverage: float,
    ) -> tuple[NDArray[np.float64], ...]:
        found, cells = np.empty((4, *means.shape)), self.cells(means, scores, n_elements)
        for column, entry in enumerate(self.card.properties):
            expected = expected_errors[:, column]
            half = entry.calibrator.half_widths(expected, coverage, scores, cells)
            lower, upper = self.lower_bounds(column, n_elements), entry.definition.upper_bound
            ends = bounded(means[:, column], half, lower, upper)
            found[0, :, column], found[2, :, column], found[3, :, column] = ends
            found[1, :, column] = entry.calibrator.stds(expected, scores)
        return tuple(found)
