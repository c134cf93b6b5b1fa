"""The use cases of fine-tune jobs, each for one tenant."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from secrets import token_hex

from epitaxy.chassis.errors import InvalidRequestError, NotFoundError, UnavailableError
from epitaxy.finetune.domain.job import FineTuneJob, JobEvent, JobState
from epitaxy.finetune.domain.label_table import LabelFile, LabelTable, StoredLabels, check_labels
from epitaxy.finetune.domain.quotas import TenantQuota, check_rows, check_usage
from epitaxy.finetune.domain.spec import FineTuneSpec
from epitaxy.finetune.ports import Cursor, JobFiles, JobRunner, JobStore, LabelSource, RequestKey
from epitaxy_models.data.unit_names import is_unit

_EVENTS_A_READ = 200
_STOP_PATIENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class JobLimits:
    """Limits that the use cases enforce.

    Attributes:
        quota_of: Returns the quota of a tenant.
        max_job_seconds: Longest budget of a job, seconds.
        base_models: Names of the substrates other than the shipped one.
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
        self, tenant: str, spec: FineTuneSpec, source: LabelTable | LabelFile | StoredLabels, key: RequestKey | None
    ) -> FineTuneJob:
        """Stores the labels and starts a job; an equal request gets the job of the first one.

        Raises InvalidRequestError for labels that are wrong at first sight, QuotaExceededError, and what the source
        raises.
        """
        known = self.store.find_request(tenant, key) if key else None
        if known is not None:
            return known
        self._check_spec(spec)
        table = self._read_table(tenant, spec, source)
        spec = spec.resolved(is_boolean=table.is_boolean)
        check_labels(table, spec)
        job = _new_job(tenant, spec, table)
        quota = self.limits.quota_of(tenant)
        try:
            self.files.save_labels(tenant, job.id, table)
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
        """Ends a job in any state. Raises NotFoundError."""
        self.store.get(tenant, job_id)
        cancelled = self.store.change(job_id, lambda job: job.cancelled(_now()))
        if cancelled.state is JobState.CANCELLED:
            self._stop(job_id)
        return cancelled

    def events(self, tenant: str, job_id: str, after: int) -> tuple[Sequence[JobEvent], FineTuneJob]:
        """Events of a job after a sequence number, and the job as it was just before. Raises NotFoundError."""
        job = self.store.get(tenant, job_id)
        return self.store.events(job_id, after, _EVENTS_A_READ), job

    def report(self, tenant: str, job_id: str, kind: str) -> bytes:
        """A job's report, ``json`` or ``html``. Raises NotFoundError."""
        job = self.store.get(tenant, job_id)
        content = self.files.read_report(tenant, job_id, kind)
        if content is None:
            raise NotFoundError(f"the job is {job.state} and has no report", reason="NO_REPORT")
        return content

    def delete_all(self, tenant: str) -> int:
        """Ends and removes all jobs of a tenant with their files; returns their number."""
        own = [job.id for job in self.store.active() if job.tenant == tenant]
        for job_id in own:
            self.cancel(tenant, job_id)
        self._await_end(own)
        count = self.store.delete_tenant(tenant)
        self.files.delete_tenant(tenant)
        return count

    def _check_spec(self, spec: FineTuneSpec) -> None:
        # Here and not in the spec: jobs of earlier versions open with whatever unit they have.
        if spec.unit and not is_unit(spec.unit):
            examples = "eV/atom, GPa, 1/cm, W/(m K), log10(S/cm), or 1 for none"
            raise InvalidRequestError.of_field("spec.unit", f"{spec.unit!r} is not a known unit; examples: {examples}")
        for condition in spec.conditions:
            if condition.number_unit and not is_unit(condition.unit):
                what = f"{condition.unit!r} of {condition.name!r} is not a known unit; examples: K, degC, GPa, h, 1/cm"
                raise InvalidRequestError.of_field("spec.conditions", what)
        if spec.budget.max_seconds > self.limits.max_job_seconds:
            most = f"is longer than {self.limits.max_job_seconds:g} s"
            raise InvalidRequestError.of_field("spec.budget.max_duration", most)
        if spec.budget.use_gpu and not self.limits.offers_gpus:
            raise InvalidRequestError.of_field("spec.budget.use_gpu", "this server has no GPUs: leave it unset")
        if spec.base_model and spec.base_model not in self.limits.base_models:
            known = ", ".join(sorted(self.limits.base_models)) or "only the shipped one, which an empty name selects"
            raise InvalidRequestError.of_field(
                "spec.base_model", f"{spec.base_model[:80]!r} is not known here; known: {known}"
            )

    def _read_table(self, tenant: str, spec: FineTuneSpec, source: LabelTable | LabelFile | StoredLabels) -> LabelTable:
        quota = self.limits.quota_of(tenant)
        if isinstance(source, StoredLabels):
            table = self.files.load_labels(tenant, source.job_id)
        elif isinstance(source, LabelFile):
            table = self.labels.read(tenant, source, spec.columns, quota.max_labels, spec.conditions)
        else:
            table = source
        check_rows(quota, tenant, table.n_rows)
        return table

    def _start(self, job: FineTuneJob) -> None:
        try:
            self.runner.start(job)
        except UnavailableError:
            return  # the job waits in the store until the reconciler starts it

    def _stop(self, job_id: str) -> None:
        try:
            self.runner.stop(job_id)
        except UnavailableError:
            return  # the worker notices by itself

    def _await_end(self, job_ids: Collection[str]) -> None:
        """Waits until no worker is left that could write files. Raises UnavailableError."""
        give_up_at = time.monotonic() + _STOP_PATIENCE_SECONDS
        while job_ids and self.runner.running() & frozenset(job_ids):
            if time.monotonic() > give_up_at:
                raise UnavailableError("a job is still being stopped: send it again")
            time.sleep(0.1)


def _new_job(tenant: str, spec: FineTuneSpec, table: LabelTable) -> FineTuneJob:
    n_labels = table.n_labels(spec.target.name)
    # 128 random bits: nobody guesses the id of another tenant's job.
    return FineTuneJob(f"ft-{token_hex(16)}", tenant, spec, _now(), table.n_rows, n_labels)


def _now() -> datetime:
    return datetime.now(UTC)
