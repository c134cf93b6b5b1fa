"""What the use cases need from outside."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from epitaxy.chassis.errors import FailedPreconditionError
from epitaxy.finetune.domain.job import FineTuneJob, JobEvent, JobState, Progress, Succession, Suspicion, Verdict
from epitaxy.finetune.domain.label_table import LabelFile, LabelTable
from epitaxy.finetune.domain.promotion import AuditAction, AuditEntry, Ruling
from epitaxy.finetune.domain.quotas import TenantUsage
from epitaxy.finetune.domain.spec import LabelCondition
from epitaxy.registry.ports import ModelRegistry
from epitaxy_models.transfer.classes.quality import ClassQuality

__all__ = [
    "Cursor",
    "Decision",
    "EndedJobs",
    "FileKind",
    "HeldFiles",
    "JobFiles",
    "JobObserver",
    "JobRunner",
    "JobStore",
    "LabelSource",
    "LabelsStoppedError",
    "Ledger",
    "ModelRegistry",
    "NumberedEntry",
    "RequestKey",
    "Transfer",
    "TransferResult",
]


@dataclass(frozen=True, slots=True)
class RequestKey:
    """What identifies a repeated request: the caller's id, and a digest of the request's content."""

    request_id: str
    digest: str


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last job of a page."""

    created_at: datetime
    job_id: str


@dataclass(frozen=True, slots=True)
class NumberedEntry:
    """A line of the audit log with its sequence number."""

    sequence: int
    entry: AuditEntry


@dataclass(frozen=True, slots=True)
class ChainedEntry(NumberedEntry):
    """The same with the digest over it and all lines before it."""

    chain: str


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From ``since`` on, and before ``until``; None: without an end on that side."""

    since: datetime | None = None
    until: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Whether a time is in the range."""
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)


ALWAYS = TimeRange()


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision about a model, as the ledger holds it.

    Attributes:
        answer: What the caller is told, by field.
        sequence: Its line of the audit log; None: it changed nothing.
        is_settled: Whether the model registry has followed.
    """

    answer: Mapping[str, str]
    sequence: int | None
    is_settled: bool


@dataclass(frozen=True, slots=True)
class EndedJobs:
    """Number of a model's jobs that ended in a state."""

    tenant: str
    model_name: str
    state: JobState
    count: int


class JobStore(Protocol):
    """Jobs and their events. Every method is one transaction and raises UnavailableError without a store."""

    def find_request(self, tenant: str, key: RequestKey) -> FineTuneJob | None:
        """The job of an equal request. Raises FailedPreconditionError if its content was different."""

    def create(self, job: FineTuneJob, key: RequestKey | None, check: Callable[[TenantUsage], None]) -> FineTuneJob:
        """Adds a job, or finds the one of an equal request. ``check`` raises if the tenant's quota is used up."""

    def get(self, tenant: str, job_id: str) -> FineTuneJob:
        """One job of a tenant. Raises NotFoundError, also for another tenant's job."""

    def page(self, tenant: str, model_name: str, size: int, after: Cursor | None) -> Sequence[FineTuneJob]:
        """Up to ``size`` jobs of a tenant, the latest first; of all models if the name is empty."""

    def usage(self, tenant: str) -> TenantUsage:
        """What a tenant holds now."""

    def change(self, job_id: str, change: Callable[[FineTuneJob], FineTuneJob]) -> FineTuneJob:
        """Applies a change to a job while nobody else changes it, and adds an event. Raises NotFoundError."""

    def events(self, job_id: str, after: int, limit: int) -> Sequence[JobEvent]:
        """Events of a job beyond a sequence number, in order."""

    def active(self) -> Sequence[FineTuneJob]:
        """Jobs of all tenants that have not ended."""

    def ended_since(self, at: datetime) -> Sequence[FineTuneJob]:
        """Jobs of all tenants that ended after a time, in that order."""

    def ended_by_model(self, since: datetime, limit: int) -> Sequence[EndedJobs]:
        """Number of jobs that ended after a time, by model and state, the largest first."""

    def of_version(self, tenant: str, model_name: str, version: str) -> FineTuneJob | None:
        """The latest job that made a version of a model."""

    def forget_version(self, tenant: str, model_name: str, version: str) -> None:
        """Notes that a version was removed: it no longer counts and cannot be promoted. Its job stays."""

    def delete_tenant(self, tenant: str) -> int:
        """Removes jobs, events and request ids of a tenant; returns the number of jobs."""


class Ledger(Protocol):
    """The audit log, whose entries never change, and the decisions in it that request ids identify.

    Every method is one transaction and raises UnavailableError without a store.
    """

    def append(self, entry: AuditEntry) -> None:
        """Adds an entry. A deletion of the tenant's data also forgets their request ids."""

    def find_decision(self, tenant: str, key: RequestKey) -> Decision | None:
        """The decision of an equal request. Raises FailedPreconditionError if its content was different."""

    def decide(
        self, tenant: str, model_name: str, key: RequestKey | None, rule: Callable[[Sequence[AuditEntry]], Ruling]
    ) -> Decision:
        """Finds the decision of an equal request, or records what ``rule`` makes of the model's history.

        No other decision is recorded between the history and the ruling. If ``rule`` raises, nothing is recorded.
        """

    def settle(self, tenant: str, key: RequestKey) -> None:
        """Notes that the model registry has followed a decision."""

    def latest(self, tenant: str, model_name: str, action: AuditAction) -> int | None:
        """Sequence number of the latest entry of a kind; None: there is none."""

    def history(self, tenant: str, model_name: str) -> Sequence[AuditEntry]:
        """Entries of one model since the tenant's data were last deleted, oldest first."""

    def entries(self, tenant: str) -> Sequence[AuditEntry]:
        """All entries of a tenant, oldest first."""

    def page(
        self, tenant: str, model_name: str, size: int, before: int | None, within: TimeRange = ALWAYS
    ) -> Sequence[NumberedEntry]:
        """Entries of a tenant before a sequence number, the latest first; of all models if the name is empty."""

    def records(self, tenant: str, size: int, after: int, within: TimeRange = ALWAYS) -> Sequence[ChainedEntry]:
        """Entries beyond a sequence number, the oldest first; of all tenants if the name is empty."""


class FileKind(StrEnum):
    """Kind of a job's files."""

    LABELS = "labels"
    REPORTS = "reports"
    DRAFT = "draft"
    """A model that is being made, or what a lost worker left of one."""


@dataclass(frozen=True, slots=True)
class HeldFiles:
    """Files of one kind of one job."""

    kind: FileKind
    tenant: str
    job_id: str
    n_bytes: int
    modified_at: datetime


class JobFiles(Protocol):
    """Files of jobs, in a place that every worker can reach."""

    def save_labels(self, tenant: str, job_id: str, table: LabelTable) -> None:
        """Keeps the labels of a job."""

    def load_labels(self, tenant: str, job_id: str) -> LabelTable:
        """The labels of a job."""

    def model_folder(self, tenant: str, job_id: str) -> Path:
        """An empty folder for the model of a job."""

    def discard_model(self, tenant: str, job_id: str) -> None:
        """Removes that folder, once the registry has the model."""

    def make_room(self, tenant: str, job_id: str) -> None:
        """Frees what can be freed on a full disk, so that the end of this job can be recorded."""

    def keep_reserve(self) -> None:
        """Sets aside, once there is room for it, what `make_room` frees."""

    def save_report(self, tenant: str, job_id: str, kind: str, content: bytes) -> None:
        """Keeps a report; ``kind`` is ``json`` or ``html``."""

    def read_report(self, tenant: str, job_id: str, kind: str) -> bytes | None:
        """A report; None if there is none yet."""

    def delete_job(self, tenant: str, job_id: str) -> None:
        """Removes all files of a job."""

    def held(self) -> Sequence[HeldFiles]:
        """The files of all jobs of all tenants."""

    def discard(self, files: HeldFiles) -> None:
        """Removes files that `held` named."""

    def delete_tenant(self, tenant: str) -> None:
        """Removes all files of a tenant."""


class LabelSource(Protocol):
    """Tables that callers point to."""

    def read(
        self,
        tenant: str,
        file: LabelFile,
        columns: Sequence[str],
        max_rows: int,
        conditions: Sequence[LabelCondition] = (),
    ) -> LabelTable:
        """The table. Raises InvalidRequestError, NotFoundError, PermissionDeniedError."""


class JobRunner(Protocol):
    """Runs jobs in other processes, so that this one may restart."""

    def start(self, job: FineTuneJob) -> None:
        """Gives a job to a worker, unless it has one. Raises UnavailableError."""

    def stop(self, job_id: str) -> None:
        """Stops a job's worker at once; without effect if it has none."""

    def running(self) -> frozenset[str]:
        """Ids of the jobs that have a worker or wait for a free one. Raises UnavailableError."""

    def close(self) -> None:
        """Disconnects from the workers, which continue."""


@dataclass(frozen=True, slots=True)
class TransferResult:
    """Result of a transfer.

    Attributes:
        folder: Folder of the model's files.
        verdict: Verdict on transfer.
        strategy: The winning strategy.
        cross_validated_mae: Mean absolute error by strategy, in the property's unit; of classes Brier scores.
        is_calibrated: Whether the intervals are calibrated.
        report_json: The report as JSON.
        report_html: The report as one HTML file.
        sentence: The verdict for a chemist.
        is_constant: Whether the model knows no more than a constant.
        suspicious: Labels to look at, the gravest first.
        succession: The refit against the version that it may replace; None unless the job is a refit.
        classification: What the probabilities are worth; None unless the labels are classes.
    """

    folder: Path
    verdict: Verdict
    strategy: str
    cross_validated_mae: Mapping[str, float]
    is_calibrated: bool
    report_json: bytes
    report_html: bytes
    sentence: str = ""
    is_constant: bool = False
    suspicious: tuple[Suspicion, ...] = ()
    succession: Succession | None = None
    classification: ClassQuality | None = None


class LabelsStoppedError(FailedPreconditionError):
    """The work ends because of gross errors among the labels; ``suspicious`` holds all findings."""

    default_reason = "SUSPICIOUS_LABELS"

    def __init__(self, message: str, *, reason: str = "", suspicious: tuple[Suspicion, ...] = ()) -> None:
        super().__init__(message, reason=reason)
        self.suspicious = suspicious


class Transfer(Protocol):
    """The work itself."""

    def __call__(
        self,
        job: FineTuneJob,
        labels: LabelTable,
        folder: Path,
        on_event: Callable[[JobState, Progress], None],
        should_stop: Callable[[], bool],
    ) -> TransferResult:
        """Audits, trains, judges; writes the model into the folder.

        Raises EpitaxyError for a fault of the labels, LabelsStoppedError for gross errors that nobody accepted. Returns
        early, or raises anything, once ``should_stop`` returns True.
        """


class JobObserver(Protocol):
    """Observes how jobs come and go."""

    def active_jobs(self, by_state: Mapping[JobState, int]) -> None:
        """Jobs that have not ended, by state."""

    def job_ended(self, job: FineTuneJob) -> None:
        """A job has ended."""
