"""A fine-tune job: its states, the legal ways between them, and what is known at the end."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from epitaxy.chassis.errors import FailedPreconditionError
from epitaxy.finetune.domain.spec import FineTuneSpec
from epitaxy_models.transfer.classes.quality import ClassQuality
from epitaxy_models.transfer.labels.suspicion import SuspicionKind


class JobState(StrEnum):
    """State of a job."""

    PENDING = "PENDING"
    AUDITING = "AUDITING"
    TRAINING = "TRAINING"
    EVALUATING = "EVALUATING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_terminal(self) -> bool:
        """Whether no other state follows."""
        return not TRANSITIONS[self]


_ENDS = frozenset({JobState.FAILED, JobState.CANCELLED})
# Back to PENDING: a worker was lost and the work begins again.
TRANSITIONS: Mapping[JobState, frozenset[JobState]] = {
    JobState.PENDING: _ENDS | {JobState.AUDITING},
    JobState.AUDITING: _ENDS | {JobState.PENDING, JobState.TRAINING, JobState.EVALUATING},
    JobState.TRAINING: _ENDS | {JobState.PENDING, JobState.EVALUATING},
    JobState.EVALUATING: _ENDS | {JobState.PENDING, JobState.SUCCEEDED},
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}
ACTIVE_STATES = tuple(state for state in JobState if TRANSITIONS[state])
STAGES = (JobState.AUDITING, JobState.TRAINING, JobState.EVALUATING)


class Verdict(StrEnum):
    """Effect of transfer on the error, compared with doing without it."""

    HELPS = "HELPS"
    NEUTRAL = "NEUTRAL"
    HURTS = "HURTS"


class JobEndedError(FailedPreconditionError):
    """The job has ended, or another worker has it by now: this one must not write any more."""

    default_reason = "JOB_ENDED"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job has come.

    Attributes:
        fraction: Part of the job that is done, 0 to 1.
        message: One line for a person.
        metrics: Metrics by name, with the unit in the name.
        seconds_left: Expected time until the end of the job, seconds; None: not known.
    """

    fraction: float = 0.0
    message: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A label to look at, or a finding about all labels (``row`` and ``value`` None).

    Attributes:
        row: Position in the label table, from 0.
        id: Id of the row.
        value: The label.
        kind: Stable code; ``WILD`` and ``WRONG_UNIT`` are gross.
        message: One line for a person.
    """

    row: int | None
    id: str
    value: float | None
    kind: str
    message: str


GROSS_KINDS = frozenset(kind.value for kind in SuspicionKind if kind.is_gross)
"""Kinds that stop a job unless they are accepted, and that ask for a reason before a model is promoted."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed: a stable reason, a message that says what to do, and the labels to look at."""

    reason: str
    message: str
    suspicious: tuple[Suspicion, ...] = ()


@dataclass(frozen=True, slots=True)
class Succession:
    """A refit against the version that it may replace, both out of fold on the same splits.

    Attributes:
        version: The version that it may replace.
        base_model: ``NAME:VERSION`` of the substrate under that version.
        strategy: What that version serves with.
        n_splits: Splits that both predicted; 0 if they were not compared.
        sentence: The verdict for a person, or why they were not compared.
        verdict: What the refit does to the error; None if they were not compared, as all below.
        mae: Mean absolute error of that version's process, in the property's unit.
        new_mae: The refit's.
        gain: The first less the second, paired row by row.
        gain_low: Lower end of its interval; None if it is unbounded.
        gain_high: Upper end.
    """

    version: str
    base_model: str
    strategy: str
    n_splits: int
    sentence: str
    verdict: Verdict | None = None
    mae: float | None = None
    new_mae: float | None = None
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """The model that a job made, and how good it is.

    Attributes:
        version: Version of the registered model.
        digest: ``sha256:<64 hex digits>`` of the model's files.
        verdict: Verdict on transfer.
        strategy: The winning strategy.
        cross_validated_mae: Mean absolute error by strategy, in the property's unit; empty for classes.
        is_calibrated: Whether the intervals are calibrated; of classes the probabilities.
        sentence: The verdict for a chemist.
        is_constant: Whether the model knows no more than a constant.
        suspicious: Labels to look at, the gravest first.
        succession: The refit against the version that it may replace; None unless the job is a refit.
        cross_validated_brier: Brier score by strategy; empty unless the labels are classes.
        classification: What the probabilities are worth; None unless the labels are classes.
    """

    version: str
    digest: str
    verdict: Verdict
    strategy: str
    cross_validated_mae: Mapping[str, float]
    is_calibrated: bool
    sentence: str = ""
    is_constant: bool = False
    suspicious: tuple[Suspicion, ...] = ()
    succession: Succession | None = None
    cross_validated_brier: Mapping[str, float] = field(default_factory=dict)
    classification: ClassQuality | None = None

    @property
    def gross(self) -> tuple[Suspicion, ...]:
        """Gross errors that were accepted."""
        return tuple(entry for entry in self.suspicious if entry.kind in GROSS_KINDS)


@dataclass(frozen=True, slots=True)
class FineTuneJob:
    """One job of one tenant.

    Attributes:
        id: Random, unguessable id.
        tenant: The tenant that owns the job.
        spec: What was asked for.
        created_at: When the job was created.
        n_rows: Number of rows of the label table.
        n_labels: Number of rows with a value of the target.
        state: State of the job.
        progress: How far the job has come.
        started_at: When the present attempt began; None before the first one.
        ended_at: When the job ended; None until then.
        attempt: How often the work was begun.
        failure: Set if FAILED.
        result: Set if SUCCEEDED.
    """

    id: str
    tenant: str
    spec: FineTuneSpec
    created_at: datetime
    n_rows: int
    n_labels: int
    state: JobState = JobState.PENDING
    progress: Progress = field(default_factory=Progress)
    started_at: datetime | None = None
    ended_at: datetime | None = None
    attempt: int = 0
    failure: Failure | None = None
    result: Result | None = None

    def begun(self, at: datetime, max_attempts: int) -> "FineTuneJob":
        """The job as a worker begins it from the start; one attempt too many fails it. Raises JobEndedError."""
        if self.attempt >= max_attempts:
            return self.failed(worker_lost(self), at)
        waiting = self if self.state is JobState.PENDING else self._moved(JobState.PENDING)
        message = "" if self.attempt == 0 else f"attempt {self.attempt + 1}, after a lost worker"
        return replace(
            waiting._moved(JobState.AUDITING),
            started_at=at,
            attempt=self.attempt + 1,
            progress=Progress(message=message),
        )

    def progressed(self, attempt: int, stage: JobState, progress: Progress) -> "FineTuneJob":
        """The job after a report of an attempt's worker; an earlier stage than the present one does not move it back.

        Raises JobEndedError if the job has ended or the attempt is no longer the current one.
        """
        self._check_attempt(attempt)
        is_ahead = STAGES.index(stage) > STAGES.index(self.state)
        moved = self._moved(stage) if is_ahead else self
        return replace(moved, progress=progress)

    def succeeded(self, attempt: int, result: Result, at: datetime) -> "FineTuneJob":
        """The job after an attempt's worker has registered a model."""
        self._check_attempt(attempt)
        done = Progress(1.0, result.sentence or "done", self.progress.metrics, 0.0)
        return replace(self._moved(JobState.SUCCEEDED), result=result, ended_at=at, progress=done)

    def failed(self, failure: Failure, at: datetime, attempt: int | None = None) -> "FineTuneJob":
        """The job after a failure; ``attempt`` is given if its worker reports it."""
        if attempt is not None:
            self._check_attempt(attempt)
        last = replace(self.progress, message=failure.message, seconds_left=None)
        return replace(self._moved(JobState.FAILED), failure=failure, ended_at=at, progress=last)

    def cancelled(self, at: datetime) -> "FineTuneJob":
        """The job after its cancellation; a job that has ended stays as it is."""
        if self.state.is_terminal:
            return self
        last = replace(self.progress, message="cancelled", seconds_left=None)
        return replace(self._moved(JobState.CANCELLED), ended_at=at, progress=last)

    def is_overdue(self, at: datetime, grace_seconds: float) -> bool:
        """Whether the work runs for longer than half again its budget, and the grace."""
        if self.started_at is None or self.state.is_terminal:
            return False
        return (at - self.started_at).total_seconds() > 1.5 * self.spec.budget.max_seconds + grace_seconds

    def _moved(self, state: JobState) -> "FineTuneJob":
        if state not in TRANSITIONS[self.state]:
            raise JobEndedError(f"the job is {self.state} and cannot become {state}")
        return replace(self, state=state)

    def _check_attempt(self, attempt: int) -> None:
        if self.state not in STAGES or self.attempt != attempt:
            raise JobEndedError(f"the job is {self.state} in attempt {self.attempt}, not running in {attempt}")


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One step that watchers see; ``sequence`` counts from 1 in each job."""

    sequence: int
    at: datetime
    state: JobState
    progress: Progress


def worker_lost(job: FineTuneJob) -> Failure:
    """The failure of a job whose workers were lost."""
    times = "once" if job.attempt == 1 else f"{job.attempt} times"
    return Failure(
        "WORKER_LOST",
        f"the worker of this job was lost {times}, last while {job.state}: its labels are kept; create the job again, "
        "with fewer strategies or smaller structures if the worker may have run out of memory",
    )
