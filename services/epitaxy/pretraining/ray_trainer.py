"""The distributed trainer on Ray Train: the training loop in every worker, one checkpoint per epoch.

Except for the session, the only module of this service that imports Ray.
"""

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import ray.train
import torch
from ray.train import Checkpoint, CheckpointConfig, FailureConfig, Result, RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer, get_device
from ray.train.v2.api.exceptions import TrainingFailedError

from epitaxy.pretraining.domain import PretrainOutcome, PretrainRun
from epitaxy.pretraining.errors import PretrainingFailedError
from epitaxy.pretraining.journal import JournalWriter
from epitaxy.pretraining.ray_session import ray_session
from epitaxy_models.training.dataset import read_labelled
from epitaxy_models.training.loop import Trainer
from epitaxy_models.training.report import EpochReport, StepReport
from epitaxy_models.training.workers import Workers

_STATE = "state.pt"
# The controller takes reports at this pace, by default 2: what a lost worker has reported since then runs again.
_SECONDS_A_POLL = "0.5"


class RayTrainer:
    """Adapter of ``DistributedTrainer``.

    Args:
        address: Address of a running cluster; empty: a private Ray for the time of the run.
    """

    def __init__(self, address: str = "") -> None:
        self._address = address

    def train(self, run: PretrainRun) -> PretrainOutcome:
        """Trains on Ray workers.

        Ray keeps the list of checkpoints below the work folder, so that a second call under the same name goes on
        after the last one. Raises PretrainingFailedError if workers were lost too often.
        """
        os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", _SECONDS_A_POLL)
        try:
            with ray_session(run, self._address):
                outcome = _outcome(run, _torch_trainer(run).fit())
        except TrainingFailedError as error:
            raise PretrainingFailedError(
                f"{_first_line(error)}; what was reached is kept in {run.work}, and the same command resumes it"
            ) from error
        # Ray copies what is reported to its own folder and leaves the reported one.
        shutil.rmtree(_local_states(run), ignore_errors=True)
        return outcome


def _torch_trainer(run: PretrainRun) -> TorchTrainer:
    resources = {"CPU": run.cpus_per_worker} | ({"GPU": 1} if run.use_gpu else {})
    return TorchTrainer(
        train_worker,
        train_loop_config={"run": run},
        torch_config=TorchConfig(backend="nccl" if run.use_gpu else "gloo"),
        scaling_config=ScalingConfig(
            num_workers=run.workers,
            use_gpu=run.use_gpu,
            resources_per_worker=resources,
            placement_strategy=run.placement_strategy,
        ),
        run_config=RunConfig(
            name="ray",
            storage_path=str(run.work),
            failure_config=FailureConfig(max_failures=run.max_restarts),
            # The two best; Ray always keeps the latest besides.
            checkpoint_config=CheckpointConfig(
                num_to_keep=2, checkpoint_score_attribute="score", checkpoint_score_order="min"
            ),
        ),
    )


def train_worker(settings: dict[str, Any]) -> None:
    """What each worker runs: the training loop on its share, from the last checkpoint."""
    run: PretrainRun = settings["run"]
    torch.set_num_threads(run.threads)
    context = ray.train.get_context()
    workers = Workers(context.get_world_rank(), context.get_world_size())
    state = _fetch_state(_local_states(run) / f"rank-{workers.rank}")
    device = str(get_device())
    trainer = Trainer(
        run.training,
        read_labelled(run.data, run.store, run.training.tasks, run.training.rule),
        state,
        device,
        workers=workers,
        patience=run.patience,
        half_precision=run.half_precision,
        observer=_Observer(run, workers, state),
    )
    pids = workers.summed(np.eye(workers.count)[workers.rank] * os.getpid(), device)
    if workers.is_first:
        JournalWriter(run.journal).on_start([int(pid) for pid in pids], trainer.resume(), run.training.epochs)
    trainer.run()


class _Observer:
    """Tells the journal, on the first worker, and Ray, on every one: the report is also a barrier."""

    def __init__(self, run: PretrainRun, workers: Workers, state: Path) -> None:
        self._journal = JournalWriter(run.journal) if workers.is_first else None
        self._state = state

    def on_step(self, report: StepReport) -> None:
        if self._journal:
            self._journal.on_step(report)

    def on_epoch(self, report: EpochReport) -> None:
        checkpoint = None
        if self._journal:
            # Before the checkpoint counts: a worker lost between the two runs the epoch again and writes it again.
            self._journal.on_epoch(report)
            checkpoint = Checkpoint.from_directory(self._state.parent)
        metrics = report.as_record() | {"structures_per_second": report.structures_per_second}
        ray.train.report(metrics, checkpoint=checkpoint, checkpoint_dir_name=None)


def _local_states(run: PretrainRun) -> Path:
    """Where workers write what they report, each over its last one: nothing of it lies in a temporary folder."""
    return run.work / "workers"


def _fetch_state(folder: Path) -> Path:
    """Where the loop looks for a checkpoint: an empty folder, or the last one that Ray knows."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    found = ray.train.get_checkpoint()
    if found is not None:
        with found.as_directory() as source:
            shutil.copyfile(Path(source) / _STATE, folder / _STATE)
    return folder / _STATE


def _outcome(run: PretrainRun, result: Result) -> PretrainOutcome:
    """Copies the best epoch's checkpoint to where publishing takes it from."""
    known = [(checkpoint, metrics) for checkpoint, metrics in result.best_checkpoints or [] if metrics]
    best, metrics = min(known, key=lambda pair: pair[1]["score"])
    with best.as_directory() as source:
        shutil.copyfile(Path(source) / _STATE, run.checkpoint)
    epochs = max(metrics["epoch"] for _, metrics in known)
    return PretrainOutcome(epochs, metrics["epoch"], metrics["score"], metrics["errors"], run.checkpoint)


def _first_line(error: TrainingFailedError) -> str:
    """The worker's own exception if there is one; Ray's text is a page of traceback."""
    failures = getattr(error, "worker_failures", {}) or {}
    cause = next(iter(failures.values()), error)
    lines = [line for line in str(cause).splitlines() if line.strip()] or [type(cause).__name__]
    return f"training failed: {lines[-1].strip()}"
