"""Reconciles the store with the cluster: lost jobs begin again, overdue jobs end."""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from epitaxy.chassis.errors import RetryLaterError
from epitaxy.chassis.storage import is_storage_full
from epitaxy.finetune.domain.job import Failure, FineTuneJob, JobEndedError, worker_lost
from epitaxy.finetune.ports import JobObserver, JobRunner, JobStore
from epitaxy_models.errors import EpitaxyError

logger = logging.getLogger(__name__)

# A worker lives on for a moment after the end of its job, and a new one is not listed at once.
_SETTLE = timedelta(seconds=2)


@dataclass(slots=True)
class Reconciler:
    """Looks at all jobs that have not ended. The only object of the service that holds mutable state."""

    store: JobStore
    runner: JobRunner
    observer: JobObserver
    max_attempts: int
    grace_seconds: float
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    is_held: Callable[[], bool] = field(default=lambda: False)
    """While this says so, jobs without a worker wait."""
    make_room: Callable[[str, str], None] = field(default=lambda tenant, job_id: None)
    """Frees room on a full disk, so that the end of this tenant's job can be recorded."""
    _starts: Counter[str] = field(default_factory=Counter, init=False)
    _told_until: datetime | None = field(default=None, init=False)

    def __call__(self) -> None:
        """Looks once. Raises UnavailableError if store or cluster do not answer."""
        now = self.now()
        jobs = self.store.active()
        self.observer.active_jobs(Counter(job.state for job in jobs))
        self._tell_ends(now)
        running = self.runner.running()
        for job in jobs:
            try:
                self._settle(job, job.id in running, now)
            except JobEndedError:
                continue  # it ended since the store was read
        self._starts = Counter({job.id: self._starts[job.id] for job in jobs})

    def _settle(self, job: FineTuneJob, is_running: bool, now: datetime) -> None:
        if job.is_overdue(now, self.grace_seconds):
            self._end(job, _overdue(job), now)
        elif not (is_running or self.is_held()) and now - job.created_at > _SETTLE:
            # The worker counts its attempts in the store; a worker that dies before that is counted here.
            if max(job.attempt, self._starts[job.id]) >= self.max_attempts:
                self._end(job, worker_lost(job), now)
            else:
                self._starts[job.id] += 1
                logger.warning("starting a job without a worker", extra={"job": job.id, "state": job.state})
                self.runner.start(job)

    def _end(self, job: FineTuneJob, failure: Failure, now: datetime) -> None:
        logger.warning("ending a job", extra={"job": job.id, "reason": failure.reason})
        try:
            self.store.change(job.id, lambda job: job.failed(failure, now))
        except RetryLaterError as error:
            if not is_storage_full(error):
                raise
            self.make_room(job.tenant, job.id)
            self.store.change(job.id, lambda job: job.failed(failure, now))
        self.runner.stop(job.id)

    def _tell_ends(self, now: datetime) -> None:
        if self._told_until is None:
            self._told_until = now
        for job in self.store.ended_since(self._told_until):
            self.observer.job_ended(job)
            self._told_until = job.ended_at or self._told_until

    def is_able(self) -> bool:
        """Whether store and cluster answer: the service is ready."""
        try:
            self.store.active()
            self.runner.running()
        except RetryLaterError:
            return False
        except EpitaxyError:
            logger.exception("the readiness check failed")
            return False
        return True


def _overdue(job: FineTuneJob) -> Failure:
    return Failure(
        "OVER_BUDGET",
        f"the job did not end within half again its budget of {job.spec.budget.max_seconds:g} s: give it more time, or "
        "fewer strategies; its labels are kept",
    )
