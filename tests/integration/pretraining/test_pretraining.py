"""Pretraining on real Ray workers: the trajectory does not depend on their number, nor on how often they are lost."""

import json
import os
import signal
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from epitaxy.pretraining.domain import PretrainOutcome, PretrainRun
from epitaxy.pretraining.errors import PretrainingFailedError
from epitaxy.pretraining.journal import epoch_reports
from epitaxy.pretraining.mlflow_tracking import MlflowTracking
from epitaxy.pretraining.ray_trainer import RayTrainer
from epitaxy.pretraining.service import Pretraining
from epitaxy_models.data.synthetic_labels import DISTANCE_COLUMN, WAVE_COLUMN
from epitaxy_models.errors import CheckpointError, ConfigurationError
from epitaxy_models.heads.property import Fidelity, PropertyDefinition
from epitaxy_models.training.config import TrainingConfig
from epitaxy_models.training.dataset import read_labelled
from epitaxy_models.training.loop import Trainer
from epitaxy_models.training.tasks import Task

pytestmark = [
    pytest.mark.pretraining,
    pytest.mark.usefixtures("ray_node"),
    pytest.mark.timeout(180),
    # Ray Data 2.60 warns of defaults that it sets itself.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context"),
]

TASKS = (
    Task(DISTANCE_COLUMN, PropertyDefinition("distance", "Angstrom", Fidelity.FORCE_FIELD, "computed", "d"), 1.0),
    Task(WAVE_COLUMN, PropertyDefinition("wave", "1", Fidelity.FORCE_FIELD, "computed", "w"), 0.5, True),
)
TRAINING = TrainingConfig(
    members=(0, 1), epochs=8, batch_size=8, warmup_steps=20, width=16, n_layers=2, ema_decay=0.9, tasks=TASKS
)
# Sums over two workers round otherwise than over one, and 370 steps amplify it.
LOSS_TOLERANCE = 0.02

Runs = Callable[..., "Finished"]


@dataclass
class Watcher:
    """Listens like a person, and may kill a worker after an epoch."""

    kill_rank: int | None = None
    after_epoch: int = 4
    lines: list[str] = field(default_factory=list)
    events: list[Mapping[str, Any]] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.lines.append(text)

    def featurized(self, done: int, total: int) -> None:
        self.lines.append(f"featurized {done} of {total}")

    def show(self, event: Mapping[str, Any]) -> None:
        self.events.append(event)
        if event["event"] == "epoch" and event["epoch"] == self.after_epoch and self.kill_rank is not None:
            started = [event for event in self.events if event["event"] == "started"][-1]
            os.kill(started["pids"][self.kill_rank], signal.SIGKILL)
            self.kill_rank = None


@dataclass(frozen=True)
class Finished:
    run: PretrainRun
    outcome: PretrainOutcome
    watcher: Watcher

    @property
    def weights(self) -> dict[str, Any]:
        return {name: value.numpy() for name, value in torch.load(self.outcome.checkpoint)["network"].items()}

    @property
    def losses(self) -> list[float]:
        return [report.loss for report in epoch_reports(self.run.journal)]


def _run(table: Path, work: Path, workers: int = 1, **changes: Any) -> PretrainRun:
    return replace(PretrainRun("test", table, work, TRAINING, workers=workers), **changes)


def _pretrain(run: PretrainRun, watcher: Watcher | None = None) -> Finished:
    watcher = watcher or Watcher()
    tracking = MlflowTracking(f"sqlite:///{run.work.parent / 'mlflow.db'}", "test")
    return Finished(run, Pretraining(RayTrainer(), tracking, watcher)(run, 1), watcher)


@pytest.fixture(scope="module", params=[1, 2])
def uninterrupted(request: pytest.FixtureRequest, table: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return _pretrain(_run(table, tmp_path_factory.mktemp(f"{request.param}-workers") / "work", request.param))


def _assert_same_weights(found: Finished, expected: Finished) -> None:
    for name, value in expected.weights.items():
        np.testing.assert_array_equal(found.weights[name], value, err_msg=name)


def test_counts_of_the_log_add_up(uninterrupted: Finished) -> None:
    lines = uninterrupted.watcher.lines
    assert "featurized 557 of 557" in lines
    assert any(line.startswith("557 rows = ") and line.endswith("+ 1 without a label") for line in lines)
    assert f"{WAVE_COLUMN}: 444 labels, 113 missing" in lines
    (report, *_) = epoch_reports(uninterrupted.run.journal)
    left = next(line for line in lines if line.startswith("each epoch leaves"))
    train = int(next(line for line in lines if " train" in line).split(" = ")[1].split(" train")[0])
    assert report.n_structures + int(left.split()[3]) == train


def test_of_the_checkpoints_of_eight_epochs_only_the_best_and_the_last_are_left(uninterrupted: Finished) -> None:
    states = list(uninterrupted.run.work.rglob("state.pt"))
    assert states
    assert len(states) <= 3, "the two best and the latest"
    assert not (uninterrupted.run.work / "workers").exists()
    assert not list(Path(tempfile.gettempdir()).glob("checkpoint_tmp_*"))


def test_loss_falls_and_every_epoch_is_tracked_once(uninterrupted: Finished) -> None:
    from mlflow import MlflowClient

    assert len(uninterrupted.losses) == TRAINING.epochs
    assert uninterrupted.losses[-1] < 0.7 * uninterrupted.losses[0]
    client = MlflowClient(tracking_uri=f"sqlite:///{uninterrupted.run.work.parent / 'mlflow.db'}")
    run_id = json.loads((uninterrupted.run.work / "mlflow-run.json").read_text())["run_id"]
    history = client.get_metric_history(run_id, "loss")
    assert [metric.value for metric in history] == uninterrupted.losses
    record = client.get_run(run_id)
    assert record.info.status == "FINISHED"
    assert record.data.tags["unit.mae/distance"] == "Angstrom"
    assert record.data.metrics["mae/distance"] == epoch_reports(uninterrupted.run.journal)[-1].errors["distance"]


def test_killed_worker_is_replaced_and_the_run_ends_with_the_same_weights(
    uninterrupted: Finished, table: Path, tmp_path: Path
) -> None:
    workers = uninterrupted.run.workers
    found = _pretrain(_run(table, tmp_path / "work", workers), Watcher(kill_rank=workers - 1))
    starts = [event["epoch"] for event in found.watcher.events if event["event"] == "started"]
    assert starts[0] == 0
    assert 1 <= starts[1] < TRAINING.epochs
    assert found.losses == uninterrupted.losses
    _assert_same_weights(found, uninterrupted)


def test_run_whose_workers_were_lost_for_good_is_resumed_by_the_next_call(
    uninterrupted: Finished, table: Path, tmp_path: Path
) -> None:
    run = _run(table, tmp_path / "work", uninterrupted.run.workers, max_restarts=0)
    with pytest.raises(PretrainingFailedError, match=r"training failed: .*the same command resumes it"):
        _pretrain(run, Watcher(kill_rank=0))
    found = _pretrain(run)
    assert next(event["epoch"] for event in found.watcher.events) >= 1
    assert found.losses == uninterrupted.losses
    _assert_same_weights(found, uninterrupted)


def test_workers_follow_the_loss_curve_of_the_plain_loop(uninterrupted: Finished, tmp_path: Path) -> None:
    run = uninterrupted.run
    data = read_labelled(run.data, run.store, TASKS, TRAINING.rule)
    plain = Trainer(TRAINING, data, tmp_path / "plain.pt")
    plain.run()
    losses = [record["loss"] for record in plain.history]
    np.testing.assert_allclose(uninterrupted.losses, losses, rtol=LOSS_TOLERANCE if run.workers > 1 else 1e-6)


def test_finished_run_starts_nothing_anew(uninterrupted: Finished) -> None:
    again = _pretrain(uninterrupted.run)
    assert again.outcome == uninterrupted.outcome
    assert not [event for event in again.watcher.events if event["event"] == "epoch"]


def test_work_folder_of_another_run_is_refused(uninterrupted: Finished) -> None:
    other = replace(uninterrupted.run, training=replace(TRAINING, peak_rate=1e-4))
    with pytest.raises(CheckpointError, match=r"it differs in peak_rate$"):
        _pretrain(other)


def test_run_ends_where_the_score_no_longer_falls(table: Path, tmp_path: Path) -> None:
    # A rate this high cannot settle before the last epochs.
    training = replace(TRAINING, epochs=40, peak_rate=0.3, decay_share=0.05)
    found = _pretrain(_run(table, tmp_path / "work", training=training, patience=2))
    assert found.outcome.epochs == found.outcome.best_epoch + 2 < 40
    scores = [report.score for report in epoch_reports(found.run.journal)]
    assert found.outcome.score == min(scores)


def test_missing_column_is_refused_before_any_work(table: Path, tmp_path: Path) -> None:
    absent = replace(TASKS[0], column="absent_eV")
    with pytest.raises(ConfigurationError, match=r"has no column absent_eV$"):
        _pretrain(_run(table, tmp_path / "work", training=replace(TRAINING, tasks=(absent,))))
    assert not (tmp_path / "work").exists()
