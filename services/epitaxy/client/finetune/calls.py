"""The calls of the fine-tune service, over a blocking channel."""

import math
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import grpc

from epitaxy.api.finetune.v1 import finetune_pb2, finetune_pb2_grpc
from epitaxy.client.connection import Connection, new_request_id
from epitaxy.client.errors import Fault
from epitaxy.client.screening.exchange import Reconnects

Response = TypeVar("Response")

# A watch is renewed now and then, so that a connection that died without a word is found out.
WATCH_SECONDS = 300.0
# A server that is overloaded names a moment; a quota of running jobs names a guess, and the caller may rather cancel.
_LONGEST_HINT_SECONDS = 10.0


class FineTuneCalls:
    """Sends requests; what is safe to repeat is sent again where the connection or the server was lost."""

    def __init__(self, channel: Any, connection: Connection) -> None:
        self._connection = connection
        self.stub = finetune_pb2_grpc.FineTuneServiceStub(channel)  # type: ignore[no-untyped-call]  # generated

    def once(self, method: Callable[..., Response], request: object) -> Response:
        """One answer to one call. Raises EpitaxyClientError."""
        request_id = new_request_id()
        try:
            return method(request, **self._options(request_id))
        except grpc.RpcError as error:
            raise Fault.of(error, request_id).to_error(self._connection.target) from None

    def repeat(self, method: Callable[..., Response], request: object) -> Response:
        """One answer; the call is repeated while its fault may pass. Raises EpitaxyClientError."""
        patience = _Patience(self._connection)
        while True:
            request_id = new_request_id()
            try:
                return method(request, **self._options(request_id))
            except grpc.RpcError as error:
                patience.bear(Fault.of(error, request_id))

    def report(self, job_id: str, kind: finetune_pb2.ReportFormat) -> bytes:
        """A whole report. Raises EpitaxyClientError."""
        request = finetune_pb2.GetTransferReportRequest(job_id=job_id, format=kind)
        patience = _Patience(self._connection)
        while True:
            request_id = new_request_id()
            try:
                chunks = list(self.stub.GetTransferReport(request, **self._options(request_id)))
            except grpc.RpcError as error:
                patience.bear(Fault.of(error, request_id))
                continue
            content = b"".join(message.chunk for message in chunks)
            if chunks and len(content) == chunks[-1].total_bytes:
                return content
            patience.bear(Fault.lost("the report came short", request_id))

    def watch(
        self, job_id: str, after: int = 0, timeout: float = math.inf
    ) -> Iterator[finetune_pb2.WatchFineTuneJobResponse]:
        """What happened after an event, then what happens, to the job's end or the timeout, over lost connections.

        Raises EpitaxyClientError.
        """
        patience, give_up_at = _Patience(self._connection), time.monotonic() + timeout
        while (seconds := min(WATCH_SECONDS, give_up_at - time.monotonic())) > 0:
            request_id, began = new_request_id(), time.monotonic()
            request = finetune_pb2.WatchFineTuneJobRequest(job_id=job_id, after_sequence=after)
            try:
                for message in self.stub.WatchFineTuneJob(request, **self._options(request_id, seconds)):
                    patience.note_answer()
                    after = max(after, message.event.sequence)
                    yield message
                    if message.HasField("job"):
                        return
                fault = Fault.lost("the server ended the watch early", request_id)
            except grpc.RpcError as error:
                fault = Fault.of(error, request_id)
                if fault.code is grpc.StatusCode.DEADLINE_EXCEEDED and time.monotonic() - began >= min(seconds, 1.0):
                    continue  # the watch's own time is up, or the gateway's
            patience.bear(fault)

    def _options(self, request_id: str, timeout: float | None = None) -> dict[str, Any]:
        seconds = timeout or self._connection.timeout_seconds
        return {"timeout": seconds, "metadata": self._connection.metadata(request_id)}


class _Patience:
    """Waits before another try, or gives up with the error."""

    def __init__(self, connection: Connection) -> None:
        self._target = connection.target
        self._reconnects = Reconnects()

    def note_answer(self) -> None:
        """Progress: patience starts anew."""
        self._reconnects.note_answer()

    def bear(self, fault: Fault) -> None:
        """Returns when the call is worth another try. Raises EpitaxyClientError where it is not."""
        wait = self._reconnects.seconds_to_wait(fault)
        if wait is None or (fault.retry_after_seconds or 0.0) > _LONGEST_HINT_SECONDS:
            raise fault.to_error(self._target) from None
        time.sleep(wait)
