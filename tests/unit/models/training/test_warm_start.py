"""Starting from an earlier run's weights: what is known is kept, what is new is fresh."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.errors import CheckpointError
from epitaxy_models.training.config import TrainingConfig
from epitaxy_models.training.dataset import LabelledGraphs
from epitaxy_models.training.loop import Trainer, predict_rows
from epitaxy_models.training.network import new_network


@pytest.fixture(scope="module")
def checkpoint(data: LabelledGraphs, config: TrainingConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("warm") / "first.pt"
    Trainer(config, data, path).run()
    return path


@pytest.fixture(scope="module")
def first(data: LabelledGraphs, config: TrainingConfig, checkpoint: Path) -> Trainer:
    trainer = Trainer(config, data, checkpoint)
    trainer.resume()
    return trainer


def test_a_warm_run_starts_with_the_answers_of_the_first(
    data: LabelledGraphs, config: TrainingConfig, checkpoint: Path, first: Trainer, tmp_path: Path
) -> None:
    second = Trainer(replace(config, start_from=str(checkpoint)), data, tmp_path / "second.pt")
    rows = data.rows_of("test")[:20]
    expected, found = (predict_rows(net, config, data, rows)[0] for net in (first.average, second.network))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_heads_are_taken_over_by_column_and_a_new_one_is_fresh(
    data: LabelledGraphs, config: TrainingConfig, checkpoint: Path, first: Trainer, tmp_path: Path
) -> None:
    renamed = replace(config.tasks[0], column="something_new")
    moved = replace(config, tasks=(renamed, config.tasks[1], config.tasks[0]), start_from=str(checkpoint))
    labels = data.labels[:, [0, 1, 0]]
    second = Trainer(moved, replace(data, labels=labels), tmp_path / "second.pt")
    rows = data.rows_of("test")[:20]
    expected, _ = predict_rows(first.average, config, data, rows)
    found, _ = predict_rows(second.network, moved, data, rows)
    np.testing.assert_allclose(found[:, :, 2], expected[:, :, 0], atol=1e-6)
    fresh = new_network(moved).heads.value.detach()[:, :, 0]
    torch.testing.assert_close(second.network.heads.value.detach()[:, :, 0], fresh)


def test_a_member_is_found_whatever_its_place(
    data: LabelledGraphs, config: TrainingConfig, checkpoint: Path, first: Trainer, tmp_path: Path
) -> None:
    alone = replace(config, members=(1,), start_from=str(checkpoint))
    second = Trainer(alone, data, tmp_path / "second.pt")
    torch.testing.assert_close(second.network.backbone.species[0], first.average.backbone.species[1])


def test_a_finished_epoch_counts_more_than_the_start(
    data: LabelledGraphs, config: TrainingConfig, checkpoint: Path, tmp_path: Path
) -> None:
    warm = replace(config, start_from=str(checkpoint))
    trained = Trainer(warm, data, tmp_path / "second.pt")
    trained.run()
    again = Trainer(warm, data, tmp_path / "second.pt")
    assert again.resume() == config.epochs
    torch.testing.assert_close(again.network.backbone.species, trained.network.backbone.species)


def test_a_published_model_starts_a_run(data: LabelledGraphs, config: TrainingConfig, tmp_path: Path) -> None:
    published = load_artifact(shipped_model())
    shape = published.card.backbone
    wide = replace(config, width=shape.width, n_layers=shape.n_layers, members=(1,), start_from=str(shipped_model()))
    second = Trainer(wide, data, tmp_path / "second.pt")
    found = second.network.backbone.species[0].detach().numpy()
    np.testing.assert_array_equal(found, published.backbone["species"][1].astype(np.float32))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"members": (0, 7)}, r"members \[0, 1\], not \[7\]"),
        ({"width": 24}, "'width': 16"),
        ({"start_from": "nowhere.pt"}, "does not exist"),
    ],
)
def test_a_start_that_does_not_fit_is_refused(
    data: LabelledGraphs,
    config: TrainingConfig,
    checkpoint: Path,
    tmp_path: Path,
    change: dict[str, object],
    reason: str,
) -> None:
    wanted = replace(config, **{"start_from": str(checkpoint), **change})  # type: ignore[arg-type]  # test cases
    with pytest.raises(CheckpointError, match=reason):
        Trainer(wanted, data, tmp_path / "second.pt")
