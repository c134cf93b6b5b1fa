"""From checkpoints to a model that loads, predicts and states measured coverage."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.ensembles.artifact import load_artifact
from epitaxy_models.ensembles.card import ModelCard
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.ensembles.readout import CalibratedReadout, EnsemblePrediction
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.graphs.batch import select, separate
from epitaxy_models.heads.readout import PropertyReadout
from epitaxy_models.structures import Structure
from epitaxy_models.training.config import TrainingConfig
from epitaxy_models.training.dataset import LabelledGraphs
from epitaxy_models.training.evaluation import held_out_metrics
from epitaxy_models.training.loop import Trainer, predict_rows
from epitaxy_models.training.member_stack import keep_heads, stack_members
from epitaxy_models.training.network import EnsembleNetwork
from epitaxy_models.training.publish import _uncalibrated_card
from epitaxy_models.training.release import Publisher


def _structure_of(row: int) -> Structure:
    return bundled_crystals()[row].structure


@pytest.fixture(scope="module")
def runs(data: LabelledGraphs, config: TrainingConfig, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two processes' checkpoints, given in the wrong order: members 2, then 0 and 1."""
    folder = tmp_path_factory.mktemp("runs")
    paths = []
    for members in ((2,), (0, 1)):
        path = folder / f"{members}.pt"
        Trainer(replace(config, members=members), data, path).run()
        paths.append(path)
    return paths


@pytest.fixture(scope="module")
def whole(config: TrainingConfig) -> TrainingConfig:
    return replace(config, members=(0, 1, 2))


@pytest.fixture(scope="module")
def published(
    runs: Sequence[Path], data: LabelledGraphs, whole: TrainingConfig, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, ModelCard]:
    folder = tmp_path_factory.mktemp("model")
    weights = stack_members([torch.load(path, weights_only=True) for path in runs])
    card = _uncalibrated_card(data, whole, "tiny", "1", {"epochs": [2, 2]})
    return folder, Publisher(data, _structure_of, whole, folder, _well_known(data)).publish(weights, card)


def _well_known(data: LabelledGraphs) -> np.ndarray:
    """A third of the rows, as if they came from another file."""
    return np.arange(len(data.formulas)) % 3 == 0


def test_members_are_stacked_by_their_number(runs: Sequence[Path]) -> None:
    states = [torch.load(path, weights_only=True) for path in runs]
    stacked = stack_members(states)
    late, early = (state["average"] for state in states)
    for name, axis in (("backbone.species", 0), ("backbone.readout_gain", 1), ("heads.value", 0)):
        expected = torch.cat([early[name], late[name]], dim=axis).numpy()
        np.testing.assert_array_equal(stacked[name], expected)
    np.testing.assert_array_equal(stacked["heads.references"], early["heads.references"].numpy())


def test_published_model_loads_with_the_card_that_was_returned(
    published: tuple[Path, ModelCard], data: LabelledGraphs
) -> None:
    folder, card = published
    artifact = load_artifact(folder)
    assert artifact.card == card
    assert [entry.definition.name for entry in card.properties] == ["energy", "gap"]
    assert [entry.head for entry in card.properties] == [0, 1]
    n_held_out = card.training_data.n_calibration + card.training_data.n_validation
    for entry in card.properties:
        assert entry.calibrator.n_calibration == n_held_out
        assert entry.n_measured + entry.textbook["all"]["n"] == 100
        assert entry.textbook["all"]["n"] == _well_known(data)[data.rows_of("test")].sum() > 20
        assert entry.calibrator.groups is not None
        assert 0.78 < entry.measured_coverage <= 1
        assert entry.metrics["mae"] < entry.metrics["mean_absolute_deviation"]
    assert card.training_data.n_calibration == 205


def test_published_model_answers_as_the_members_that_were_trained(
    published: tuple[Path, ModelCard], runs: Sequence[Path], data: LabelledGraphs, config: TrainingConfig
) -> None:
    rows = data.rows_of("test")
    members = []
    for path, numbers in zip(reversed(runs), ((0, 1), (2,)), strict=True):
        trainer = Trainer(replace(config, members=numbers), data, path)
        trainer.resume()
        assert isinstance(trainer.average, EnsembleNetwork)
        members.append(predict_rows(trainer.average, trainer.config, data, rows)[0])
    artifact = load_artifact(published[0])
    graphs = separate(select(data.graphs, rows))
    atoms = [np.repeat(graph.atomic_numbers, graph.multiplicities) for graph in graphs]
    means, _, _ = CalibratedReadout(artifact).spread(Embedder(artifact)(graphs), atoms)
    # Shipped weights are rounded to float16.
    np.testing.assert_allclose(means, np.concatenate(members).mean(axis=0)[:, :2], atol=5e-3)


def test_domain_counts_the_elements_of_the_training_part(
    published: tuple[Path, ModelCard], data: LabelledGraphs
) -> None:
    counts = load_artifact(published[0]).domain.element_counts
    graphs = separate(select(data.graphs, data.rows_of("train")))
    assert counts[8] == sum(8 in graph.atomic_numbers for graph in graphs) > 0
    assert counts[84] == 0


def test_too_few_calibration_rows_are_refused(
    runs: Sequence[Path], data: LabelledGraphs, whole: TrainingConfig, tmp_path: Path
) -> None:
    parts = data.parts.copy()
    parts[parts == "validation"] = "train"
    parts[np.flatnonzero(parts == "calibration")[:10]] = "train"
    few = replace(data, parts=parts)
    weights = stack_members([torch.load(path, weights_only=True) for path in runs])
    with pytest.raises(ConfigurationError, match="calibration needs 200 structures, got 195"):
        Publisher(few, _structure_of, whole, tmp_path).publish(weights, _uncalibrated_card(few, whole, "tiny", "1", {}))


def test_held_out_metrics_of_known_errors() -> None:
    labels = np.array([0.0, 1.0, 2.0, 3.0, np.nan])
    values = labels + np.array([0.1, -0.2, 0.3, -0.4, 0.0])
    spread = np.array([[0.1], [0.2], [0.3], [0.4], [0.0]])
    prediction = EnsemblePrediction(
        values[:, None], spread, 0 * spread, spread, values[:, None] - 0.25, values[:, None] + 0.25, ()
    )
    metrics = held_out_metrics(prediction, 0, labels)
    assert metrics == pytest.approx(
        {
            "mae": 0.25,
            "median_absolute_error": 0.25,
            "rmse": np.sqrt(0.075),
            "r2": 1 - 0.3 / 5,
            "mean_absolute_deviation": 1.0,
            "coverage": 0.5,
            "mean_interval_width": 0.5,
            "rank_correlation": 1.0,
        }
    )


def test_heads_that_only_taught_are_left_out_and_the_others_answer_the_same(
    runs: Sequence[Path], data: LabelledGraphs, config: TrainingConfig
) -> None:
    weights = stack_members([torch.load(path, weights_only=True) for path in runs])
    fewer = keep_heads(weights, [2, 0])
    readouts = [
        PropertyReadout.from_tensors(_heads_of(given), order) for given, order in ((weights, [2, 0]), (fewer, [0, 1]))
    ]
    embeddings = np.random.default_rng(0).normal(size=(4, 3, config.backbone.embedding_width)).astype(np.float32)
    composition = np.full((4, 119), 1 / 119, dtype=np.float32)
    (expected, expected_scales), (found, scales) = (readout(embeddings, composition) for readout in readouts)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(scales, expected_scales, rtol=1e-6)


def _heads_of(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name.removeprefix("heads."): value for name, value in weights.items() if name.startswith("heads.")}


def test_errors_are_given_by_kind_of_crystal(published: tuple[Path, ModelCard]) -> None:
    for entry in published[1].properties:
        groups = entry.errors_by_group
        assert {"2 elements", "chemical system unseen in training"} <= set(groups) or groups["2 elements"]["n"] >= 20
        seen = [groups[name]["n"] for name in groups if name.startswith("chemical system")]
        assert sum(seen) <= entry.n_measured
        counted = sum(group["n"] for name, group in groups.items() if "element" in name)
        assert counted <= entry.n_measured
        assert all(group["mae"] > 0 and 0 <= group["coverage"] <= 1 for group in groups.values())
