"""What the use cases need of the outside."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from epitaxy.finetune.domain.job import FineTuneJob, JobEvent, JobState, Progress, Verdict
from epitaxy.finetune.domain.label_table import LabelFile, LabelTable
from epitaxy.finetune.domain.promotion import AuditEntry
from epitaxy.finetune.domain.quotas import TenantUsage
from epitaxy.registry.ports import ModelRegistry

__all__ = [
    "Cursor",
    "EndedJobs",
    "FileKind",
    "HeldFiles",
    "JobFiles",
    "JobObserver",
    "JobRunner",
    "JobStore",
    "LabelSource",
    "Ledger",
    "ModelRegistry",
    "NumberedEntry",
    "RequestKey",
    "Transfer",
    "TransferResult",
]


@dataclass(frozen=True, slots=True)
class RequestKey:
    """What makes a repeated request known: the caller's id, and a digest of what was asked."""

    request_id: str
    digest: str


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last job of a page."""

    created_at: datetime
    job_id: str


@dataclass(frozen=True, slots=True)
class NumberedEntry:
    """A line of the audit log, with its place in it."""

    sequence: int
    entry: AuditEntry


@dataclass(frozen=True, slots=True)
class EndedJobs:
    """How many jobs of a model ended in a state."""

    tenant: str
    model_name: str
    state: JobState
    count: int


class JobStore(Protocol):
    """Jobs and their events; every method is one transaction and raises UnavailableError where there is no store."""

    def find_request(self, tenant: str, key: RequestKey) -> FineTuneJob | None:
        """The job that an equal request made. Raises FailedPreconditionError where the digest is another."""

    def create(self, job: FineTuneJob, key: RequestKey | None, check: Callable[[TenantUsage], None]) -> FineTuneJob:
        """Adds a job, or finds the one that an equal request made; ``check`` raises where the tenant holds enough."""

    def get(self, tenant: str, job_id: str) -> FineTuneJob:
        """One job of a tenant. Raises NotFoundError, for another tenant's as well."""

    def page(self, tenant: str, model_name: str, size: int, after: Cursor | None) -> Sequence[FineTuneJob]:
        """Up to ``size`` jobs of a tenant, the latest first; of all models where the name is empty."""

    def change(self, job_id: str, change: Callable[[FineTuneJob], FineTuneJob]) -> FineTuneJob:
        """Applies a change to a job that nobody else changes meanwhile, and tells watchers. Raises NotFoundError."""

    def events(self, job_id: str, after: int, limit: int) -> Sequence[JobEvent]:
        """Events of a job beyond a sequence number, in order."""

    def active(self) -> Sequence[FineTuneJob]:
        """Jobs of all tenants that have not ended."""

    def ended_since(self, at: datetime) -> Sequence[FineTuneJob]:
        """Jobs of all tenants that ended after a time, in that order."""

    def ended_by_model(self, since: datetime, limit: int) -> Sequence[EndedJobs]:
        """How many jobs ended after a time, by model and state; the most first."""

    def of_version(self, tenant: str, model_name: str, version: str) -> FineTuneJob | None:
        """The latest job that made a version of a model."""

    def forget_version(self, tenant: str, model_name: str, version: str) -> None:
        """Notes that a version is there no more: it no longer counts, and nothing promotes it. Its job stays."""

    def delete_tenant(self, tenant: str) -> int:
        """Removes jobs, events and request ids of a tenant; how many jobs there were."""


class Ledger(Protocol):
    """The audit log: entries are added and never changed."""

    def append(self, entry: AuditEntry) -> None:
        """Adds an entry."""

    def history(self, tenant: str, model_name: str) -> Sequence[AuditEntry]:
        """Promotions and rollbacks of one model since the tenant's data were last deleted, oldest first."""

    def entries(self, tenant: str) -> Sequence[AuditEntry]:
        """All entries of a tenant, oldest first."""

    def page(self, tenant: str, model_name: str, size: int, before: int | None) -> Sequence[NumberedEntry]:
        """Entries of a tenant before a sequence number, the latest first; of all models where the name is empty."""


class FileKind(StrEnum):
    """What files of a job are."""

    LABELS = "labels"
    REPORTS = "reports"
    DRAFT = "draft"
    """A model in the making, or what a lost worker left of one."""


@dataclass(frozen=True, slots=True)
class HeldFiles:
    """Files of one kind of one job."""

    kind: FileKind
    tenant: str
    job_id: str
    n_bytes: int
    modified_at: datetime


class JobFiles(Protocol):
    """Files of jobs, where every worker can reach them."""

    def save_labels(self, tenant: str, job_id: str, table: LabelTable) -> None:
        """Keeps the labels of a job."""

    def load_labels(self, tenant: str, job_id: str) -> LabelTable:
        """The labels of a job."""

    def model_folder(self, tenant: str, job_id: str) -> Path:
        """An empty folder for the model of a job."""

    def discard_model(self, tenant: str, job_id: str) -> None:
        """Removes that folder, once the registry has the model."""

    def save_report(self, tenant: str, job_id: str, kind: str, content: bytes) -> None:
        """Keeps a report; ``kind`` is ``json`` or ``html``."""

    def read_report(self, tenant: str, job_id: str, kind: str) -> bytes | None:
        """A report; None where there is none yet."""

    def delete_job(self, tenant: str, job_id: str) -> None:
        """Removes all files of a job."""

    def held(self) -> Sequence[HeldFiles]:
        """All that there is, of all tenants."""

    def discard(self, files: HeldFiles) -> None:
        """Removes files that `held` named."""

    def delete_tenant(self, tenant: str) -> None:
        """Removes all files of a tenant."""


class LabelSource(Protocol):
    """Tables that callers point to."""

    def read(self, tenant: str, file: LabelFile, columns: Sequence[str], max_rows: int) -> LabelTable:
        """The table. Raises InvalidRequestError, NotFoundError, PermissionDeniedError."""


class JobRunner(Protocol):
    """Runs jobs somewhere else, so that this process may go and come."""

    def start(self, job: FineTuneJob) -> None:
        """Hands a job to a worker, unless it has one. Raises UnavailableError."""

    def stop(self, job_id: str) -> None:
        """Takes a job from its worker, at once; without effect where it has none."""

    def running(self) -> frozenset[str]:
        """Ids of the jobs that have a worker, or wait for one to be free. Raises UnavailableError."""

    def close(self) -> None:
        """Lets go of the workers, which go on."""


@dataclass(frozen=True, slots=True)
class TransferResult:
    """What a transfer made.

    Attributes:
        folder: Files of the model.
        verdict: On transfer.
        strategy: The winner.
        cross_validated_mae: By strategy, in the property's unit.
        is_calibrated: Whether the intervals hold what they promise.
        report_json: The report as JSON.
        report_html: The report as one HTML file.
        sentence: The verdict for a chemist.
    """

    folder: Path
    verdict: Verdict
    strategy: str
    cross_validated_mae: Mapping[str, float]
    is_calibrated: bool
    report_json: bytes
    report_html: bytes
    sentence: str = ""


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

        Raises EpitaxyError for what the labels are to blame for. Returns early, or raises anything, once
        ``should_stop`` says so.
        """


class JobObserver(Protocol):
    """Who wants to know how jobs come and go."""

    def active_jobs(self, by_state: Mapping[JobState, int]) -> None:
        """Jobs that have not ended, by state."""

    def job_ended(self, job: FineTuneJob) -> None:
        """A job has ended."""
