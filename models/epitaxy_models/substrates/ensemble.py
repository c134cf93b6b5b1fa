"""What substrates of molecules and of compositions have in common: embed graphs, read heads, calibrate, judge."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.backbones.fused import FusedBackbone
from epitaxy_models.calibration.conformal import bounded, check_coverage
from epitaxy_models.calibration.verdict import DomainScore
from epitaxy_models.ensembles.card import ModelCard
from epitaxy_models.ensembles.readout import EnsemblePrediction, Reading
from epitaxy_models.graphs.batch import collate
from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.substrates.artifact import MaterialArtifact

# Standard deviation of a Laplace distribution over its scale.
_LAPLACE_STD = np.sqrt(2.0)
# Graphs that go through the network together: many, so that more of their nodes are alike after the first layer.
_GRAPHS_A_BATCH = 256


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

    def readings(self, graphs: Sequence[CrystalGraph], embeddings: NDArray[np.float32]) -> list[Reading]:
        """What the embeddings say of each material, before anybody asks for a coverage."""
        spreads = np.stack(self.spread(graphs, embeddings), axis=1)
        verdicts = self.domains(graphs, embeddings)
        n_kinds = [len(set(graph.atomic_numbers.tolist())) for graph in graphs]
        rows = zip(spreads, verdicts, n_kinds, strict=True)
        return [Reading(spread.copy(), verdict, number) for spread, verdict, number in rows]

    def answer(
        self, readings: Sequence[Reading], coverage: float, judged_at: float | None = None
    ) -> EnsemblePrediction:
        """The calibrated predictions that readings amount to; ``judged_at``: also widths at that coverage.

        Raises ConfigurationError (COVERAGE_OUT_OF_RANGE).
        """
        check_coverage(coverage)
        blank = np.zeros((0, 3, len(self.card.properties)))
        spreads = np.stack([reading.spread for reading in readings]) if readings else blank
        means, epistemic, aleatoric = spreads[:, 0], spreads[:, 1], spreads[:, 2]
        expected, scores = np.hypot(epistemic, aleatoric), np.array([reading.domain.score for reading in readings])
        values, stds, lower, upper = self._intervals(means, expected, scores, coverage)
        widths = None
        if judged_at is not None:
            _, _, low, high = self._intervals(means, expected, scores, judged_at)
            widths = high - low
        domains = tuple(reading.domain for reading in readings)
        return EnsemblePrediction(values, epistemic, aleatoric, stds, lower, upper, domains, widths)

    def predict(
        self, graphs: Sequence[CrystalGraph], embeddings: NDArray[np.float32], coverage: float
    ) -> EnsemblePrediction:
        """Calibrated predictions. Raises ConfigurationError (COVERAGE_OUT_OF_RANGE)."""
        check_coverage(coverage)
        return self.answer(self.readings(graphs, embeddings), coverage)

    def domains(self, graphs: Sequence[CrystalGraph], embeddings: NDArray[np.float32]) -> tuple[DomainScore, ...]:
        """The verdicts alone."""
        scores = self.scores(embeddings)
        nearness = self.artifact.nearness
        return nearness.judge_all(scores, [_atoms(graph) for graph in graphs], self._node_names, self._plural)

    def _intervals(
        self, means: NDArray[np.float64], expected: NDArray[np.float64], scores: NDArray[np.float64], coverage: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Values, standard deviations and both ends, each ``[n_materials, n_properties]``."""
        values, stds = np.empty_like(means), np.empty_like(means)
        lower, upper = np.empty_like(means), np.empty_like(means)
        for column, entry in enumerate(self.card.properties):
            half = entry.calibrator.half_widths(expected[:, column], coverage, scores)
            stds[:, column] = entry.calibrator.stds(expected[:, column], scores)
            limits = entry.definition.lower_bound, entry.definition.upper_bound
            values[:, column], lower[:, column], upper[:, column] = bounded(means[:, column], half, *limits)
        return values, stds, lower, upper

    def _shares(self, graphs: Sequence[CrystalGraph]) -> NDArray[np.float32]:
        """Share of each kind of node, ``[n_materials, n_species]``."""
        shares = np.zeros((len(graphs), self.card.backbone.n_species), dtype=np.float32)
        for row, graph in enumerate(graphs):
            counts = np.bincount(graph.atomic_numbers, graph.multiplicities, len(shares[row]))
            shares[row] = counts / counts.sum()
        return shares


def _atoms(graph: CrystalGraph) -> NDArray[np.uint8]:
    """Kinds of the nodes that stand for atoms."""
    return graph.atomic_numbers[graph.multiplicities > 0]
