"""One job on a worker: labels in, a registered candidate and its report out."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import monotonic
from typing import TypeVar

from epitaxy.chassis.errors import RetryLaterError
from epitaxy.chassis.model_names import ModelName
from epitaxy.chassis.storage import StorageFullError, is_storage_full
from epitaxy.finetune.domain.job import Failure, FineTuneJob, JobEndedError, JobState, Progress, Result
from epitaxy.finetune.ports import JobFiles, JobStore, LabelsStoppedError, ModelRegistry, Transfer, TransferResult
from epitaxy.finetune.work.run_record import record_of
from epitaxy.registry.ports import Alias
from epitaxy_models.errors import EpitaxyError
from epitaxy_models.transfer.report.origin import ReportOrigin

logger = logging.getLogger(__name__)

# Of the run's tags, those that a version in the registry has too.
_VERSION_TAGS = ("job", "verdict", "strategy", "substrate", "substrate_digest", "refit_of")
_SECONDS_A_LINE = 0.5
_SECONDS_A_LOOK = 2.0
_PAUSES_SECONDS = (1.0, 5.0, 20.0, 60.0, 120.0)

_STORAGE_FULL = Failure(
    StorageFullError.default_reason,
    "the server's disk is full, and the model cannot be stored: tell its operator, then create the job again; the "
    "labels are kept",
)

_ResultT = TypeVar("_ResultT")


@dataclass(frozen=True, slots=True)
class JobWorker:
    """Runs jobs and writes their progress and results into the store."""

    store: JobStore
    files: JobFiles
    registry: ModelRegistry
    transfer: Transfer
    max_attempts: int

    def __call__(self, job_id: str) -> None:
        """Begins the job from its start and brings it to an end."""
        try:
            job = _patiently(lambda: self.store.change(job_id, lambda job: job.begun(_now(), self.max_attempts)))
            if not job.state.is_terminal:
                self._run(job)
        except JobEndedError as error:
            logger.info("the job was taken away", extra={"job": job_id, "reason": error.message})

    def _run(self, job: FineTuneJob) -> None:
        try:
            result = self._make_model(job)
        except JobEndedError:
            raise
        except LabelsStoppedError as error:
            self._fail(job, Failure(error.reason, error.message, error.suspicious))
        except EpitaxyError as error:
            self._fail(job, _STORAGE_FULL if is_storage_full(error) else Failure(error.reason, error.message))
        except Exception as error:
            logger.exception("the job failed", extra={"job": job.id})
            self._fail(job, _STORAGE_FULL if is_storage_full(error) else _fault_of_ours(job))
        else:
            _patiently(lambda: self.store.change(job.id, lambda now: now.succeeded(job.attempt, result, _now())))

    def _make_model(self, job: FineTuneJob) -> Result:
        teller = _Teller(self.store, job)
        labels = self.files.load_labels(job.tenant, job.id)
        folder = self.files.model_folder(job.tenant, job.id)
        outcome = self.transfer(job, labels, folder, teller.tell, teller.should_stop)
        # Raises if the job was cancelled meanwhile, so that nothing of it is registered.
        teller.tell_now(JobState.EVALUATING, Progress(1.0, "storing the model"))
        return self._keep(job, outcome)

    def _keep(self, job: FineTuneJob, outcome: TransferResult) -> Result:
        model = ModelName(job.tenant, job.spec.model_name)
        reports = {"report.json": outcome.report_json, "report.html": outcome.report_html}
        record = record_of(job, outcome)
        tags = {name: record.tags[name] for name in _VERSION_TAGS if record.tags.get(name)}
        version = _patiently(lambda: self.registry.register(model, outcome.folder, tags, reports, record))
        _patiently(lambda: self.registry.set_alias(model, Alias.CANDIDATE, version.version))
        # After the version is known, which stands in the report; a worker that dies before begins the job again.
        origin = ReportOrigin(model.name, version.version, job.id, _now())
        self.files.save_report(job.tenant, job.id, "json", origin.stamp_json(outcome.report_json))
        self.files.save_report(job.tenant, job.id, "html", origin.stamp_page(outcome.report_html))
        self.files.discard_model(job.tenant, job.id)
        return Result(
            version.version,
            version.digest,
            outcome.verdict,
            outcome.strategy,
            {} if outcome.classification else dict(outcome.cross_validated_mae),
            outcome.is_calibrated,
            outcome.sentence,
            outcome.is_constant,
            outcome.suspicious,
            outcome.succession,
            dict(outcome.cross_validated_mae) if outcome.classification else {},
            outcome.classification,
        )

    def _fail(self, job: FineTuneJob, failure: Failure) -> None:
        def record() -> None:
            if failure is _STORAGE_FULL:  # at each try: others may have taken the room
                self.files.make_room(job.tenant, job.id)
            self.store.change(job.id, lambda now: now.failed(failure, _now(), job.attempt))

        _patiently(record)


class _Teller:
    """Writes progress into the store, at most twice a second, and notices when the job was taken away."""

    def __init__(self, store: JobStore, job: FineTuneJob) -> None:
        self._store, self._job = store, job
        self._began = self._looked = monotonic()
        self._told, self._stage, self._is_over = 0.0, JobState.PENDING, False

    def tell(self, stage: JobState, progress: Progress) -> None:
        """Stores progress; if the store does not answer, the progress is lost, not the job. Raises JobEndedError."""
        if stage is self._stage and monotonic() - self._told < _SECONDS_A_LINE:
            return
        try:
            self.tell_now(stage, progress)
        except RetryLaterError as error:
            logger.warning("progress was not stored", extra={"job": self._job.id, "reason": error.message})

    def tell_now(self, stage: JobState, progress: Progress) -> None:
        """Stores progress at once, and raises if the store does not answer."""
        timed = replace(progress, seconds_left=self._seconds_left(progress.fraction))
        self._store.change(self._job.id, lambda job: job.progressed(self._job.attempt, stage, timed))
        self._told, self._stage = monotonic(), stage

    def should_stop(self) -> bool:
        """Whether the job was cancelled or given to another worker; asks the store now and then."""
        now = monotonic()
        if not self._is_over and now - self._looked >= _SECONDS_A_LOOK:
            self._looked = now
            try:
                job = self._store.get(self._job.tenant, self._job.id)
                self._is_over = job.state.is_terminal or job.attempt != self._job.attempt
            except RetryLaterError:
                return False
            except EpitaxyError:  # deleted
                self._is_over = True
        return self._is_over

    def _seconds_left(self, done: float) -> float | None:
        elapsed = monotonic() - self._began
        if done < 0.02 or elapsed < 1.0:
            return None
        return min(elapsed * (1 - done) / done, max(0.0, self._job.spec.budget.max_seconds - elapsed))


def _fault_of_ours(job: FineTuneJob) -> Failure:
    return Failure("INTERNAL", f"a fault of ours: report it with job id {job.id}; the labels are kept")


def _patiently(call: Callable[[], _ResultT]) -> _ResultT:
    """Retries for some minutes if a store or registry does not answer: hours of work would be lost."""
    for pause in _PAUSES_SECONDS:
        try:
            return call()
        except RetryLaterError as error:
            logger.warning("trying again", extra={"reason": error.message, "pause_seconds": pause})
            time.sleep(pause)
    return call()


def _now() -> datetime:
    return datetime.now(UTC)
