"""Fine-tuning from the caller's side: a job that can be waited for, and the models that jobs make."""

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

from epitaxy.api.finetune.v1 import finetune_pb2
from epitaxy.client.connection import new_request_id
from epitaxy.client.errors import EpitaxyClientError, NotFoundError, UnavailableError
from epitaxy.client.finetune.calls import FineTuneCalls
from epitaxy.client.finetune.columns import FineTuneRequest
from epitaxy.client.finetune.labels import Labels
from epitaxy.client.finetune.results import DeletedData, FineTuneResult, JobEvent, JobStatus, ModelChange
from epitaxy.client.review import AuditEntry, ReviewPolicy

ReportKind = Literal["json", "html"]
_PAGE_SIZE = 100
_FORMATS = {"json": finetune_pb2.REPORT_FORMAT_JSON, "html": finetune_pb2.REPORT_FORMAT_HTML}


class FineTuneFailedError(EpitaxyClientError):
    """The job ended without a model: ``reason`` and ``message`` say why and what to do."""


class FineTuneJob:
    """One job at the server; it goes on whether or not anyone holds this object.

    Attributes:
        status: The job as last heard of.
    """

    def __init__(self, calls: FineTuneCalls, status: JobStatus) -> None:
        self._calls = calls
        self._sequence = 0
        self.status = status

    def __repr__(self) -> str:
        return f"FineTuneJob({self.id!r}, model={self.status.model!r}, state={self.status.state!r})"

    @property
    def id(self) -> str:
        """Names the job at the server."""
        return self.status.id

    @property
    def result(self) -> FineTuneResult:
        """What the job made. Raises FineTuneFailedError where it made nothing, or nothing yet."""
        if self.status.result is not None:
            return self.status.result
        failure = self.status.failure
        if failure is not None:
            raise FineTuneFailedError(failure.message, reason=failure.reason)
        hint = "wait() for its end" if not self.status.has_ended else "create it again"
        raise FineTuneFailedError(f"job {self.id} is {self.status.state}: {hint}", reason=f"JOB_{self.status.state}")

    def refresh(self) -> JobStatus:
        """Asks the server how the job is."""
        request = finetune_pb2.GetFineTuneJobRequest(job_id=self.id)
        self.status = JobStatus.from_proto(self._calls.repeat(self._calls.stub.GetFineTuneJob, request).job)
        return self.status

    def watch(self, timeout: float = math.inf) -> Iterator[JobEvent]:
        """What happened so far, then what happens, to the end of the job; a lost connection is opened again.

        Watching again goes on after the last event that was seen. ``status`` is final once the iterator is exhausted,
        unless that was after ``timeout`` seconds.
        """
        for message in self._calls.watch(self.id, self._sequence, timeout):
            if message.HasField("event"):
                self._sequence = max(self._sequence, message.event.sequence)
                yield JobEvent.from_proto(message.event)
            if message.HasField("job"):
                self.status = JobStatus.from_proto(message.job)

    def wait(self, timeout: float = math.inf, on_event: Callable[[JobEvent], None] | None = None) -> FineTuneResult:
        """Returns what the job made, once it has ended.

        Args:
            timeout: Seconds to wait at most.
            on_event: Called with every event.

        Raises:
            FineTuneFailedError: the job FAILED or was CANCELLED.
            UnavailableError: it takes longer than ``timeout``; the job goes on.
        """
        for event in self.watch(timeout):
            if on_event is not None:
                on_event(event)
        if not self.status.has_ended:
            message = f"job {self.id} has not ended after {timeout:g} s; it goes on, wait() again"
            raise UnavailableError(message, reason="STILL_RUNNING")
        return self.result

    def report(self) -> dict[str, Any]:
        """The transfer report as plain containers. Raises NotFoundError while there is none."""
        document: dict[str, Any] = json.loads(self.report_bytes("json"))
        return document

    def report_bytes(self, kind: ReportKind = "html") -> bytes:
        """The transfer report as a file: one HTML page that needs no other, or JSON. Raises NotFoundError."""
        return self._calls.report(self.id, _FORMATS[kind])

    def save_report(self, path: str | Path) -> Path:
        """Writes the report; JSON where the name ends in ``.json``, else HTML. Raises NotFoundError, OSError."""
        path = Path(path)
        path.write_bytes(self.report_bytes("json" if path.suffix.lower() == ".json" else "html"))
        return path

    def promote(self, override_reason: str = "") -> ModelChange:
        """Makes the job's version the champion, which is what the model's name alone serves.

        Args:
            override_reason: Needed where the verdict is HURTS or the model is not calibrated; kept on record.

        Raises:
            FineTuneFailedError: the job made no model.
            InvalidRequestError: the model needs a reason.
        """
        version = self.result.model_version
        return FineTuneModels(self._calls).promote(self.status.model, version, override_reason)

    def cancel(self) -> JobStatus:
        """Ends the job; one that has ended stays as it is."""
        request = finetune_pb2.CancelFineTuneJobRequest(job_id=self.id)
        self.status = JobStatus.from_proto(self._calls.repeat(self._calls.stub.CancelFineTuneJob, request).job)
        return self.status


class FineTuneJobs:
    """The tenant's jobs."""

    def __init__(self, calls: FineTuneCalls) -> None:
        self._calls = calls

    def create(
        self, asked: FineTuneRequest, labels: Labels | finetune_pb2.LabelFile, request_id: str = ""
    ) -> FineTuneJob:
        """Sends labels and starts a job; a repeated ``request_id`` gets the job that the first call made."""
        source = {"inline": labels.to_proto()} if isinstance(labels, Labels) else {"file": labels}
        request = finetune_pb2.CreateFineTuneJobRequest(
            request_id=request_id or new_request_id(), spec=asked.to_proto(), **source
        )
        response = self._calls.repeat(self._calls.stub.CreateFineTuneJob, request)
        return FineTuneJob(self._calls, JobStatus.from_proto(response.job))

    def get(self, job_or_model: str) -> FineTuneJob:
        """A job by its id, or the latest one of a model by its name. Raises NotFoundError."""
        request = finetune_pb2.GetFineTuneJobRequest(job_id=job_or_model)
        try:
            job = self._calls.repeat(self._calls.stub.GetFineTuneJob, request).job
        except NotFoundError:
            latest = next(self.recent(job_or_model, page_size=1), None)
            if latest is None:
                raise
            return FineTuneJob(self._calls, latest)
        return FineTuneJob(self._calls, JobStatus.from_proto(job))

    def recent(self, model: str = "", page_size: int = _PAGE_SIZE) -> Iterator[JobStatus]:
        """Jobs, the latest first; of one model where a name is given. Pages are fetched as they are needed."""
        token = ""
        while True:
            request = finetune_pb2.ListFineTuneJobsRequest(page_size=page_size, page_token=token, model_name=model)
            response = self._calls.repeat(self._calls.stub.ListFineTuneJobs, request)
            yield from map(JobStatus.from_proto, response.jobs)
            token = response.next_page_token
            if not token:
                return


class FineTuneModels:
    """The tenant's models."""

    def __init__(self, calls: FineTuneCalls) -> None:
        self._calls = calls

    def promote(self, name: str, version: str = "", override_reason: str = "") -> ModelChange:
        """Makes a version (empty: the candidate) the champion. Raises NotFoundError, InvalidRequestError."""
        request = finetune_pb2.PromoteModelRequest(model_name=name, version=version, override_reason=override_reason)
        done = self._calls.repeat(self._calls.stub.PromoteModel, request)
        return ModelChange(done.model_name, done.version, done.previous_version, done.served_as)

    def roll_back(self, name: str, reason: str = "") -> ModelChange:
        """Makes the champion before the present one the champion again. Raises NotFoundError, InvalidRequestError."""
        request = finetune_pb2.RollbackModelRequest(model_name=name, reason=reason)
        # Sent once: a repeated one would go back by two.
        done = self._calls.once(self._calls.stub.RollbackModel, request)
        return ModelChange(done.model_name, done.version, done.previous_version, done.served_as)

    def set_policy(self, name: str, policy: ReviewPolicy, reason: str = "") -> ReviewPolicy:
        """Makes a policy judge all answers of a model. Raises NotFoundError, InvalidRequestError."""
        request = finetune_pb2.SetReviewPolicyRequest(model_name=name, policy=policy.to_proto(), reason=reason)
        return ReviewPolicy.from_proto(self._calls.repeat(self._calls.stub.SetReviewPolicy, request).policy)

    def audit(self, name: str = "", page_size: int = _PAGE_SIZE) -> Iterator[AuditEntry]:
        """The tenant's audit log, the latest first; pages are fetched as they are needed."""
        token = ""
        while True:
            request = finetune_pb2.ListAuditEntriesRequest(model_name=name, page_size=page_size, page_token=token)
            response = self._calls.repeat(self._calls.stub.ListAuditEntries, request)
            yield from map(AuditEntry.from_proto, response.entries)
            token = response.next_page_token
            if not token:
                return

    def delete_everything(self, *, confirm: bool) -> DeletedData:
        """Removes all jobs, labels, reports and models of the tenant; nothing brings them back."""
        request = finetune_pb2.DeleteTenantDataRequest(confirm=confirm)
        done = self._calls.repeat(self._calls.stub.DeleteTenantData, request)
        return DeletedData(done.n_jobs, done.n_models)
