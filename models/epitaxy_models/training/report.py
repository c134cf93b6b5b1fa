"""What is known after an epoch, and who is told while one runs."""

import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

_LOG = logging.getLogger(__name__)
_SECONDS_A_LINE = 30.0


@dataclass(frozen=True, slots=True)
class EpochReport:
    """One epoch of training and its validation.

    Attributes:
        epoch: Epochs finished, from 1.
        loss: Mean training loss a member.
        score: Weighted mean over the tasks of error over the target's spread: what early stopping watches.
        errors: Mean absolute error of the ensemble mean on the validation part, by task name, in the task's unit.
        member_errors: The same of each member.
        seconds: Wall time of the epoch's training.
        n_structures: Training rows that all workers consumed.
    """

    epoch: int
    loss: float
    score: float
    errors: dict[str, float]
    member_errors: dict[str, list[float]]
    seconds: float
    n_structures: int

    @property
    def structures_per_second(self) -> float:
        """Training throughput of all workers together."""
        return self.n_structures / max(self.seconds, 1e-9)

    def as_record(self) -> dict[str, Any]:
        """Plain containers, for checkpoints and JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class StepReport:
    """Where a running epoch stands.

    Attributes:
        epoch: The epoch that runs, from 1.
        done: Training rows consumed in it.
        total: Training rows that it will consume.
        loss: Mean loss a member so far, of this worker's share.
        seconds: Wall time so far.
    """

    epoch: int
    done: int
    total: int
    loss: float
    seconds: float

    @property
    def structures_per_second(self) -> float:
        """Training throughput of all workers together."""
        return self.done / max(self.seconds, 1e-9)

    @property
    def seconds_left(self) -> float:
        """Until the end of the epoch, at the pace so far."""
        return (self.total - self.done) / max(self.structures_per_second, 1e-9)


class LogObserver:
    """Writes what happens to the log, a line an epoch and one now and then within it."""

    def __init__(self) -> None:
        self._told = time.monotonic()

    def on_step(self, report: StepReport) -> None:
        """Called after each step."""
        now = time.monotonic()
        if now - self._told < _SECONDS_A_LINE:
            return
        self._told = now
        rate, left = report.structures_per_second, report.seconds_left
        progress = f"epoch {report.epoch} {report.done}/{report.total}  {rate:.0f}/s  ETA {left:.0f} s"
        _LOG.info("%s  loss %.4f", progress, report.loss)

    def on_epoch(self, report: EpochReport) -> None:
        """Called when the epoch's checkpoint is written."""
        parts = []
        for name, error in report.errors.items():
            members = ", ".join(f"{value:.4f}" for value in report.member_errors[name])
            parts.append(f"{name} {error:.4f} (members {members})")
        _LOG.info("epoch %d  loss %.4f  %s", report.epoch, report.loss, "  ".join(parts))


def epochs_without_gain(scores: Sequence[float]) -> int:
    """How many epochs have passed since the best score."""
    return len(scores) - 1 - scores.index(min(scores)) if scores else 0
