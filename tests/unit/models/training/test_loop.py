"""The training loop on a few dozen crystals: it learns, resumes, keeps members apart and refuses other runs."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from epitaxy_models.errors import CheckpointError, ConfigurationError
from epitaxy_models.graphs.batch import collate, separate
from epitaxy_models.training.config import TrainingConfig
from epitaxy_models.training.dataset import LabelledGraphs
from epitaxy_models.training.loop import Trainer, predict_rows
from epitaxy_models.training.network import EnsembleNetwork, member_axis, new_network

# Stacked matrix products round by the size of the stack.
MEMBER_TOLERANCE = 5e-3


@pytest.fixture(scope="module")
def trained(data: LabelledGraphs, config: TrainingConfig, tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    trainer = Trainer(config, data, tmp_path_factory.mktemp("run") / "members-0-1.pt")
    trainer.run()
    return trainer


def _epoch_losses(caplog: pytest.LogCaptureFixture) -> list[float]:
    return [float(loss) for loss in re.findall(r"epoch \d+  loss (-?\d+\.\d+)", caplog.text)]


def _state(network: EnsembleNetwork) -> dict[str, np.ndarray]:
    return {name: value.detach().clone().numpy() for name, value in network.state_dict().items()}


def test_loss_falls_and_the_fit_beats_a_constant(
    data: LabelledGraphs, longer: TrainingConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trainer = Trainer(longer, data, tmp_path / "run.pt")
    with caplog.at_level("INFO", logger="epitaxy_models.training.report"):
        trainer.run()
    losses = _epoch_losses(caplog)
    assert len(losses) == longer.epochs
    assert losses[-1] < 0.8 * losses[0]
    rows = data.rows_of("test")
    values, scales = predict_rows(trainer.average, longer, data, rows)
    errors = np.nanmean(np.abs(values.mean(axis=0) - data.labels[rows]), axis=0)
    constants = np.nanmean(np.abs(data.labels[rows] - np.nanmedian(data.labels[rows], axis=0)), axis=0)
    assert (errors < 0.7 * constants).all()
    assert (scales > 0).all()


def test_resumed_run_reaches_the_weights_of_an_uninterrupted_one(
    data: LabelledGraphs, config: TrainingConfig, trained: Trainer, tmp_path: Path
) -> None:
    class Interrupted(Trainer):
        def _save(self) -> None:
            super()._save()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        Interrupted(config, data, tmp_path / "run.pt").run()
    resumed = Trainer(config, data, tmp_path / "run.pt")
    resumed.run()
    assert resumed.epoch == config.epochs
    for network in ("network", "average"):
        for name, value in _state(getattr(resumed, network)).items():
            np.testing.assert_array_equal(value, _state(getattr(trained, network))[name], err_msg=name)


def test_finished_run_trains_no_further(data: LabelledGraphs, config: TrainingConfig, trained: Trainer) -> None:
    again = Trainer(config, data, trained._checkpoint)
    again.run()
    for name, value in _state(again.network).items():
        np.testing.assert_array_equal(value, _state(trained.network)[name], err_msg=name)


@pytest.mark.parametrize("change", [{"members": (2, 3)}, {"peak_rate": 1e-3}, {"batch_size": 8}])
def test_checkpoint_of_another_run_is_refused(
    data: LabelledGraphs, config: TrainingConfig, trained: Trainer, change: dict[str, Any]
) -> None:
    with pytest.raises(CheckpointError, match=f"it differs in {next(iter(change))}$") as raised:
        Trainer(replace(config, **change), data, trained._checkpoint).run()
    assert raised.value.reason == "OTHER_RUN"


def test_fewer_rows_than_a_batch_are_refused_before_training(
    data: LabelledGraphs, config: TrainingConfig, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match="one batch of 100000") as raised:
        Trainer(replace(config, batch_size=100_000), data, tmp_path / "run.pt")
    assert raised.value.reason == "DATA_TOO_SMALL"


def test_member_learns_alike_alone_and_in_a_stack(
    data: LabelledGraphs, config: TrainingConfig, trained: Trainer, tmp_path: Path
) -> None:
    alone = Trainer(replace(config, members=(1,)), data, tmp_path / "run.pt")
    alone.run()
    rows = data.rows_of("validation")
    values, _ = predict_rows(alone.average, alone.config, data, rows)
    stacked, _ = predict_rows(trained.average, config, data, rows)
    np.testing.assert_allclose(values[0], stacked[1], atol=MEMBER_TOLERANCE)
    assert np.abs(stacked[0] - stacked[1]).max() > 5 * MEMBER_TOLERANCE


def test_first_weights_of_a_member_depend_on_its_number_alone(config: TrainingConfig) -> None:
    pair, other = new_network(replace(config, members=(3, 1))), new_network(replace(config, members=(1,)))
    for (name, one), lone in zip(pair.named_parameters(), other.parameters(), strict=True):
        axis = member_axis(name)
        torch.testing.assert_close(one.select(axis, 1), lone.select(axis, 0), atol=0, rtol=0)
    assert not torch.equal(pair.backbone.species[0], pair.backbone.species[1])


def test_labels_of_other_parts_teach_nothing(
    data: LabelledGraphs, config: TrainingConfig, trained: Trainer, tmp_path: Path
) -> None:
    labels = data.labels.copy()
    labels[data.parts != "train"] += 5
    again = Trainer(config, replace(data, labels=labels), tmp_path / "run.pt")
    again.run()
    for name, value in _state(again.network).items():
        np.testing.assert_array_equal(value, _state(trained.network)[name], err_msg=name)


def test_row_left_out_by_a_member_does_not_move_it(
    data: LabelledGraphs, config: TrainingConfig, tmp_path: Path
) -> None:
    trainer = Trainer(config, data, tmp_path / "run.pt")
    kept = data.weights(config.members) > 0
    rows = data.rows_of("train")
    rows = rows[~kept[0, rows] & kept[1, rows]][:4]
    assert len(rows) > 0
    before = _state(trainer.network)
    trainer._train_step(rows)
    species = trainer.network.backbone.species.detach().numpy() - before["backbone.species"]
    assert np.abs(species[1]).max() > 10 * np.abs(species[0]).max()
    for name, value in trainer.network.named_parameters():
        moved = np.abs(value.detach().numpy() - before[name]).take(0, member_axis(name)).max()
        # Weight decay alone moves the first member, by rate times decay times weight.
        decay = config.rate_at(0, trainer.n_steps) * config.weight_decay
        assert moved <= 1.01 * decay * np.abs(before[name]).max() + 1e-7, name


def test_references_are_fitted_on_the_training_part(data: LabelledGraphs, trained: Trainer) -> None:
    rows = data.rows_of("train")
    references = trained.network.heads.references.numpy()
    assert references[:, 1] == pytest.approx(np.nanmean(data.labels[rows, 1]), rel=1e-5)
    assert np.ptp(references[:, 0]) > 0.1
    spreads = trained.network.heads.spreads.numpy()
    assert spreads[1] == pytest.approx(np.nanstd(data.labels[rows, 1]), rel=1e-4)
    assert spreads[0] < np.nanstd(data.labels[rows, 0])


def test_learning_rate_warms_up_stays_and_falls_to_zero(config: TrainingConfig) -> None:
    rates = [config.rate_at(step, 100) for step in range(101)]
    assert rates[:5] == pytest.approx(config.peak_rate * np.array([0.2, 0.4, 0.6, 0.8, 1.0]))
    assert set(rates[5:50]) == {config.peak_rate}
    assert (np.diff(rates[50:]) < 0).all()
    assert rates[100] == 0


@pytest.mark.parametrize("change", [{"members": ()}, {"epochs": 0}, {"batch_size": 0}, {"decay_share": 0.0}])
def test_impossible_settings_are_refused(config: TrainingConfig, change: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match="members, epochs, batch size and shares must be positive"):
        replace(config, **change)  # type: ignore[arg-type]  # one field of each type


def test_batches_of_the_data_set_keep_its_graphs(data: LabelledGraphs) -> None:
    assert collate(separate(data.graphs)).n_edges == data.graphs.n_edges
