# Generated from async_job.py by tools/generate_client.py: do not edit, run `make generate`.
"""One fine-tune job: a handle that can be waited for, read, promoted and cancelled."""

import json
import math
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

from epitaxy.api.finetune.v1 import finetune_pb2
from epitaxy.client.errors import FineTuneFailedError, UnavailableError
from epitaxy.client.finetune.calls import FineTuneCalls
from epitaxy.client.finetune.reading import read_event, read_status
from epitaxy.client.finetune.render import FineTuneResult, JobStatus, status_html
from epitaxy.client.finetune.results import JobEvent
from epitaxy.client.models.governance import ModelGovernance
from epitaxy.client.models.review import ModelChange
from epitaxy.client.transport import run_blocking

ReportKind = Literal["json", "html"]
_FORMATS = {"json": finetune_pb2.REPORT_FORMAT_JSON, "html": finetune_pb2.REPORT_FORMAT_HTML}


class FineTuneJob:
    """One job at the server. The job goes on whether or not anyone holds this object.

    Attributes:
        status: The job as last heard of.
    """

    def __init__(self, calls: FineTuneCalls, governance: ModelGovernance, status: JobStatus) -> None:
        self._calls = calls
        self._governance = governance
        self._sequence = 0
        self.status = status

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"{name}({self.id!r}, model={self.status.model!r}, state={self.status.state!r})"

    def _repr_html_(self) -> str:
        return status_html(self.status)

    @property
    def id(self) -> str:
        """Id of the job at the server."""
        return self.status.id

    @property
    def result(self) -> FineTuneResult:
        """What the job made. Raises FineTuneFailedError if it made nothing, or nothing yet."""
        if self.status.result is not None:
            return self.status.result
        failure = self.status.failure
        if failure is not None:
            raise FineTuneFailedError(failure.message, reason=failure.reason)
        hint = "wait() for its end" if not self.status.has_ended else "create it again"
        raise FineTuneFailedError(f"job {self.id} is {self.status.state}: {hint}", reason=f"JOB_{self.status.state}")

    def refresh(self) -> JobStatus:
        """Asks the server for the status of the job and returns it.

        Raises:
            NotFoundError: The job was deleted.
        """
        request = finetune_pb2.GetFineTuneJobRequest(job_id=self.id)
        self.status = read_status((self._calls.repeat(self._calls.stub.GetFineTuneJob, request)).job)
        return self.status

    def watch(self, timeout: float = math.inf) -> Generator[JobEvent]:
        """Yields what happened so far, then what happens, to the end of the job; a lost connection is opened again.

        Watching again goes on after the last event that was seen. ``status`` is final once the iterator is exhausted,
        unless that was because of the timeout.

        Args:
            timeout: Longest time to watch, in seconds.

        Raises:
            NotFoundError: The job was deleted.
            EpitaxyClientError: The connection was lost for good.
        """
        with closing(self._calls.watch(self.id, self._sequence, timeout)) as messages:
            for message in messages:
                if message.HasField("event"):
                    self._sequence = max(self._sequence, message.event.sequence)
                    yield read_event(message.event)
                if message.HasField("job"):
                    self.status = read_status(message.job)

    def wait(
        self,
        timeout: float = math.inf,
        on_event: Callable[[JobEvent], None] | None = None,
    ) -> FineTuneResult:
        """Waits for the end of the job and returns what it made.

        Args:
            timeout: Longest time to wait, in seconds.
            on_event: Called with every event.

        Raises:
            FineTuneFailedError: The job FAILED or was CANCELLED.
            UnavailableError: The job takes longer than ``timeout``; it goes on.
        """
        with closing(self.watch(timeout)) as events:
            for event in events:
                if on_event is not None:
                    on_event(event)
        if not self.status.has_ended:
            message = f"job {self.id} has not ended after {timeout:g} s; it goes on, wait() again"
            raise UnavailableError(message, reason="STILL_RUNNING")
        return self.result

    def report(self) -> dict[str, Any]:
        """Returns the transfer report as plain containers.

        Raises:
            NotFoundError: There is no report yet, or the job made none.
        """
        document: dict[str, Any] = json.loads(self.report_bytes("json"))
        return document

    def report_bytes(self, kind: ReportKind = "html") -> bytes:
        """Returns the transfer report as the content of a file.

        Args:
            kind: ``"html"`` for one self-contained page, or ``"json"``.

        Raises:
            NotFoundError: There is no report yet, or the job made none.
        """
        return self._calls.report(self.id, _FORMATS[kind])

    def save_report(self, path: str | Path) -> Path:
        """Writes the transfer report to a file and returns its path.

        Args:
            path: JSON is written if the name ends in ``.json``, else HTML.

        Raises:
            NotFoundError: There is no report yet, or the job made none.
            OSError: The file cannot be written.
        """
        path = Path(path)
        content = self.report_bytes("json" if path.suffix.lower() == ".json" else "html")
        run_blocking(path.write_bytes, content)
        return path

    def promote(self, override_reason: str = "", *, request_id: str = "") -> ModelChange:
        """Makes the job's version the champion, which is what answers under the model's name alone.

        Args:
            override_reason: Needed for a model that HURTS, is not calibrated, is a constant, errs more than the
                champion, or was fitted on suspicious labels; kept in the audit log.
            request_id: As in ``promote_model`` of the client.

        Raises:
            FineTuneFailedError: The job made no model.
            InvalidRequestError: The model needs a reason.
        """
        version = self.result.model_version
        return self._governance.promote(self.status.model, version, override_reason, request_id)

    def cancel(self) -> JobStatus:
        """Ends the job and returns its status; a job that has ended stays as it is.

        Raises:
            NotFoundError: The job was deleted.
        """
        request = finetune_pb2.CancelFineTuneJobRequest(job_id=self.id)
        self.status = read_status((self._calls.repeat(self._calls.stub.CancelFineTuneJob, request)).job)
        return self.status
