"""What is known of a fine-tune job: frozen values, free of protobuf."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from epitaxy.api.finetune.v1 import finetune_pb2

ENDED_STATES = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far the work of the present state is.

    Attributes:
        fraction: 0 to 1.
        message: One line for a person; may be empty.
        metrics: Figures by name with unit.
        seconds_left: Until the end of the job; None where nothing is known yet.
    """

    fraction: float
    message: str
    metrics: Mapping[str, float]
    seconds_left: float | None

    @classmethod
    def from_proto(cls, progress: finetune_pb2.JobProgress) -> "JobProgress":
        """The progress as the server told it."""
        left = progress.time_left.ToTimedelta().total_seconds() if progress.HasField("time_left") else None
        return cls(progress.fraction, progress.message, dict(progress.metrics), left)


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One step of a job; ``sequence`` counts from 1, ``state`` is as in ``JobStatus``."""

    sequence: int
    time: datetime | None
    state: str
    progress: JobProgress

    @classmethod
    def from_proto(cls, event: finetune_pb2.JobEvent) -> "JobEvent":
        """The event as the server told it."""
        progress = JobProgress.from_proto(event.progress)
        return cls(event.sequence, _time(event, "time"), state_name(event.state), progress)


@dataclass(frozen=True, slots=True)
class JobFailure:
    """Why a job failed: a stable upper-case reason, and a message that says what to do."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class FineTuneResult:
    """What a job made, and how good it is.

    Attributes:
        model: Name of the model.
        model_digest: ``"sha256:..."`` of the weights and the card.
        verdict: ``"HELPS"``, ``"NEUTRAL"`` or ``"HURTS"``: what transfer does to the error.
        strategy: The winner, which the model was refitted with.
        cross_validated_mae: Mean absolute error of each strategy, in the property's unit.
        is_calibrated: Whether the intervals hold what they promise.
        served_as: ``"TENANT/NAME"``: under which predictions ask for it, once it is promoted.
    """

    model: str
    model_version: str
    model_digest: str
    verdict: str
    strategy: str
    cross_validated_mae: Mapping[str, float]
    is_calibrated: bool
    served_as: str


@dataclass(frozen=True, slots=True)
class JobStatus:
    """A job at one moment.

    Attributes:
        model: Name of the model that it adds a version to.
        state: ``"PENDING"``, ``"AUDITING"``, ``"TRAINING"``, ``"EVALUATING"``, ``"SUCCEEDED"``, ``"FAILED"`` or
            ``"CANCELLED"``.
        n_rows: Of the label table.
        n_labels: Rows that have a value of the target.
        attempts: Times that the work was begun: more than one where workers were lost.
        failure: Of a job that FAILED.
        result: Of a job that SUCCEEDED.
    """

    id: str
    model: str
    property_name: str
    unit: str
    column: str
    state: str
    progress: JobProgress
    created_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    n_rows: int
    n_labels: int
    attempts: int
    failure: JobFailure | None
    result: FineTuneResult | None

    @property
    def has_ended(self) -> bool:
        """Whether nothing follows."""
        return self.state in ENDED_STATES

    @classmethod
    def from_proto(cls, job: finetune_pb2.FineTuneJob) -> "JobStatus":
        """The job as the server gave it."""
        return cls(
            id=job.id,
            model=job.spec.model_name,
            property_name=job.spec.property_name,
            unit=job.spec.unit,
            column=job.spec.target.name,
            state=state_name(job.state),
            progress=JobProgress.from_proto(job.progress),
            created_at=_time(job, "create_time"),
            started_at=_time(job, "start_time"),
            ended_at=_time(job, "end_time"),
            n_rows=job.n_rows,
            n_labels=job.n_labels,
            attempts=job.attempts,
            failure=JobFailure(job.failure.reason, job.failure.message) if job.HasField("failure") else None,
            result=_result(job.result) if job.HasField("result") else None,
        )


@dataclass(frozen=True, slots=True)
class ModelChange:
    """Which version of a model serves now, which one did until now (empty: none), and under which name."""

    model: str
    version: str
    previous_version: str
    served_as: str


@dataclass(frozen=True, slots=True)
class DeletedData:
    """How much of a tenant's was removed."""

    n_jobs: int
    n_models: int


def state_name(value: int) -> str:
    """``"TRAINING"`` for ``JOB_STATE_TRAINING``; the number itself for one that this client does not know."""
    names = finetune_pb2.JobState.DESCRIPTOR.values_by_number
    return names[value].name.removeprefix("JOB_STATE_") if value in names else str(value)


def _result(result: finetune_pb2.FineTuneResult) -> FineTuneResult:
    verdicts = finetune_pb2.TransferVerdict.DESCRIPTOR.values_by_number
    known = result.verdict in verdicts
    verdict = verdicts[result.verdict].name.removeprefix("TRANSFER_VERDICT_") if known else str(result.verdict)
    return FineTuneResult(
        model=result.model_name,
        model_version=result.model_version,
        model_digest=result.model_digest,
        verdict=verdict,
        strategy=result.strategy,
        cross_validated_mae=dict(sorted(result.cross_validated_mae.items(), key=lambda entry: entry[1])),
        is_calibrated=result.is_calibrated,
        served_as=result.served_as,
    )


def _time(message: Any, field: str) -> datetime | None:
    """A point in time, UTC; None where it is unset."""
    stamp: Timestamp = getattr(message, field)
    return stamp.ToDatetime(UTC) if message.HasField(field) else None
