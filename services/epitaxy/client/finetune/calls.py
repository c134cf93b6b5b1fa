# Generated from async_calls.py by tools/generate_client.py: do not edit, run `make generate`.
"""The calls of the fine-tune service."""

import math
import time
from collections.abc import Generator
from typing import Any

import grpc

from epitaxy.api.finetune.v1 import finetune_pb2, finetune_pb2_grpc
from epitaxy.client.calls import Calls
from epitaxy.client.connection import Connection, new_request_id
from epitaxy.client.errors import Fault

# A watch is renewed now and then, so that a connection that died without a word is found out.
_WATCH_SECONDS = 300.0


class FineTuneCalls(Calls):
    """Sends unary calls, and reads the two streams over lost connections."""

    def __init__(self, channel: Any, connection: Connection) -> None:
        super().__init__(connection)
        self.stub = finetune_pb2_grpc.FineTuneServiceStub(channel)  # type: ignore[no-untyped-call]  # generated

    def report(self, job_id: str, kind: finetune_pb2.ReportFormat) -> bytes:
        """Returns a whole report. Raises EpitaxyClientError."""
        request = finetune_pb2.GetTransferReportRequest(job_id=job_id, format=kind)
        return self.download(self.stub.GetTransferReport, request, "report")

    def watch(
        self,
        job_id: str,
        after: int = 0,
        timeout: float = math.inf,
    ) -> Generator[finetune_pb2.WatchFineTuneJobResponse]:
        """Yields what happened after an event, then what happens, to the job's end or the timeout.

        A lost connection is opened again. Raises EpitaxyClientError.
        """
        patience, give_up_at = self.patience(self.connection.patience_seconds), time.monotonic() + timeout
        while (seconds := min(_WATCH_SECONDS, give_up_at - time.monotonic())) > 0:
            request_id, began = new_request_id(), time.monotonic()
            request = finetune_pb2.WatchFineTuneJobRequest(job_id=job_id, after_sequence=after)
            call = self.stub.WatchFineTuneJob(request, **self.options(request_id, seconds))
            try:
                for message in call:
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
            finally:
                call.cancel()
            self.wait(patience, fault)
