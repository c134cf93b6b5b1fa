"""How near a molecule or a composition lies to what its substrate was pretrained on."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.calibration.latent import LatentSpace
from epitaxy_models.calibration.percentile import shares_below
from epitaxy_models.calibration.verdict import DomainScore, DomainVerdict

# Beyond this share of held-out materials one is borderline, beyond the second foreign.
_BORDERLINE, _OUTSIDE = 0.95, 0.99
# Training materials that a kind of node needs before it counts as known.
FAMILIAR_COUNT = 20
_N_QUANTILES = 1001
_FAR = "it lies farther from the pretraining data than {:.1f} % of held-out {}"
_RARE = "hardly seen in pretraining: {}"


@dataclass(frozen=True, slots=True, eq=False)
class NearnessModel:
    """Distance to the pretraining materials in the embedding, as a percentile of held-out ones.

    Attributes:
        latent: Pretraining materials in the leading directions of the first member's embedding.
        held_out: Ascending quantiles of the distance of held-out materials, ``[1001]``.
        node_counts: Pretraining materials that have each kind of node, ``[n_species]``.
    """

    latent: LatentSpace
    held_out: NDArray[np.float32]
    node_counts: NDArray[np.int64]

    @classmethod
    def fit(
        cls,
        training: NDArray[np.float32],
        held_out: NDArray[np.float32],
        node_counts: NDArray[np.int64],
        n_directions: int = 48,
    ) -> "NearnessModel":
        """Fits on embeddings of the first member, ``[n, embedding_width]`` each."""
        latent = LatentSpace.fit(training, n_directions)
        distances = latent.distances(latent.project(held_out))
        quantiles = np.quantile(distances, np.linspace(0, 1, _N_QUANTILES)).astype(np.float32)
        return cls(latent, quantiles, node_counts)

    def scores(self, embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        """Share of held-out materials that lie nearer, ``[n]``; ``embeddings`` as for ``fit``."""
        distances = self.latent.distances(self.latent.project(embeddings))
        return shares_below(distances.astype(np.float64), self.held_out)

    def judge(self, score: float, nodes: NDArray[np.uint8], names: Sequence[str], plural: str) -> DomainScore:
        """The verdict on one material.

        Args:
            score: Its score.
            nodes: Kinds of its nodes, without those that stand for no atom.
            names: Name of each kind.
            plural: What its materials are called.
        """
        rare = [int(kind) for kind in np.unique(nodes) if self.node_counts[kind] < FAMILIAR_COUNT]
        if rare:
            reason = _RARE.format(", ".join(f"{names[kind]} (in {self.node_counts[kind]})" for kind in rare))
            return DomainScore(score, DomainVerdict.OUT_OF_DOMAIN, reason)
        if score < _BORDERLINE:
            return DomainScore(score, DomainVerdict.IN_DOMAIN, "")
        verdict = DomainVerdict.OUT_OF_DOMAIN if score >= _OUTSIDE else DomainVerdict.BORDERLINE
        return DomainScore(score, verdict, _FAR.format(100 * score, plural))

    def judge_all(
        self, scores: NDArray[np.float64], nodes: Sequence[NDArray[np.uint8]], names: Sequence[str], plural: str
    ) -> tuple[DomainScore, ...]:
        """The verdict on each of several materials, as ``judge`` gives it; most have only known nodes."""
        is_rare = self.node_counts < FAMILIAR_COUNT
        return tuple(
            DomainScore(score, DomainVerdict.IN_DOMAIN, "")
            if score < _BORDERLINE and not is_rare[kinds].any()
            else self.judge(score, kinds, names, plural)
            for score, kinds in zip(scores.tolist(), nodes, strict=True)
        )

    def tensors(self) -> dict[str, NDArray[Any]]:
        """All arrays by name, for storage."""
        latent = {f"latent.{field.name}": getattr(self.latent, field.name) for field in fields(LatentSpace)}
        return latent | {"held_out": self.held_out, "node_counts": self.node_counts}

    @classmethod
    def from_tensors(cls, tensors: dict[str, NDArray[Any]]) -> "NearnessModel":
        """The model of ``tensors``. Raises KeyError if one is missing."""
        latent = LatentSpace(**{field.name: tensors[f"latent.{field.name}"] for field in fields(LatentSpace)})
        return cls(latent, tensors["held_out"], tensors["node_counts"])
