"""What the use case needs from outside."""

from collections.abc import Mapping
from typing import Any, Protocol

from epitaxy.pretraining.domain import PretrainOutcome, PretrainRun
from epitaxy_models.training.report import EpochReport


class DistributedTrainer(Protocol):
    """Runs the training loop on workers, restarts lost ones, and keeps one checkpoint per epoch."""

    def train(self, run: PretrainRun) -> PretrainOutcome:
        """Trains, or resumes where an earlier call ended. Blocks until the end."""


class Tracking(Protocol):
    """Records parameters and metrics of a run for people to compare."""

    def begin(self, run: PretrainRun, facts: Mapping[str, Any]) -> None:
        """Starts a record, or takes up the one of an interrupted run."""

    def record(self, run: PretrainRun, report: EpochReport) -> None:
        """Adds an epoch; one that is already there is left alone."""

    def end(self, outcome: PretrainOutcome | None) -> None:
        """Closes the record; None if the run failed."""


class Display(Protocol):
    """Shows a person how the run gets on."""

    def say(self, text: str) -> None:
        """One line."""

    def featurized(self, done: int, total: int) -> None:
        """Rows that have become graphs."""

    def show(self, event: Mapping[str, Any]) -> None:
        """One line of the journal."""
