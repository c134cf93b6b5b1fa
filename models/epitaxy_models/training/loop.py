"""The training loop: masked multi-task loss, averaged weights, a checkpoint every epoch."""

import copy
import logging
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from epitaxy_models.backbones.tensors import to_tensors
from epitaxy_models.errors import CheckpointError, ConfigurationError
from epitaxy_models.graphs.batch import select
from epitaxy_models.training.config import TrainingConfig
from epitaxy_models.training.dataset import LabelledGraphs
from epitaxy_models.training.network import EnsembleNetwork, fit_targets, member_axis, new_network
from epitaxy_models.training.report import EpochReport, LogObserver, StepReport, epochs_without_gain
from epitaxy_models.training.warm_start import start_from
from epitaxy_models.training.workers import ALONE, Workers

_LOG = logging.getLogger(__name__)


class Observer(Protocol):
    """Who is told how the first worker gets on."""

    def on_step(self, report: StepReport) -> None:
        """Called after each step."""

    def on_epoch(self, report: EpochReport) -> None:
        """Called when the epoch's checkpoint is written."""


class Trainer:
    """Trains some members on one data set and resumes from its own checkpoints.

    Args:
        config: What decides the trajectory.
        data: All parts.
        checkpoint: File that the first worker writes after each epoch and every worker resumes from.
        device: Device of the network.
        workers: Place among the processes that train this network together; the trajectory does not depend on it.
        patience: Epochs without a better validation score after which the run ends; None: never.
        half_precision: Backbone in bfloat16 (accelerators; the fused kernel of the CPU is float32).
        observer: Told of steps and epochs; every worker calls its own.
    """

    def __init__(
        self,
        config: TrainingConfig,
        data: LabelledGraphs,
        checkpoint: Path,
        device: str = "cpu",
        *,
        workers: Workers = ALONE,
        patience: int | None = None,
        half_precision: bool = False,
        observer: Observer | None = None,
    ) -> None:
        self.config, self.data, self.device, self._workers = config, data, device, workers
        self._checkpoint, self._patience, self._observer = checkpoint, patience, observer or LogObserver()
        self._rows, self._validation_rows = data.rows_of("train"), data.rows_of("validation")
        check_enough(data, config)
        if config.batch_size < workers.count:
            raise ConfigurationError(
                f"{workers.count} workers cannot share a batch of {config.batch_size}", reason="BATCH_TOO_SMALL"
            )
        self._weights = data.weights(config.members, config.resampling, config.class_weights)
        self.network = new_network(config)
        if config.start_from:
            start_from(self.network, config)
        fit_targets(self.network, data, config)
        self.network.to(device)
        self.network.half_precision = half_precision
        self.average = copy.deepcopy(self.network).requires_grad_(requires_grad=False)
        self._optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=config.peak_rate,
            weight_decay=config.weight_decay,
            betas=(0.9, 0.98),
            fused=True,
        )
        self._replica = workers.replicated(self.network)
        self.epoch, self._step, self.seconds = 0, 0, 0.0
        self.history: list[dict[str, Any]] = []
        self._task_weights = torch.tensor([task.weight for task in config.tasks], device=device)

    @property
    def n_steps(self) -> int:
        """Steps of the whole run."""
        return self.config.epochs * (len(self._rows) // self.config.batch_size)

    @property
    def is_finished(self) -> bool:
        """True at the last epoch, or where the validation score has stopped falling."""
        stalled = epochs_without_gain([record["score"] for record in self.history])
        return self.epoch >= self.config.epochs or (self._patience is not None and stalled >= self._patience)

    def run(self) -> None:
        """Trains to the end, saving after each epoch."""
        self.resume()
        while not self.is_finished:
            report = self._run_epoch()
            self.history.append(report.as_record())
            if self._workers.is_first:
                self._save()
            self._observer.on_epoch(report)

    def _run_epoch(self) -> EpochReport:
        started = time.monotonic()
        loss, count = self._train_epoch()
        self.epoch += 1
        seconds = time.monotonic() - started
        self.seconds += seconds
        score, errors, member_errors = self._validate()
        return EpochReport(self.epoch, loss, score, errors, member_errors, seconds, count)

    def _train_epoch(self) -> tuple[float, int]:
        """Mean loss a member and the number of rows consumed; the rest of the order is less than a batch."""
        order = np.random.default_rng([17, self.epoch]).permutation(self._rows)
        size = self.config.batch_size
        batches = [np.sort(order[start : start + size]) for start in range(0, len(order) - size + 1, size)]
        started, total = time.monotonic(), 0.0
        for count, rows in enumerate(batches, start=1):
            total += self._train_step(rows)
            seconds, done, planned = time.monotonic() - started, count * size, len(batches) * size
            loss_so_far = total * self._workers.count / count
            self._observer.on_step(StepReport(self.epoch + 1, done, planned, loss_so_far, seconds))
        loss = float(self._workers.summed(np.array([total / len(batches)]), self.device)[0])
        return loss, len(batches) * size

    def _train_step(self, rows: NDArray[np.int64]) -> float:
        """This worker's part of the loss of one global batch, a member."""
        own = self._workers.share(rows)
        graph = to_tensors(select(self.data.graphs, own), self.config.backbone, self.device)
        labels = torch.from_numpy(self.data.labels[own]).to(self.device)
        weights = torch.from_numpy(self._weights[:, own]).to(self.device)
        values, scales = self._replica(graph)
        loss = self._loss(values, scales, labels, weights, self._label_counts(rows))
        self._optimizer.zero_grad(set_to_none=True)
        # Replicas average their gradients; the batch's is their sum.
        (loss * self._workers.count).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self._clip()
        for group in self._optimizer.param_groups:
            group["lr"] = self.config.rate_at(self._step, self.n_steps)
        self._optimizer.step()
        self._step += 1
        self._update_average()
        return float(loss.detach()) / len(self.config.members)

    def _label_counts(self, rows: NDArray[np.int64]) -> Tensor:
        """Labels of the global batch as often as each member counts them, at least 1, ``[n_members, n_tasks]``."""
        known = np.isfinite(self.data.labels[rows]) * self._weights[:, rows, None]
        return torch.from_numpy(known.sum(axis=1).clip(min=1).astype(np.float32)).to(self.device)

    def _loss(self, values: Tensor, scales: Tensor, labels: Tensor, weights: Tensor, counts: Tensor) -> Tensor:
        """Absolute error in units of the target's spread, plus the Laplace likelihood of the detached residual."""
        known = torch.isfinite(labels) * weights.unsqueeze(-1)
        spreads = self.network.heads.spreads
        errors = (values - labels.nan_to_num()).abs() / spreads
        noise = scales / spreads
        likelihood = errors.detach() / noise + noise.log()
        per_task = ((errors + 0.2 * likelihood) * known).sum(dim=1) / counts
        return (per_task * self._task_weights).sum()

    def _clip(self) -> None:
        """Clips each member's gradient by its own norm, so that members stay independent."""
        gradients = [(member_axis(name), p.grad) for name, p in self.network.named_parameters() if p.grad is not None]
        squares = [g.square().sum(dim=[a for a in range(g.dim()) if a != axis]) for axis, g in gradients]
        norms = torch.stack(squares).sum(dim=0).sqrt()
        factors = (self.config.clip_norm / norms.clamp(min=self.config.clip_norm)).nan_to_num(0.0)
        for axis, gradient in gradients:
            shape = [1] * gradient.dim()
            shape[axis] = -1
            gradient.mul_(factors.view(shape))

    def _update_average(self) -> None:
        decay = min(self.config.ema_decay, (1 + self._step) / (10 + self._step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.network.parameters()), 1 - decay)

    def _validate(self) -> tuple[float, dict[str, float], dict[str, list[float]]]:
        """Score and mean absolute errors over the validation part, which the workers share."""
        rows = self._workers.share(self._validation_rows)
        labels = self.data.labels[rows].astype(np.float64)
        shape = (len(self.config.members), 0, len(self.config.tasks))
        values = self._predicted(rows) if len(rows) else np.zeros(shape)
        members, mean = np.abs(values - labels), np.abs(values.mean(axis=0) - labels)
        sums = np.concatenate([np.nansum(members, axis=1), [np.nansum(mean, axis=0), np.isfinite(labels).sum(axis=0)]])
        *member_sums, mean_sums, counts = self._workers.summed(sums, self.device)
        # A task without a validation label has no error and no say.
        known = [(i, task) for i, task in enumerate(self.config.tasks) if counts[i]]
        errors = {task.definition.name: float(mean_sums[i] / counts[i]) for i, task in known}
        member_errors = {task.definition.name: [float(s[i] / counts[i]) for s in member_sums] for i, task in known}
        spreads = self.network.heads.spreads.tolist()
        weighted = sum(task.weight * errors[task.definition.name] / spreads[i] for i, task in known)
        return weighted / sum(task.weight for _, task in known), errors, member_errors

    def _predicted(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return predict_rows(self.average, self.config, self.data, rows, self.device)[0]

    def _save(self) -> None:
        state = {
            "members": self.config.members,
            "config": settings_of(self.config),
            "epoch": self.epoch,
            "step": self._step,
            "seconds": self.seconds,
            "history": self.history,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }
        self._checkpoint.parent.mkdir(parents=True, exist_ok=True)
        partial = self._checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self._checkpoint)

    def resume(self) -> int:
        """Takes up the checkpoint where there is one; the epochs that have been finished."""
        if not self._checkpoint.exists():
            return self.epoch
        # Tensors and plain containers only: loading executes no code.
        state = torch.load(self._checkpoint, weights_only=True, map_location=self.device)
        self._check_same_run(state)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.epoch, self._step, self.seconds = state["epoch"], state["step"], state["seconds"]
        self.history = list(state.get("history", []))
        _LOG.info("resumed %s after epoch %d", self._checkpoint, self.epoch)
        return self.epoch

    def _check_same_run(self, state: dict[str, Any]) -> None:
        """Only the number of epochs may change: a run may be cut short or prolonged."""
        changed = changed_settings(state["config"], settings_of(self.config))
        if changed:
            raise CheckpointError(
                f"{self._checkpoint} is of another run: it differs in {', '.join(changed)}", reason="OTHER_RUN"
            )


def check_enough(data: LabelledGraphs, config: TrainingConfig) -> None:
    """Raises ConfigurationError if there are too few rows, or if a label has nothing to teach."""
    train, validation = data.rows_of("train"), data.rows_of("validation")
    if len(train) < config.batch_size or not len(validation):
        raise ConfigurationError(
            f"{len(train)} training and {len(validation)} validation rows: needed are one batch "
            f"of {config.batch_size} and one row",
            reason="DATA_TOO_SMALL",
        )
    for task, column in zip(config.tasks, data.labels[train].T, strict=True):
        known = column[np.isfinite(column)]
        if not len(known) or np.ptp(known) == 0:
            raise ConfigurationError(
                f"{task.column} has {len(known)} training labels and no two differ: leave the column out",
                reason="LABEL_TEACHES_NOTHING",
            )


def settings_of(config: TrainingConfig) -> dict[str, Any]:
    """The settings that decide a trajectory; the tasks are named by their columns."""
    columns = [task.column for task in config.tasks]
    plain = {key: value for key, value in asdict(config).items() if key != "tasks"}
    return plain | {"columns": columns, "resampling": config.resampling.value}


def changed_settings(found: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Names of the settings in which a record differs from a run, but for the number of epochs."""
    # A record that is older than a setting had none of it.
    return [name for name in wanted if name != "epochs" and (found.get(name) or None) != (wanted[name] or None)]


def predict_rows(
    network: EnsembleNetwork,
    config: TrainingConfig,
    data: LabelledGraphs,
    rows: NDArray[np.int64],
    device: str = "cpu",
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Values and Laplace scales of the chosen rows, each ``[n_members, n_rows, n_tasks]``."""
    network.eval()
    parts = []
    with torch.no_grad():
        for start in range(0, len(rows), 256):
            batch = select(data.graphs, rows[start : start + 256])
            parts.append([out.cpu().numpy() for out in network(to_tensors(batch, config.backbone, device))])
    return tuple(np.concatenate(column, axis=1) for column in zip(*parts, strict=True))  # type: ignore[return-value]  # two columns
