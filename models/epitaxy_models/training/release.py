"""Calibrates a stack of members, measures it, and writes weights and card."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.calibration.conformal import METHOD_BY_GROUP
from epitaxy_models.calibration.coverage import DEFAULT_COVERAGE
from epitaxy_models.calibration.domain import DomainEvidence, DomainModel
from epitaxy_models.calibration.geometry import GeometryModel
from epitaxy_models.calibration.latent import LatentSpace
from epitaxy_models.calibration.perturbation import perturbed
from epitaxy_models.calibration.probe import PerturbationProbe
from epitaxy_models.ensembles.artifact import ModelArtifact, load_artifact, save_artifact
from epitaxy_models.ensembles.card import ModelCard
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.ensembles.readout import CalibratedReadout
from epitaxy_models.graphs.batch import select, separate
from epitaxy_models.graphs.graph import build_graph
from epitaxy_models.heads.property import Fidelity
from epitaxy_models.heads.readout import composition_of
from epitaxy_models.structures import Structure
from epitaxy_models.structures.overlap import closest_pair_within
from epitaxy_models.training.breakdown import (
    Groups,
    chemical_system,
    crystal_groups,
    element_groups,
    errors_by_group,
    known_groups,
)
from epitaxy_models.training.calibrating import JudgedRows, fit_calibrators
from epitaxy_models.training.config import TrainingConfig
from epitaxy_models.training.dataset import LabelledGraphs
from epitaxy_models.training.evaluation import held_out_metrics
from epitaxy_models.training.left_out import left_out_values, measure_left_out
from epitaxy_models.training.out_of_bag import out_of_bag_errors

_LOG = logging.getLogger(__name__)
_N_OUT_OF_BAG = 12_000
# Structures that distances are measured from, and as many perturbed ones.
_N_ANCHORS = 6_000
# Training structures of an element that others are replaced by.
_N_COMMON = 200
# Angstrom.
_OVERLAP = 0.5
# No member was trained on either; the validation part chose nothing but the epoch to stop at.
CALIBRATION_PARTS = ("calibration", "validation")


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """One part of the data, embedded once."""

    rows: NDArray[np.int64]
    embeddings: NDArray[np.float32]
    structures: list[Structure]

    @property
    def atoms(self) -> list[NDArray[np.uint8]]:
        """Atomic numbers of each structure."""
        return [structure.atomic_numbers for structure in self.structures]


class Publisher:
    """Calibrates and measures one stack of members on one data set."""

    def __init__(
        self,
        data: LabelledGraphs,
        structure_of: Callable[[int], Structure],
        config: TrainingConfig,
        folder: Path,
        textbook: NDArray[np.bool_] | None = None,
    ) -> None:
        """Of one data set.

        Args:
            data: Graphs and labels.
            structure_of: Gives the structure of a row of ``data``.
            config: Of the training.
            folder: Takes weights and card.
            textbook: Rows that are measured as a test part of their own, ``[n_rows]``; none by default.
        """
        self._data, self._structure_of, self._config, self._folder = data, structure_of, config, folder
        self._textbook = np.zeros(len(data.formulas), dtype=bool) if textbook is None else textbook

    def publish(self, weights: dict[str, NDArray[np.float32]], card: ModelCard) -> ModelCard:
        """Writes weights and card; everything is measured on the rounded weights that are shipped."""
        geometry = self._fit_geometry()
        save_artifact(self._folder, card, weights, _empty_domain(card), geometry)
        rounded = load_artifact(self._folder)
        embedder = Embedder(rounded)
        held_out = np.concatenate([self._rows_of(part) for part in CALIBRATION_PARTS])
        calibration, test = (self._embedded(embedder, rows) for rows in (held_out, self._rows_of("test")))
        left_out = self._embedded(embedder, self._left_out_rows())
        training = self._embedded(embedder, self._training_sample())
        domain = self._fit_domain(rounded, embedder, training, calibration)
        artifact = replace(rounded, domain=domain)
        artifact = replace(artifact, card=self._calibrated(artifact, calibration, left_out))
        measured = self._with_out_of_bag(self._measured(artifact, test), artifact, training)
        measured = self._with_left_out(measured, artifact, calibration, left_out)
        save_artifact(self._folder, measured, weights, domain, geometry)
        return measured

    def _embedded(self, embedder: Embedder, rows: NDArray[np.int64]) -> _Part:
        _LOG.info("embedding %d structures", len(rows))
        chunks = [rows[start : start + 128] for start in range(0, len(rows), 128)]
        embeddings = [embedder(separate(select(self._data.graphs, chunk))) for chunk in chunks] or [embedder([])]
        return _Part(rows, np.concatenate(embeddings), [self._structure_of(int(row)) for row in rows])

    def _fit_domain(self, artifact: ModelArtifact, embedder: Embedder, training: _Part, held_out: _Part) -> DomainModel:
        counts = np.zeros(119, dtype=np.int64)
        for atoms in self._atoms(self._rows_of("train")):
            counts[np.unique(atoms)] += 1
        readout = CalibratedReadout(artifact)
        anchors = slice(0, _N_ANCHORS)
        near, far = (readout.evidence(part.embeddings, part.structures) for part in (training, held_out))
        near = DomainEvidence(near.embeddings[anchors], near.spreads[anchors], near.geometry[anchors])
        strange = self._perturbed(
            training.structures[anchors], np.flatnonzero(counts >= min(_N_COMMON, counts.max())).astype(np.uint8)
        )
        graphs = [build_graph(structure, artifact.card.crystal_rule) for structure in strange]
        _LOG.info("embedding %d perturbed structures", len(graphs))
        embeddings = [embedder(graphs[start : start + 128]) for start in range(0, len(graphs), 128)]
        return DomainModel.fit(near, readout.evidence(np.concatenate(embeddings), strange), far, counts)

    def _perturbed(self, structures: Sequence[Structure], elements: NDArray[np.uint8]) -> list[Structure]:
        """Perturbed structures whose atoms do not overlap: those are refused before any model sees them."""
        return [found for found in perturbed(structures, elements, seed=0) if not _overlaps(found)]

    def _fit_geometry(self) -> GeometryModel:
        parts = (self._rows_of("train"), self._rows_of("calibration"))
        training, held_out = ([self._structure_of(int(row)) for row in rows] for rows in parts)
        return GeometryModel.fit(training, held_out)

    def _training_sample(self) -> NDArray[np.int64]:
        rows = self._rows_of("train")
        return np.asarray(np.random.default_rng(0).choice(rows, min(_N_OUT_OF_BAG, len(rows)), replace=False))

    def _rows_of(self, part: str) -> NDArray[np.int64]:
        return original_rows(self._data, self._config, part)

    def _atoms(self, rows: NDArray[np.int64]) -> list[NDArray[np.uint8]]:
        return [np.repeat(g.atomic_numbers, g.multiplicities) for g in separate(select(self._data.graphs, rows))]

    def _left_out_rows(self) -> NDArray[np.int64]:
        """Training rows that some member never saw: of well-known formulas, and of elements wherever they come from."""
        rows = self._rows_of("train")
        is_out = (self._member_weights(rows) == 0).any(axis=0)
        rows = rows[is_out]
        is_element = np.array([len(np.unique(atoms)) == 1 for atoms in self._atoms(rows)], dtype=bool)
        return np.asarray(rows[self._textbook[rows] | is_element], dtype=np.int64)

    def _member_weights(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return self._data.weights(self._config.members, self._config.resampling)[:, rows]

    def _labels(self, card: ModelCard, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Labels of the served properties, ``[n_rows, n_properties]``."""
        return self._data.labels[rows][:, [entry.head for entry in card.properties]].astype(np.float64)

    def _calibrated(self, artifact: ModelArtifact, part: _Part, left_out: _Part) -> ModelCard:
        elements = self._judged_left_out(artifact, left_out)
        (calibrators,) = fit_calibrators(self._judged(artifact, part), elements.take(elements.are_elements))
        entries = zip(artifact.card.properties, calibrators, strict=True)
        return replace(
            artifact.card,
            properties=tuple(
                replace(entry, calibrator=calibrator, calibration_method=METHOD_BY_GROUP)
                for entry, calibrator in entries
            ),
        )

    def _judged(self, artifact: ModelArtifact, part: _Part) -> JudgedRows:
        readout = CalibratedReadout(artifact)
        return JudgedRows.of(
            readout, readout.readings(part.embeddings, part.structures), self._labels(artifact.card, part.rows)
        )

    def _judged_left_out(self, artifact: ModelArtifact, part: _Part) -> JudgedRows:
        """What all members say of the difficulty, and the values of those that never saw the rows."""
        readout = CalibratedReadout(artifact)
        by_member, _ = artifact.readout()(part.embeddings, composition_of(part.atoms))
        values = left_out_values(by_member, self._member_weights(part.rows))
        readings = readout.readings(part.embeddings, part.structures)
        return JudgedRows.of(readout, readings, self._labels(artifact.card, part.rows), values)

    def _measured(self, artifact: ModelArtifact, part: _Part) -> ModelCard:
        """Of the test part, and of its textbook formulas apart."""
        readout = CalibratedReadout(artifact)
        readings = readout.readings(part.embeddings, part.structures)
        prediction = readout.predict(readings, DEFAULT_COVERAGE)
        judged = JudgedRows.of(readout, readings, self._labels(artifact.card, part.rows))
        groups = {**self._groups(artifact.card, part), **known_groups(judged.cells)}
        is_textbook = self._textbook[part.rows]
        general = {name: mask & ~is_textbook for name, mask in groups.items()}
        textbook = {name: mask & is_textbook for name, mask in {"all": is_textbook, **groups}.items()}
        entries = []
        for column, entry in enumerate(artifact.card.properties):
            labels = judged.labels[:, column]
            own = np.where(is_textbook, np.nan, labels)
            metrics = held_out_metrics(prediction, column, own)
            coverage = metrics.pop("coverage")
            entries.append(
                replace(
                    entry,
                    measured_coverage=coverage,
                    n_measured=int(np.isfinite(own).sum()),
                    metrics=metrics,
                    errors_by_group=errors_by_group(prediction, column, labels, general),
                    textbook=errors_by_group(prediction, column, labels, textbook),
                )
            )
        return replace(artifact.card, properties=tuple(entries))

    def _with_left_out(self, card: ModelCard, artifact: ModelArtifact, held_out: _Part, part: _Part) -> ModelCard:
        """Errors of members on textbook formulas that they left out."""
        groups = {"all": np.ones(len(part.rows), dtype=bool), **element_groups(part.atoms)}
        is_textbook = self._textbook[part.rows]
        found = measure_left_out(
            self._judged_left_out(artifact, part),
            self._judged(artifact, held_out),
            [self._data.formulas[row] for row in part.rows],
            {name: mask & is_textbook for name, mask in groups.items()},
        )
        entries = zip(card.properties, found, strict=True)
        return replace(card, properties=tuple(replace(entry, out_of_fold=errors) for entry, errors in entries))

    def _with_out_of_bag(self, card: ModelCard, artifact: ModelArtifact, part: _Part) -> ModelCard:
        """Errors of single members on training rows out of their bag, besides the held-out ones of the ensemble."""
        by_member, _ = artifact.readout()(part.embeddings, composition_of(part.atoms))
        weights = self._member_weights(part.rows)
        entries = []
        for column, entry in enumerate(card.properties):
            labels = self._data.labels[part.rows, entry.head].astype(np.float64)
            errors = out_of_bag_errors(by_member[:, :, column], labels, weights)
            entries.append(replace(entry, metrics=entry.metrics | errors))
        return replace(card, properties=tuple(entries))

    def _groups(self, card: ModelCard, part: _Part) -> Groups:
        gap = card.property_named("band_gap")
        labels = self._data.labels[part.rows, gap.head] if gap else np.full(len(part.rows), np.nan)
        systems = frozenset(chemical_system(atoms) for atoms in self._atoms(self._rows_of("train")))
        return crystal_groups(part.atoms, labels.astype(np.float64), systems)


def original_rows(data: LabelledGraphs, config: TrainingConfig, part: str) -> NDArray[np.int64]:
    """Rows of a part with a label that was calculated for them: perturbed copies, which only teach, have none."""
    rows = data.rows_of(part)
    heads = [index for index, task in enumerate(config.tasks) if task.definition.fidelity is not Fidelity.FORCE_FIELD]
    return rows[np.isfinite(data.labels[rows][:, heads]).any(axis=1)]


def _empty_domain(card: ModelCard) -> DomainModel:
    """Stands in the folder until the true one is fitted."""
    blank = np.zeros((1, 1), np.float32)
    width = card.backbone.embedding_width
    latent = LatentSpace(np.zeros(width, np.float32), np.zeros((width, 1), np.float32), blank.astype(np.float16))
    probe = PerturbationProbe(blank[0], blank[0], blank, blank[0], blank[0], blank[0])
    return DomainModel(
        latent, probe, np.ones((2, 3), np.float32), np.zeros((4, 1), np.float32), np.zeros(119, np.int64)
    )


def _overlaps(structure: Structure) -> bool:
    return closest_pair_within(structure.lattice, structure.frac_coords, _OVERLAP) is not None
