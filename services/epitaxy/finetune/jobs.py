"""The use cases of fine-tuning, each for one tenant."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from secrets import token_hex

from epitaxy.chassis.errors import InvalidRequestError, NotFoundError, UnavailableError
from epitaxy.finetune.domain.job import FineTuneJob, JobEvent, JobState
from epitaxy.finetune.domain.label_table import LabelFile, LabelTable, check_labels
from epitaxy.finetune.domain.quotas import TenantQuota, check_rows, check_usage
from epitaxy.finetune.domain.spec import FineTuneSpec
from epitaxy.finetune.ports import Cursor, JobFiles, JobRunner, JobStore, LabelSource, RequestKey

_EVENTS_A_READ = 200
_STOP_PATIENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class JobLimits:
    """What the use cases keep to.

    Attributes:
        quota_of: Quota by tenant.
        max_job_seconds: Longest budget.
        base_models: Names of substrates beside the shipped one.
        offers_gpus: Whether a job may ask for a GPU.
    """

    quota_of: Callable[[str], TenantQuota]
    max_job_seconds: float
    base_models: Collection[str] = field(default_factory=tuple)
    offers_gpus: bool = False


@dataclass(frozen=True, slots=True)
class Jobs:
    """Jobs of tenants. Every method blocks on its store and is safe for threads."""

    store: JobStore
    files: JobFiles
    labels: LabelSource
    runner: JobRunner
    limits: JobLimits

    def create(
        self, tenant: str, spec: FineTuneSpec, source: LabelTable | LabelFile, key: RequestKey | None
    ) -> FineTuneJob:
        """Takes the labels over and starts a job; an equal request gets the job that the first one made.

        Raises InvalidRequestError for what can be seen of the labels, QuotaExceededError, and what the source raises.
        """
        known = self.store.find_request(tenant, key) if key else None
        if known is not None:
            return known
        self._check_spec(spec)
        table = self._table(tenant, spec, source)
        job = _new_job(tenant, spec, table)
        self.files.save_labels(tenant, job.id, table)
        quota = self.limits.quota_of(tenant)
        try:
            created = self.store.create(job, key, lambda usage: check_usage(quota, tenant, usage))
        except Exception:
            self.files.delete_job(tenant, job.id)
            raise
        if created.id != job.id:  # an equal request was faster
            self.files.delete_job(tenant, job.id)
            return created
        self._start(created)
        return created

    def get(self, tenant: str, job_id: str) -> FineTuneJob:
        """One job. Raises NotFoundError."""
        return self.store.get(tenant, job_id)

    def page(self, tenant: str, model_name: str, size: int, after: Cursor | None) -> Sequence[FineTuneJob]:
        """Jobs, the latest first."""
        return self.store.page(tenant, model_name, size, after)

    def cancel(self, tenant: str, job_id: str) -> FineTuneJob:
        """Ends a job, whatever it is at. Raises NotFoundError."""
        self.store.get(tenant, job_id)
        cancelled = self.store.change(job_id, lambda job: job.cancelled(_now()))
        if cancelled.state is JobState.CANCELLED:
            self._stop(job_id)
        return cancelled

    def events(self, tenant: str, job_id: str, after: int) -> tuple[Sequence[JobEvent], FineTuneJob]:
        """What happened to a job after an event, and the job as it was before they were read. Raises NotFoundError."""
        job = self.store.get(tenant, job_id)
        return self.store.events(job_id, after, _EVENTS_A_READ), job

    def report(self, tenant: str, job_id: str, kind: str) -> bytes:
        """A job's report, ``json`` or ``html``. Raises NotFoundError."""
        job = self.store.get(tenant, job_id)
        content = self.files.read_report(tenant, job_id, kind)
        if content is None:
            raise NotFoundError(f"the job is {job.state} and has no report", reason="NO_REPORT")
        return content

    def delete_jobs(self, tenant: str) -> int:
        """Ends and removes all jobs of a tenant with their files; how many there were."""
        own = [job.id for job in self.store.active() if job.tenant == tenant]
        for job_id in own:
            self.cancel(tenant, job_id)
        self._await_end(own)
        count = self.store.delete_tenant(tenant)
        self.files.delete_tenant(tenant)
        return count

    def _check_spec(self, spec: FineTuneSpec) -> None:
        if spec.budget.max_seconds > self.limits.max_job_seconds:
            most = f"is longer than {self.limits.max_job_seconds:g} s"
            raise InvalidRequestError.of_field("spec.budget.max_wall_time", most)
        if spec.budget.use_gpu and not self.limits.offers_gpus:
            raise InvalidRequestError.of_field("spec.budget.use_gpu", "this server has no GPUs: leave it out")
        if spec.base_model and spec.base_model not in self.limits.base_models:
            known = ", ".join(sorted(self.limits.base_models)) or "none but the one that an empty name means"
            raise InvalidRequestError.of_field(
                "spec.base_model", f"{spec.base_model[:80]!r} is not here; known: {known}"
            )

    def _table(self, tenant: str, spec: FineTuneSpec, source: LabelTable | LabelFile) -> LabelTable:
        quota = self.limits.quota_of(tenant)
        if isinstance(source, LabelFile):
            table = self.labels.read(tenant, source, spec.columns, quota.max_labels)
        else:
            table = source
        check_rows(quota, tenant, table.n_rows)
        check_labels(table, spec)
        return table

    def _start(self, job: FineTuneJob) -> None:
        try:
            self.runner.start(job)
        except UnavailableError:
            return  # it waits in the store, and the reconciler starts it

    def _stop(self, job_id: str) -> None:
        try:
            self.runner.stop(job_id)
        except UnavailableError:
            return  # its worker finds out by itself

    def _await_end(self, job_ids: Collection[str]) -> None:
        """Until no worker is left that could write a file again. Raises UnavailableError."""
        give_up_at = time.monotonic() + _STOP_PATIENCE_SECONDS
        while job_ids and self.runner.running() & frozenset(job_ids):
            if time.monotonic() > give_up_at:
                raise UnavailableError("a job is still being stopped: send it again")
            time.sleep(0.1)


def _new_job(tenant: str, spec: FineTuneSpec, table: LabelTable) -> FineTuneJob:
    n_labels = table.n_labels(spec.target.name)
    # 128 random bits: nobody guesses another's.
    return FineTuneJob(f"ft-{token_hex(16)}", tenant, spec, _now(), table.n_rows, n_labels)


def _now() -> datetime:
    return datetime.now(UTC)
