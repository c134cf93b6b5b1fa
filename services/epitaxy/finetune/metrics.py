"""The fine-tune service's Prometheus metrics."""

import re
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from epitaxy.chassis.metrics import BoundedLabel, RpcMetrics
from epitaxy.finetune.domain import ACTIVE_STATES, FineTuneJob, JobState

PREFIX = "epitaxy_finetune"
MAX_REASONS = 64
JOB_SECONDS_BUCKETS = (5, 15, 30, 60, 120, 300, 600, 1800, 3600, 4 * 3600, 12 * 3600, 24 * 3600)

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


class FineTuneMetrics:
    """Counts jobs; implements the ServiceObserver port."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.rpc = RpcMetrics(registry, PREFIX)
        self._reason = BoundedLabel(MAX_REASONS, accepts=lambda reason: _NAME.fullmatch(reason) is not None)
        self._strategy = BoundedLabel(MAX_REASONS, accepts=lambda name: _NAME.fullmatch(name) is not None)
        self._active = Gauge(
            f"{PREFIX}_active_jobs", "Jobs that have not ended, by state.", ["state"], registry=registry
        )
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
        self._lost = Counter(f"{PREFIX}_lost_workers", "Attempts that ended without a word.", registry=registry)

    def active_jobs(self, by_state: Mapping[JobState, int]) -> None:
        """Sets the number of jobs of every state."""
        for state in ACTIVE_STATES:
            self._active.labels(state.value).set(by_state.get(state, 0))

    def job_ended(self, job: FineTuneJob) -> None:
        """Counts one job by how it ended."""
        if job.ended_at is not None:
            self._seconds.labels(job.state.value).observe((job.ended_at - job.created_at).total_seconds())
        self._lost.inc(max(0, job.attempt - 1))
        if job.result is not None:
            self._verdicts.labels(job.result.verdict.value, self._strategy(job.result.strategy)).inc()
        if job.failure is not None:
            self._failures.labels(self._reason(job.failure.reason)).inc()
