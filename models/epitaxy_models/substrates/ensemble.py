"""What substrates of molecules and of compositions have in common: embed graphs, read heads, calibrate, judge."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.backbones.fused import FusedBackbone
from epitaxy_models.calibration.conformal import bounded, check_coverage
from epitaxy_models.calibration.verdict import DomainScore
from epitaxy_models.ensembles.card import ModelCard
from epitaxy_models.ensembles.readout import EnsemblePrediction
from epitaxy_models.graphs.batch import collate
from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.substrates.artifact import MaterialArtifact

# Standard deviation of a Laplace distribution over its scale.
_LAPLACE_STD = np.sqrt(2.0)
# Graphs that go through the network together: their states stay in a processor's cache.
_GRAPHS_A_BATCH = 128


class MaterialEnsemble:
    """Backbone, heads, calibration and nearness of one artifact; numpy only.

    Args:
        artifact: Of the weights.
        node_names: Name of each kind of node, for reasons of verdicts.
        plural: What its materials are called.
    """

    def __init__(self, artifact: MaterialArtifact, node_names: Sequence[str], plural: str) -> None:
        """Raises CheckpointError if the weights do not fit the card."""
        self.artifact, self._node_names, self._plural = artifact, node_names, plural
        self._backbone = FusedBackbone(artifact.card.backbone, artifact.backbone)
        self._served, self._every = artifact.readout(), artifact.readout(range(artifact.n_heads))

    @property
    def card(self) -> ModelCard:
        """What is known about the weights."""
        return self.artifact.card

    def embed(self, graphs: Sequence[CrystalGraph]) -> NDArray[np.float32]:
        """Embeddings, ``[n_materials, n_members, embedding_width]``."""
        shape = self.card.backbone
        blank = np.zeros((0, shape.n_members, shape.embedding_width), dtype=np.float32)
        starts = range(0, len(graphs), _GRAPHS_A_BATCH)
        parts = [self._backbone(collate(graphs[start : start + _GRAPHS_A_BATCH])) for start in starts]
        return np.concatenate([blank, *parts])

    def foretell(self, graphs: Sequence[CrystalGraph], embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        """Ensemble mean of every head, ``[n_materials, n_heads]``."""
        by_member, _ = self._every(embeddings, self._shares(graphs))
        return np.asarray(by_member.astype(np.float64).mean(axis=0))

    def by_member(self, graphs: Sequence[CrystalGraph], embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        """What each member says of the served properties, unbounded, ``[n_members, n_materials, n_properties]``."""
        values, _ = self._served(embeddings, self._shares(graphs))
        return values.astype(np.float64)

    def spread(
        self, graphs: Sequence[CrystalGraph], embeddings: NDArray[np.float32]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Ensemble mean, epistemic and aleatoric standard deviation, each ``[n_materials, n_properties]``."""
        by_member, scales = self._served(embeddings, self._shares(graphs))
        exact = by_member.astype(np.float64)
        noise = np.sqrt(np.mean(np.square(scales, dtype=np.float64), axis=0)) * _LAPLACE_STD
        epistemic = exact.std(axis=0, ddof=1) if len(exact) > 1 else np.zeros_like(noise)
        return exact.mean(axis=0), epistemic, noise

    def scores(self, embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        """Domain score of each material, ``[n_materials]``."""
        return self.artifact.nearness.scores(embeddings[:, 0])

    def predict(
        self, graphs: Sequence[CrystalGraph], embeddings: NDArray[np.float32], coverage: float
    ) -> EnsemblePrediction:
        """Calibrated predictions. Raises ConfigurationError (COVERAGE_OUT_OF_RANGE)."""
        check_coverage(coverage)
        means, epistemic, aleatoric = self.spread(graphs, embeddings)
        expected, scores = np.hypot(epistemic, aleatoric), self.scores(embeddings)
        values, stds = np.empty_like(means), np.empty_like(means)
        lower, upper = np.empty_like(means), np.empty_like(means)
        for column, entry in enumerate(self.card.properties):
            half = entry.calibrator.half_widths(expected[:, column], coverage, scores)
            stds[:, column] = entry.calibrator.stds(expected[:, column], scores)
            limits = entry.definition.lower_bound, entry.definition.upper_bound
            values[:, column], lower[:, column], upper[:, column] = bounded(means[:, column], half, *limits)
        verdicts = self._verdicts(graphs, scores)
        return EnsemblePrediction(values, epistemic, aleatoric, stds, lower, upper, verdicts)

    def domains(self, graphs: Sequence[CrystalGraph], embeddings: NDArray[np.float32]) -> tuple[DomainScore, ...]:
        """The verdicts alone."""
        return self._verdicts(graphs, self.scores(embeddings))

    def _verdicts(self, graphs: Sequence[CrystalGraph], scores: NDArray[np.float64]) -> tuple[DomainScore, ...]:
        return tuple(self._verdict(graph, score) for graph, score in zip(graphs, scores.tolist(), strict=True))

    def _verdict(self, graph: CrystalGraph, score: float) -> DomainScore:
        atoms = graph.atomic_numbers[graph.multiplicities > 0]
        return self.artifact.nearness.judge(score, atoms, self._node_names, self._plural)

    def _shares(self, graphs: Sequence[CrystalGraph]) -> NDArray[np.float32]:
        """Share of each kind of node, ``[n_materials, n_species]``."""
        shares = np.zeros((len(graphs), self.card.backbone.n_species), dtype=np.float32)
        for row, graph in enumerate(graphs):
            np.add.at(shares[row], graph.atomic_numbers, graph.multiplicities / graph.multiplicities.sum())
        return shares
