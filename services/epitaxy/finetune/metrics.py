"""The fine-tune service's Prometheus metrics."""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from epitaxy.chassis.errors import RetryLaterError
from epitaxy.chassis.metrics import BoundedLabel, RpcMetrics
from epitaxy.finetune.domain.job import ACTIVE_STATES, FineTuneJob, JobState, Verdict
from epitaxy.finetune.ports import EndedJobs, JobStore
from epitaxy_models.transfer.names import STRATEGIES

logger = logging.getLogger(__name__)

PREFIX = "epitaxy_finetune"
MAX_MODELS = 300
"""Largest number of series of the last day's jobs, the largest first."""
_DAY = timedelta(days=1)
MAX_REASONS = 64
JOB_SECONDS_BUCKETS = (5, 15, 30, 60, 120, 300, 600, 1800, 3600, 4 * 3600, 12 * 3600, 24 * 3600)

_COMMON_REASONS = ("INTERNAL", "OVER_BUDGET", "STORAGE_FULL", "STRATEGY_FAILED", "TOO_FEW_LABELS", "WORKER_LOST")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


class FineTuneMetrics:
    """Counts jobs; implements the JobObserver port."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.rpc = RpcMetrics(registry, PREFIX)
        self._reason = BoundedLabel(MAX_REASONS, accepts=lambda reason: _NAME.fullmatch(reason) is not None)
        self._strategy = BoundedLabel(MAX_REASONS, accepts=lambda name: _NAME.fullmatch(name) is not None)
        self._active = Gauge(
            f"{PREFIX}_active_jobs", "Jobs that have not ended, by state.", ["state"], registry=registry
        )
        self._champions = Gauge(
            f"{PREFIX}_champions",
            "Champions of all tenants, by the substrate that they stand on.",
            ["substrate"],
            registry=registry,
        )
        self._looked = Gauge(
            f"{PREFIX}_last_look_timestamp_seconds",
            "When the service last looked after the jobs that have not ended, seconds since 1970.",
            registry=registry,
        )
        self._audit = Gauge(
            f"{PREFIX}_audit_log_intact",
            "1 if every line of the audit log is as it was written, 0 if one was changed or removed.",
            registry=registry,
        )
        self._audit.set(1)
        self._seconds = Histogram(
            f"{PREFIX}_job_seconds",
            "Time from a job's creation to its end, by the state it ended in, seconds.",
            ["state"],
            buckets=JOB_SECONDS_BUCKETS,
            registry=registry,
        )
        self._verdicts = Counter(
            f"{PREFIX}_verdicts",
            "Jobs that made a model, by verdict and strategy.",
            ["verdict", "strategy"],
            registry=registry,
        )
        self._failures = Counter(f"{PREFIX}_failures", "Jobs that failed, by reason.", ["reason"], registry=registry)
        # A series that begins with its first failure hides that failure from every rate.
        for state in JobState:
            if state.is_terminal:
                self._seconds.labels(state.value)
        for verdict, strategy in product(Verdict, STRATEGIES):
            self._verdicts.labels(verdict.value, self._strategy(strategy))
        for reason in _COMMON_REASONS:
            self._failures.labels(self._reason(reason))
        self._lost = Counter(f"{PREFIX}_lost_workers", "Attempts whose worker was lost.", registry=registry)

    def active_jobs(self, by_state: Mapping[JobState, int]) -> None:
        """Sets the number of jobs of every state."""
        for state in ACTIVE_STATES:
            self._active.labels(state.value).set(by_state.get(state, 0))

    def count_champions(self, by_substrate: Mapping[str, int]) -> None:
        """Sets the number of champions on each substrate; one that has none left is no longer told."""
        self._champions.clear()
        for substrate, number in by_substrate.items():
            self._champions.labels(substrate).set(number)

    def jobs_looked_after(self) -> None:
        """Sets the time of the last look at the jobs to now."""
        self._looked.set_to_current_time()

    def audit_checked(self, *, is_intact: bool) -> None:
        """Sets whether the audit log is as it was written."""
        self._audit.set(float(is_intact))

    def job_ended(self, job: FineTuneJob) -> None:
        """Counts one job by how it ended."""
        if job.ended_at is not None:
            self._seconds.labels(job.state.value).observe((job.ended_at - job.created_at).total_seconds())
        self._lost.inc(max(0, job.attempt - 1))
        if job.result is not None:
            self._verdicts.labels(job.result.verdict.value, self._strategy(job.result.strategy)).inc()
        if job.failure is not None:
            self._failures.labels(self._reason(job.failure.reason)).inc()


class RecentJobs(Collector):
    """Jobs that ended within a day by tenant, model and state, read from the store at every scrape."""

    def __init__(self, registry: CollectorRegistry, store: JobStore) -> None:
        self._store = store
        self._last: Sequence[EndedJobs] = ()
        registry.register(self)

    def describe(self) -> Iterable[Metric]:
        """The family alone: registering reads no store."""
        return [_recent(())]

    def collect(self) -> Iterable[Metric]:
        """What the store says now; while it does not answer, what it said last."""
        try:
            self._last = self._store.ended_by_model(datetime.now(UTC) - _DAY, MAX_MODELS)
        except RetryLaterError as error:
            logger.warning("the jobs that ended cannot be read", extra={"reason": error.message})
        return [_recent(self._last)]


def _recent(ended: Sequence[EndedJobs]) -> Metric:
    family = GaugeMetricFamily(
        f"{PREFIX}_day_jobs", "Jobs that ended within a day.", labels=("tenant", "model", "state")
    )
    for jobs in ended:
        family.add_metric((jobs.tenant, f"{jobs.tenant}/{jobs.model_name}", jobs.state.value), jobs.count)
    return family
