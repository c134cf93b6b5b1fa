"""From checkpoints to a model: stack the members, calibrate, measure, write weights and card.

Run as ``python -m epitaxy_models.training.publish --data mp.parquet --work DIR --out FOLDER CHECKPOINT ...``.
"""

import argparse
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from epitaxy_models.calibration.conformal import METHOD, Calibrator
from epitaxy_models.calibration.domain import DomainModel
from epitaxy_models.calibration.geometry import GeometryModel
from epitaxy_models.ensembles.artifact import load_artifact, save_artifact
from epitaxy_models.ensembles.card import ModelCard, PropertyCard, TrainingData
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.ensembles.readout import CalibratedReadout
from epitaxy_models.graphs.batch import select, separate
from epitaxy_models.structures import Structure, structure_from_column
from epitaxy_models.training.config import TrainingConfig
from epitaxy_models.training.dataset import LabelledGraphs, load_dataset
from epitaxy_models.training.evaluation import held_out_metrics
from epitaxy_models.training.network import member_axis
from epitaxy_models.training.split import PARTS

_LOG = logging.getLogger(__name__)
_MEASURED_AT = 0.9
_PLACEHOLDER = Calibrator(tuple(np.linspace(1, 4, 100).tolist()), 1e-9, 0)
_N_DOMAIN = 12_000


def stack_members(checkpoints: Sequence[dict[str, Any]]) -> dict[str, NDArray[np.float32]]:
    """Averaged weights of several runs as one stack, members in ascending order."""
    first = checkpoints[0]["average"]
    stacked = {}
    for name in first:
        if name in ("heads.references", "heads.spreads"):
            stacked[name] = first[name].numpy()
            continue
        axis = member_axis(name)
        slices = [
            (member, run["average"][name].select(axis, slot))
            for run in checkpoints
            for slot, member in enumerate(run["members"])
        ]
        ordered = [weights for _, weights in sorted(slices, key=lambda entry: entry[0])]
        stacked[name] = torch.stack(ordered, dim=axis).numpy()
    return stacked


class Publisher:
    """Calibrates and measures one stack of members on one data set."""

    def __init__(
        self, data: LabelledGraphs, structure_of: Callable[[int], Structure], config: TrainingConfig, folder: Path
    ) -> None:
        """``structure_of`` gives the structure of a row of ``data``."""
        self._data, self._structure_of, self._config, self._folder = data, structure_of, config, folder

    def publish(self, weights: dict[str, NDArray[np.float32]], card: ModelCard) -> ModelCard:
        """Writes weights and card; everything is measured on the rounded weights that are shipped."""
        geometry = self._fit_geometry()
        save_artifact(self._folder, card, weights, _empty_domain(card), geometry)
        embedder = Embedder(load_artifact(self._folder))
        domain = self._fit_domain(embedder)
        save_artifact(self._folder, card, weights, domain, geometry)
        calibrated = self._calibrated(card, embedder, CalibratedReadout(load_artifact(self._folder)))
        save_artifact(self._folder, calibrated, weights, domain, geometry)
        measured = self._measured(calibrated, embedder)
        save_artifact(self._folder, measured, weights, domain, geometry)
        return measured

    def _embedded(self, embedder: Embedder, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        _LOG.info("embedding %d structures", len(rows))
        chunks = (rows[start : start + 128] for start in range(0, len(rows), 128))
        return np.concatenate([embedder(separate(select(self._data.graphs, chunk))) for chunk in chunks])

    def _fit_domain(self, embedder: Embedder) -> DomainModel:
        training, held_out = self._data.rows_of("train"), self._data.rows_of("calibration")
        sample = self._training_sample()
        counts = np.zeros(119, dtype=np.int64)
        for atoms in self._atoms(training):
            counts[np.unique(atoms)] += 1
        training_embeddings, held_out_embeddings = (self._embedded(embedder, rows)[:, 0] for rows in (sample, held_out))
        return DomainModel.fit(training_embeddings, held_out_embeddings, counts)

    def _fit_geometry(self) -> GeometryModel:
        parts = (self._data.rows_of("train"), self._data.rows_of("calibration"))
        training, held_out = ([self._structure_of(int(row)) for row in rows] for rows in parts)
        return GeometryModel.fit(training, held_out)

    def _training_sample(self) -> NDArray[np.int64]:
        rows = self._data.rows_of("train")
        return np.sort(np.random.default_rng(0).choice(rows, min(_N_DOMAIN, len(rows)), replace=False))

    def _atoms(self, rows: NDArray[np.int64]) -> list[NDArray[np.uint8]]:
        return [np.repeat(g.atomic_numbers, g.multiplicities) for g in separate(select(self._data.graphs, rows))]

    def _calibrated(self, card: ModelCard, embedder: Embedder, readout: CalibratedReadout) -> ModelCard:
        rows = self._data.rows_of("calibration")
        means, epistemic, aleatoric = readout.spread(self._embedded(embedder, rows), self._atoms(rows))
        entries = []
        for column, entry in enumerate(card.properties):
            labels = self._data.labels[rows, entry.head]
            known = np.isfinite(labels)
            expected = np.hypot(epistemic[known, column], aleatoric[known, column])
            calibrator = Calibrator.fit(means[known, column], expected, labels[known].astype(np.float64))
            entries.append(replace(entry, calibrator=calibrator))
        return replace(card, properties=tuple(entries))

    def _measured(self, card: ModelCard, embedder: Embedder) -> ModelCard:
        rows = self._data.rows_of("test")
        prediction = CalibratedReadout(load_artifact(self._folder))(
            self._embedded(embedder, rows), self._atoms(rows), _MEASURED_AT
        )
        entries = []
        for column, entry in enumerate(card.properties):
            labels = self._data.labels[rows, entry.head].astype(np.float64)
            metrics = held_out_metrics(prediction, column, labels)
            n_measured = int(np.isfinite(labels).sum())
            coverage = metrics.pop("coverage")
            entries.append(replace(entry, measured_coverage=coverage, n_measured=n_measured, metrics=metrics))
        return replace(card, properties=tuple(entries))


def _empty_domain(card: ModelCard) -> DomainModel:
    width = card.backbone.embedding_width
    return DomainModel(
        np.zeros(width, np.float32), np.zeros((width, 1), np.float32), np.ones(1, np.float32), np.zeros(119, np.int64)
    )


def _uncalibrated_card(
    data: LabelledGraphs, config: TrainingConfig, name: str, version: str, training: dict[str, Any]
) -> ModelCard:
    served = [(index, task) for index, task in enumerate(config.tasks) if task.is_served]
    counts = {part: len(data.rows_of(part)) for part in PARTS}
    return ModelCard(
        name=name,
        version=version,
        description="Substrate: five distance-only message-passing networks pretrained on Materials Project crystals",
        license="Weights: CC-BY 4.0 (trained on Materials Project data); code: Apache-2.0",
        backbone=config.backbone,
        rule=config.rule,
        properties=tuple(
            PropertyCard(task.definition, head, _PLACEHOLDER, METHOD, 0.0, _MEASURED_AT, 0, {}) for head, task in served
        ),
        training_data=TrainingData(
            name="Materials Project, PBE/PBE+U labels of the 2018 to 2022 releases, each vintage its own head",
            attribution="Jain et al., APL Materials 1, 011002 (2013); https://materialsproject.org",
            license="CC-BY 4.0",
            split="by reduced formula (hash): 87 % train, 3 % validation, 5 % calibration, 5 % test",
            n_train=counts["train"],
            n_validation=counts["validation"],
            n_calibration=counts["calibration"],
            n_test=counts["test"],
        ),
        training=training,
    )


def main() -> None:
    """Publishes the members of some checkpoints as one model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoints", type=Path, nargs="+")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder that holds the graph store")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--name", default="substrate-mp")
    parser.add_argument("--version", default="1")
    parser.add_argument("--hardware", default="", help="written to the card")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(1)
    runs = [torch.load(path, weights_only=True, map_location="cpu") for path in options.checkpoints]
    members = tuple(sorted(member for run in runs for member in run["members"]))
    settings = runs[0]["config"]
    config = TrainingConfig(
        members=members, epochs=settings["epochs"], width=settings["width"], n_layers=settings["n_layers"]
    )
    data = load_dataset(options.data, options.work / "graphs", config.tasks, config.rule)
    training = {
        "members": members,
        "seeds": [1000 + member for member in members],
        "left_out": "each member never saw its own tenth of the training formulas",
        "epochs": [run["epoch"] for run in runs],
        "wall_seconds": [round(run["seconds"]) for run in runs],
        "hardware": options.hardware,
        "optimizer": {
            key: settings[key]
            for key in (
                "batch_size",
                "peak_rate",
                "warmup_steps",
                "decay_share",
                "weight_decay",
                "ema_decay",
                "clip_norm",
            )
        },
        "loss": "absolute error in units of the target's spread, masked, seven heads; Laplace noise scale",
        "command": "python -m epitaxy_models.training; python -m epitaxy_models.training.publish",
        "published": datetime.now(UTC).date().isoformat(),
    }
    card = _uncalibrated_card(data, config, options.name, options.version, training)
    column = pd.read_parquet(options.data, columns=["structure"])["structure"].tolist()
    publisher = Publisher(data, lambda row: structure_from_column(column[row]), config, options.out)
    for entry in publisher.publish(stack_members(runs), card).properties:
        _LOG.info(
            "%s  %s  coverage %.3f of %.2f",
            entry.definition.name,
            entry.metrics,
            entry.measured_coverage,
            entry.measured_at,
        )


if __name__ == "__main__":
    main()
