"""How far a structure lies from the training data, apart from what the members predict of it.

Three views of it, each as a percentile of held-out source structures: how far the nearest training structures lie in
the directions of the backbone's embedding; how much embedding, spread and contacts look like those of crystals that
were strained, rattled or given other elements; and how unusual density and contacts are. Each sees what the others
miss: hypothetical compounds, distorted cells, and molecules or slabs in boxes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.calibration.latent import LatentSpace
from epitaxy_models.calibration.percentile import shares_below
from epitaxy_models.calibration.probe import PerturbationProbe
from epitaxy_models.calibration.verdict import DomainScore, DomainVerdict
from epitaxy_models.structures.elements import symbol_of

# A structure beyond this share of held-out source structures is borderline, beyond the second foreign.
_BORDERLINE, _OUTSIDE = 0.95, 0.99
# Training structures an element needs before it counts as known.
_FAMILIAR_COUNT = 20
# Keeps the logarithm of a percentile of 1 finite.
_RAREST = 1.0005
_N_QUANTILES = 1001
_REASONS = (
    "its environments lie farther from the training data than those of {0:.1f} % of held-out structures",
    "it looks more like a strained, rattled or substituted crystal than {0:.1f} % of held-out structures",
    "its density and contacts are more unusual than those of {0:.1f} % of held-out structures",
)


@dataclass(frozen=True, slots=True, eq=False)
class DomainEvidence:
    """What is known of some structures before they are judged.

    Attributes:
        embeddings: Embeddings of the first member, ``[n, embedding_width]``.
        spreads: Epistemic, then aleatoric standard deviations of the served properties, ``[n, 2 * n_properties]``.
        geometry: `GeometryModel.features`, ``[n, 3]``.
    """

    embeddings: NDArray[np.float32]
    spreads: NDArray[np.float64]
    geometry: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class DomainScores:
    """Percentiles among held-out source structures.

    Attributes:
        scores: Score of the three views together, ``[n]``.
        views: Latent distance, perturbation, geometry, ``[n, 3]``.
    """

    scores: NDArray[np.float64]
    views: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class DomainModel:
    """Scores structures against the training data.

    Attributes:
        latent: Distance to training structures in the embedding.
        probe: Tells relaxed crystals from perturbed ones.
        usual_geometry: Median and median deviation of the features of held-out structures, ``[2, 3]``.
        held_out: Ascending quantiles of each view, and of the sum of their log-tails, over held-out structures,
            ``[4, 1001]``.
        element_counts: Training structures that hold each element, ``[119]``, by atomic number.
    """

    latent: LatentSpace
    probe: PerturbationProbe
    usual_geometry: NDArray[np.float32]
    held_out: NDArray[np.float32]
    element_counts: NDArray[np.int64]

    @classmethod
    def fit(
        cls,
        training: DomainEvidence,
        perturbed: DomainEvidence,
        held_out: DomainEvidence,
        element_counts: NDArray[np.int64],
        n_directions: int = 64,
    ) -> "DomainModel":
        """Fits on training structures, perturbed ones, and held-out ones, which scale the score."""
        latent = LatentSpace.fit(training.embeddings, n_directions)
        probe = PerturbationProbe.fit(_features(latent, training, are_anchors=True), _features(latent, perturbed))
        middle = np.median(held_out.geometry, axis=0)
        deviation = np.median(np.abs(held_out.geometry - middle), axis=0) + 1e-3
        usual = np.stack([middle, deviation]).astype(np.float32)
        blank = np.zeros((4, 1), np.float32)
        views = cls(latent, probe, usual, blank, element_counts)._views(held_out)
        levels = np.linspace(0, 1, _N_QUANTILES)
        quantiles = np.quantile(views, levels, axis=0).T.astype(np.float32)
        tails = _log_tails(_ranks(views, quantiles))
        quantiles = np.concatenate([quantiles, np.quantile(tails, levels)[None].astype(np.float32)])
        return cls(latent, probe, usual, quantiles, element_counts)

    def scores(self, evidence: DomainEvidence) -> DomainScores:
        """Percentiles of some structures."""
        views = _ranks(self._views(evidence), self.held_out[:3])
        return DomainScores(_ranks(_log_tails(views)[:, None], self.held_out[3:])[:, 0], views)

    def are_usual(self, scores: NDArray[np.float64], atomic_numbers: Sequence[NDArray[np.uint8]]) -> NDArray[np.bool_]:
        """Which structures `judge` finds IN_DOMAIN, by their scores ``[n]`` and atoms."""
        is_rare = self.element_counts < _FAMILIAR_COUNT
        hold_rare = np.array([is_rare[numbers].any() for numbers in atomic_numbers], dtype=bool)
        return np.asarray((scores < _BORDERLINE) & ~hold_rare)

    def judge(self, score: float, views: NDArray[np.float64], atomic_numbers: NDArray[np.uint8]) -> DomainScore:
        """Verdict on one structure with that score, its three views ``[3]`` and those atoms."""
        rare = [int(z) for z in np.unique(atomic_numbers) if self.element_counts[z] < _FAMILIAR_COUNT]
        if rare:
            names = ", ".join(f"{symbol_of(z)} (in {self.element_counts[z]})" for z in rare)
            return DomainScore(score, DomainVerdict.OUT_OF_DOMAIN, f"element hardly seen in training: {names}")
        if score < _BORDERLINE:
            return DomainScore(score, DomainVerdict.IN_DOMAIN, "")
        verdict = DomainVerdict.OUT_OF_DOMAIN if score >= _OUTSIDE else DomainVerdict.BORDERLINE
        worst = int(np.argmax(views))
        return DomainScore(score, verdict, _REASONS[worst].format(100 * views[worst]))

    def tensors(self) -> dict[str, NDArray[Any]]:
        """All arrays by name, for storage."""
        own = {name: getattr(self, name) for name in _OWN}
        return own | {f"{part}.{f.name}": getattr(getattr(self, part), f.name) for part, f in _PARTS}

    @classmethod
    def from_tensors(cls, tensors: dict[str, NDArray[Any]]) -> "DomainModel":
        """The model of `tensors`. Raises KeyError if one is missing."""
        latent = LatentSpace(**{f.name: tensors[f"latent.{f.name}"] for part, f in _PARTS if part == "latent"})
        probe = PerturbationProbe(**{f.name: tensors[f"probe.{f.name}"] for part, f in _PARTS if part == "probe"})
        return cls(latent, probe, **{name: tensors[name] for name in _OWN})

    def _views(self, evidence: DomainEvidence) -> NDArray[np.float64]:
        """Distance, log-odds of a perturbation, and unusual geometry; larger is farther, ``[n, 3]``."""
        features = _features(self.latent, evidence)
        deviations = (evidence.geometry - self.usual_geometry[0]) / self.usual_geometry[1]
        # Density may be wrong either way; a shortest contact can only be too short, a mean contact too long.
        unusual = np.maximum.reduce([np.abs(deviations[:, 0]), -deviations[:, 1], deviations[:, 2]])
        return np.stack([features[:, 0].astype(np.float64), self.probe(features), unusual], axis=1)


_OWN = ("usual_geometry", "held_out", "element_counts")
_PARTS = tuple(
    (part, field) for part, kind in (("latent", LatentSpace), ("probe", PerturbationProbe)) for field in fields(kind)
)
TENSOR_NAMES = (*_OWN, *(f"{part}.{field.name}" for part, field in _PARTS))


def _features(latent: LatentSpace, evidence: DomainEvidence, *, are_anchors: bool = False) -> NDArray[np.float32]:
    """Logarithm of the distance, logarithms of the spreads, geometry, directions, ``[n, 1 + .. + n_directions]``."""
    points = latent.project(evidence.embeddings)
    distances = latent.distances(points, n_skipped=int(are_anchors))
    parts = (
        np.log(distances + 1e-6)[:, None],
        np.log(evidence.spreads + 1e-4),
        evidence.geometry,
        points,
    )
    return np.concatenate(parts, axis=1).astype(np.float32)


def _ranks(values: NDArray[np.float64], quantiles: NDArray[np.float32]) -> NDArray[np.float64]:
    """Share of held-out structures with a smaller value, column by column, ``[n, n_columns]``."""
    return np.stack([shares_below(column, row) for row, column in zip(quantiles, values.T, strict=True)], axis=1)


def _log_tails(views: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum over the views of minus the logarithm of the share beyond (Fisher's combination), ``[n]``."""
    return np.asarray(-np.log(_RAREST - views).sum(axis=1))
