"""The training loop: masked multi-task loss, averaged weights, a checkpoint every epoch."""

import copy
import logging
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

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
from epitaxy_models.training.progress import Progress

_LOG = logging.getLogger(__name__)


class Trainer:
    """Trains some members on one data set and resumes from its own checkpoints."""

    def __init__(self, config: TrainingConfig, data: LabelledGraphs, checkpoint: Path, device: str = "cpu") -> None:
        self.config, self.data, self.device = config, data, device
        self._checkpoint = checkpoint
        self._rows, self._validation_rows = data.rows_of("train"), data.rows_of("validation")
        if len(self._rows) < config.batch_size or not len(self._validation_rows):
            raise ConfigurationError(
                "DATA_TOO_SMALL",
                f"{len(self._rows)} training and {len(self._validation_rows)} validation rows: needed are one batch "
                f"of {config.batch_size} and one row",
            )
        self._kept = data.kept(config.members)
        self.network = new_network(config)
        fit_targets(self.network, data, config)
        self.network.to(device)
        self.average = copy.deepcopy(self.network).requires_grad_(requires_grad=False)
        self._optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=config.peak_rate,
            weight_decay=config.weight_decay,
            betas=(0.9, 0.98),
            fused=True,
        )
        self.epoch, self._step, self.seconds = 0, 0, 0.0
        self._task_weights = torch.tensor([task.weight for task in config.tasks], device=device)

    @property
    def n_steps(self) -> int:
        """Steps of the whole run."""
        return self.config.epochs * (len(self._rows) // self.config.batch_size)

    def run(self) -> None:
        """Trains to the last epoch, saving after each."""
        self._resume()
        while self.epoch < self.config.epochs:
            started = time.monotonic()
            loss = self._train_epoch()
            self.epoch += 1
            self.seconds += time.monotonic() - started
            self._save()
            _LOG.info("epoch %d  loss %.4f  %s", self.epoch, loss, self._validation_line())

    def _train_epoch(self) -> float:
        order = np.random.default_rng([17, self.epoch]).permutation(self._rows)
        size = self.config.batch_size
        batches = [np.sort(order[start : start + size]) for start in range(0, len(order) - size + 1, size)]
        progress, total = Progress(f"epoch {self.epoch + 1}", len(order), interval_seconds=30), 0.0
        for count, rows in enumerate(batches, start=1):
            total += self._train_step(rows)
            progress.tick(count * size, f"loss {total / count:.4f}")
        return total / len(batches)

    def _train_step(self, rows: NDArray[np.int64]) -> float:
        graph = to_tensors(select(self.data.graphs, rows), self.config.backbone, self.device)
        labels = torch.from_numpy(self.data.labels[rows]).to(self.device)
        kept = torch.from_numpy(self._kept[:, rows]).to(self.device)
        values, scales = self.network(graph)
        loss = self._loss(values, scales, labels, kept)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self._clip()
        for group in self._optimizer.param_groups:
            group["lr"] = self.config.rate_at(self._step, self.n_steps)
        self._optimizer.step()
        self._step += 1
        self._update_average()
        return float(loss.detach()) / len(self.config.members)

    def _loss(self, values: Tensor, scales: Tensor, labels: Tensor, kept: Tensor) -> Tensor:
        """Absolute error in units of the target's spread, plus the Laplace likelihood of the detached residual."""
        known = torch.isfinite(labels) & kept.unsqueeze(-1)
        spreads = self.network.heads.spreads
        errors = (values - labels.nan_to_num()).abs() / spreads
        noise = scales / spreads
        likelihood = errors.detach() / noise + noise.log()
        per_task = ((errors + 0.2 * likelihood) * known).sum(dim=1) / known.sum(dim=1).clamp(min=1)
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

    def _validation_line(self) -> str:
        values, _ = predict_rows(self.average, self.config, self.data, self._validation_rows, self.device)
        labels = self.data.labels[self._validation_rows]
        member_errors = np.nanmean(np.abs(values - labels), axis=1)
        mean_errors = np.nanmean(np.abs(values.mean(axis=0) - labels), axis=0)
        lines = []
        for i, task in enumerate(self.config.tasks[:4]):
            members = ", ".join(f"{error:.4f}" for error in member_errors[:, i])
            lines.append(f"{task.definition.name} {mean_errors[i]:.4f} (members {members})")
        return "  ".join(lines)

    def _save(self) -> None:
        state = {
            "members": self.config.members,
            "config": _plain(self.config),
            "epoch": self.epoch,
            "step": self._step,
            "seconds": self.seconds,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }
        self._checkpoint.parent.mkdir(parents=True, exist_ok=True)
        partial = self._checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self._checkpoint)

    def _resume(self) -> None:
        if not self._checkpoint.exists():
            return
        # Tensors and plain containers only: loading executes no code.
        state = torch.load(self._checkpoint, weights_only=True, map_location=self.device)
        self._check_same_run(state)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.epoch, self._step, self.seconds = state["epoch"], state["step"], state["seconds"]
        _LOG.info("resumed %s after epoch %d", self._checkpoint, self.epoch)

    def _check_same_run(self, state: dict[str, Any]) -> None:
        """Only the number of epochs may change: a run may be cut short or prolonged."""
        found, wanted = state["config"], _plain(self.config)
        changed = [name for name in wanted if name != "epochs" and found.get(name) != wanted[name]]
        if changed:
            raise CheckpointError(
                "OTHER_RUN", f"{self._checkpoint} is of another run: it differs in {', '.join(changed)}"
            )


def _plain(config: TrainingConfig) -> dict[str, Any]:
    """The settings that decide a trajectory; the tasks are named by their columns."""
    columns = [task.column for task in config.tasks]
    return {key: value for key, value in asdict(config).items() if key != "tasks"} | {"columns": columns}


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
