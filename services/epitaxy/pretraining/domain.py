"""A pretraining run and what is counted about it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from epitaxy_models.training.config import TrainingConfig
from epitaxy_models.training.dataset import LabelledGraphs
from epitaxy_models.training.split import PARTS


@dataclass(frozen=True, slots=True)
class PretrainRun:
    """What a worker needs to know.

    Attributes:
        name: Name of the run.
        data: Parquet with structures and labels.
        work: Folder that every worker can read and write.
        training: What decides the trajectory.
        workers: Processes that share each global batch.
        use_gpu: One GPU per worker and nccl; otherwise gloo.
        cpus_per_worker: Cores that Ray reserves for each worker.
        threads: torch threads of a worker.
        placement_strategy: Strategy of Ray's placement group.
        half_precision: Backbone in bfloat16.
        patience: Epochs without a better score before the run ends; None: never.
        max_restarts: Restarts of the workers after losses; -1: without limit.
    """

    name: str
    data: Path
    work: Path
    training: TrainingConfig
    workers: int = 1
    use_gpu: bool = False
    cpus_per_worker: float = 1.0
    threads: int = 1
    placement_strategy: str = "PACK"
    half_precision: bool = False
    patience: int | None = None
    max_restarts: int = 3

    @property
    def store(self) -> Path:
        """Folder of the featurized graphs."""
        return self.work / "graphs"

    @property
    def journal(self) -> Path:
        """File to which the first worker writes its progress."""
        return self.work / "journal.jsonl"

    @property
    def checkpoint(self) -> Path:
        """The best epoch's checkpoint, as ``epitaxy_models.training.publish`` takes it."""
        return self.work / f"members-{'-'.join(map(str, self.training.members))}.pt"


@dataclass(frozen=True, slots=True)
class DataCounts:
    """How the rows of the file are used: the counts add up to the file's rows.

    Attributes:
        rows: Rows of the file.
        unlabelled: Rows without any label: featurized, never trained on.
        parts: Labelled rows of each part.
        labels: Known labels of each column.
        left_over: Training rows that an epoch leaves out because they fill no batch; others each time.
    """

    rows: int
    unlabelled: int
    parts: dict[str, int]
    labels: dict[str, int]
    left_over: int

    def __post_init__(self) -> None:
        if self.unlabelled + sum(self.parts.values()) != self.rows:
            raise ValueError(f"rows do not add up: {self}")

    @classmethod
    def of(cls, data: LabelledGraphs, training: TrainingConfig) -> "DataCounts":
        """Counts a data set."""
        parts = {part: len(data.rows_of(part)) for part in reversed(PARTS)}
        known = np.isfinite(data.labels)
        return cls(
            rows=len(data.labels),
            unlabelled=int((~known.any(axis=1)).sum()),
            parts=parts,
            labels={task.column: int(count) for task, count in zip(training.tasks, known.sum(axis=0), strict=True)},
            left_over=parts["train"] % training.batch_size,
        )

    def lines(self) -> list[str]:
        """For the log."""
        parts = " + ".join(f"{count:,} {part}" for part, count in self.parts.items())
        lines = [f"{self.rows:,} rows = {parts} + {self.unlabelled:,} without a label"]
        lines += [f"{column}: {n:,} labels, {self.rows - n:,} missing" for column, n in self.labels.items()]
        return [*lines, f"each epoch leaves {self.left_over} training rows, others each time, to no full batch"]


@dataclass(frozen=True, slots=True)
class PretrainOutcome:
    """How a run ended.

    Attributes:
        epochs: Finished.
        best_epoch: Whose checkpoint was kept.
        score: Of the best epoch.
        errors: Mean absolute errors on the validation part, by task, in the task's unit.
        checkpoint: Of the best epoch.
    """

    epochs: int
    best_epoch: int
    score: float
    errors: dict[str, float]
    checkpoint: Path
