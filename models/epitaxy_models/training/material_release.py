"""Calibrates a stack of members for molecules or compositions, measures it, and writes weights and card."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.calibration.conformal import METHOD, N_MIN, Calibrator
from epitaxy_models.calibration.coverage import DEFAULT_COVERAGE
from epitaxy_models.calibration.difficulty import most_even_shape
from epitaxy_models.calibration.nearness import NearnessModel
from epitaxy_models.ensembles.card import ModelCard, PropertyCard
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.graphs.batch import select, separate
from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.substrates.anchors import save_names
from epitaxy_models.substrates.artifact import load_material_artifact, save_material_artifact
from epitaxy_models.substrates.ensemble import MaterialEnsemble
from epitaxy_models.training.config import TrainingConfig
from epitaxy_models.training.dataset import LabelledGraphs
from epitaxy_models.training.evaluation import held_out_metrics

# No member was trained on either.
_CALIBRATION_PARTS = ("calibration", "validation")
# Pretraining materials that distances are measured from.
_N_ANCHORS = 6_000
_ROWS_A_PIECE = 4096


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    rows: NDArray[np.int64]
    graphs: Sequence[CrystalGraph]
    embeddings: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class MaterialPublisher:
    """Calibrates and measures one stack of members on one data set.

    Attributes:
        data: Graphs and labels.
        config: Of the training; its tasks are those of the heads that are kept.
        folder: Takes weights and card.
        node_names: Name of each kind of node.
        plural: What the materials are called.
    """

    data: LabelledGraphs
    config: TrainingConfig
    folder: Path
    node_names: Sequence[str]
    plural: str

    def publish(self, weights: dict[str, NDArray[np.float32]], card: ModelCard) -> ModelCard:
        """Writes weights and card; everything is measured on the rounded weights that are shipped.

        Raises ConfigurationError (CALIBRATION_TOO_SMALL) if a served property has fewer than 200 calibration rows.
        """
        counts = self._node_counts()
        save_material_artifact(self.folder, card, weights, _blank(card, counts))
        ensemble = self._loaded()
        anchors = self._anchors()
        training = self._embedded(ensemble, anchors)
        held_out = self._embedded(ensemble, np.concatenate([self.data.rows_of(part) for part in _CALIBRATION_PARTS]))
        nearness = NearnessModel.fit(training.embeddings[:, 0], held_out.embeddings[:, 0], counts)
        save_material_artifact(self.folder, card, weights, nearness)
        calibrated = self._calibrated(self._loaded(), held_out)
        save_material_artifact(self.folder, calibrated, weights, nearness)
        measured = self._measured(self._loaded(), self._embedded(ensemble, self.data.rows_of("test")))
        save_material_artifact(self.folder, measured, weights, nearness)
        save_names(self.folder, nearness.latent, [self.data.formulas[row] for row in anchors])
        return measured

    def _loaded(self) -> MaterialEnsemble:
        return MaterialEnsemble(load_material_artifact(self.folder), self.node_names, self.plural)

    def _embedded(self, ensemble: MaterialEnsemble, rows: NDArray[np.int64]) -> _Part:
        graphs = separate(select(self.data.graphs, rows))
        return _Part(rows, graphs, ensemble.embed(graphs))

    def _anchors(self) -> NDArray[np.int64]:
        """A sample in which small and large materials, which are few, are not lost among those of usual size."""
        rows = self.data.rows_of("train")
        sizes = np.diff(self.data.graphs.cell_offsets)[rows]
        shares = 1 / np.sqrt(np.bincount(sizes)[sizes])
        chosen = np.random.default_rng(0).choice(
            rows, min(_N_ANCHORS, len(rows)), replace=False, p=shares / shares.sum()
        )
        return np.asarray(chosen, dtype=np.int64)

    def _node_counts(self) -> NDArray[np.int64]:
        """Training materials that have each kind of node, ``[n_species]``."""
        counts = np.zeros(self.config.backbone.n_species, dtype=np.int64)
        rows = self.data.rows_of("train")
        for piece in np.array_split(rows, max(1, len(rows) // _ROWS_A_PIECE)):
            batch = select(self.data.graphs, piece)
            owners = np.repeat(np.arange(batch.n_graphs), np.diff(batch.cell_offsets))
            pairs = np.unique(owners * len(counts) + batch.atomic_numbers)
            counts += np.bincount(pairs % len(counts), minlength=len(counts))
        return counts

    def _labels(self, part: _Part, entry: PropertyCard) -> NDArray[np.float64]:
        return np.asarray(self.data.labels[part.rows, entry.head], dtype=np.float64)

    def _calibrated(self, ensemble: MaterialEnsemble, part: _Part) -> ModelCard:
        means, epistemic, aleatoric = ensemble.spread(part.graphs, part.embeddings)
        scores = ensemble.scores(part.embeddings)
        entries = []
        for column, entry in enumerate(ensemble.card.properties):
            labels = self._labels(part, entry)
            known = np.isfinite(labels)
            n_known = int(known.sum())
            if n_known < N_MIN:
                raise ConfigurationError(
                    f"{entry.definition.name} has {n_known} labels in the calibration and validation parts, which are "
                    f"8 % of the table, and intervals need {N_MIN}: add rows, or do not serve it",
                    reason="CALIBRATION_TOO_SMALL",
                )
            low, high = entry.definition.lower_bound, entry.definition.upper_bound
            values = np.clip(means[known, column], low, high) if (low, high) != (None, None) else means[known, column]
            expected = np.hypot(epistemic[known, column], aleatoric[known, column])
            shape = most_even_shape(np.abs(labels[known] - values), expected, scores[known])
            calibrator = Calibrator.fit(values, expected, labels[known], scores[known], shape)
            entries.append(replace(entry, calibrator=calibrator, calibration_method=METHOD))
        return replace(ensemble.card, properties=tuple(entries))

    def _measured(self, ensemble: MaterialEnsemble, part: _Part) -> ModelCard:
        prediction = ensemble.predict(part.graphs, part.embeddings, DEFAULT_COVERAGE)
        entries = []
        for column, entry in enumerate(ensemble.card.properties):
            labels = self._labels(part, entry)
            metrics = held_out_metrics(prediction, column, labels)
            coverage, count = metrics.pop("coverage"), int(np.isfinite(labels).sum())
            entries.append(replace(entry, measured_coverage=coverage, n_measured=count, metrics=metrics))
        return replace(ensemble.card, properties=tuple(entries))


def _blank(card: ModelCard, counts: NDArray[np.int64]) -> NearnessModel:
    """Stands in the folder until the true one is fitted."""
    width = card.backbone.embedding_width
    return NearnessModel.fit(np.zeros((2, width), np.float32), np.zeros((2, width), np.float32), counts, 1)
