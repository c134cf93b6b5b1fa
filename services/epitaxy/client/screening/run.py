"""A screening as an iterator: the driver of ``Exchange`` over a blocking gRPC stream."""

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

import grpc

from epitaxy.api.prediction.v1 import prediction_pb2
from epitaxy.client.connection import Connection, new_request_id
from epitaxy.client.errors import Fault, InvalidRequestError
from epitaxy.client.results import ScreenResult
from epitaxy.client.screening.exchange import Exchange, Reconnects
from epitaxy.client.screening.rows import to_frame
from epitaxy.client.screening.summary import RunSummary, RunTally

if TYPE_CHECKING:
    import pandas as pd

ProgressCallback = Callable[[RunSummary], None]
_FAREWELL_SECONDS = 5.0


class StreamLostError(Exception):
    """The stream broke; its unanswered messages can be sent on another."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.details)
        self.fault = fault


class ScreenRun(Iterator[ScreenResult]):
    """Results of a screening in the order in which they come; ``ScreenResult.index`` gives the input's order.

    Iterating drives the screening: nothing is read or sent before the first ``next``. Leaving early (``close``,
    or a ``with`` block) ends the stream.
    """

    def __init__(
        self,
        open_call: Callable[..., Any],
        connection: Connection,
        exchange: Exchange,
        tally: RunTally,
        on_progress: ProgressCallback | None = None,
    ) -> None:
        self._open_call = open_call
        self._connection = connection
        self._exchange = exchange
        self._tally = tally
        self._on_progress = on_progress
        self._results = self._drive()
        self._has_begun = False

    def __next__(self) -> ScreenResult:
        """The next result. Raises EpitaxyClientError where the run as a whole fails."""
        self._has_begun = True
        return next(self._results)

    def __enter__(self) -> "ScreenRun":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def summary(self) -> RunSummary:
        """Outcomes so far; complete once the iterator is exhausted."""
        return self._tally.summary

    def close(self) -> None:
        """Ends the stream; what is unanswered stays so."""
        self._results.close()

    def to_pandas(self) -> "pd.DataFrame":
        """Runs to the end and returns a table in input order, one row an input and property (``rows.COLUMNS``).

        Raises:
            InvalidRequestError: some results were iterated before, so the table would lack them.
        """
        if self._has_begun:
            raise InvalidRequestError("iterate a run or call to_pandas(), not both", reason="RUN_ALREADY_ITERATED")
        return to_frame(self)

    def _drive(self) -> Generator[ScreenResult]:
        reconnects = Reconnects()
        while not self._exchange.is_finished:
            try:
                yield from self._one_stream(reconnects)
            except StreamLostError as lost:
                self._exchange.lose_stream()
                wait = reconnects.seconds_to_wait(lost.fault)
                if wait is None:
                    raise lost.fault.to_error(self._connection.target) from None
                time.sleep(wait)
        self._tally.end()

    def _one_stream(self, reconnects: Reconnects) -> Iterator[ScreenResult]:
        """Pumps until everything is answered. Raises StreamLostError when the stream breaks."""
        stream = _Stream(self._open_call, self._connection)
        exchange = self._exchange
        try:
            while not exchange.is_finished:
                is_sending = exchange.can_send
                if is_sending and (request := exchange.next_request()) is not None:
                    stream.send(request)
                yield from self._count(exchange.take_ready())
                # Answers that are there are handed on before the next message is read and sent.
                response = stream.receive(0.0 if is_sending else exchange.patience(self._connection.patience_seconds))
                if response is not None and response.HasField("results"):
                    reconnects.note_answer()
                    yield from self._count(exchange.receive(response.results))
                elif response is None and not is_sending and exchange.is_waiting:
                    stream.check_silence()
            stream.finish()
        finally:
            stream.close()

    def _count(self, results: Iterable[ScreenResult]) -> Iterator[ScreenResult]:
        """Hands results on and counts them; progress is told once a block."""
        has_any = False
        for result in results:
            has_any = True
            self._tally.add(result)
            yield result
        if has_any and self._on_progress is not None:
            self._on_progress(self._tally.summary)


class _Stream:
    """One Screen call: sends from a queue, collects answers by a thread; opened at the first message."""

    def __init__(self, open_call: Callable[..., Any], connection: Connection) -> None:
        self._open_call = open_call
        self._connection = connection
        self.request_id = new_request_id()
        self._outbox: queue.SimpleQueue[prediction_pb2.ScreenRequest | None] = queue.SimpleQueue()
        self._inbox: queue.SimpleQueue[prediction_pb2.ScreenResponse | Exception | None] = queue.SimpleQueue()
        self._call: Any = None
        self._collector: threading.Thread | None = None
        self._stirred_at = time.monotonic()

    def check_silence(self) -> None:
        """Raises StreamLostError where nothing was sent or heard for too long."""
        limit = self._connection.patience_seconds
        if time.monotonic() - self._stirred_at >= limit:
            raise StreamLostError(Fault.lost(f"no answer for {limit:g} s", self.request_id))

    def send(self, request: prediction_pb2.ScreenRequest) -> None:
        """Queues a message; gRPC's flow control takes it when it can."""
        if self._call is None:
            self._open()
        self._stirred_at = time.monotonic()
        self._outbox.put(request)

    def receive(self, timeout: float) -> prediction_pb2.ScreenResponse | None:
        """An answer, None when none came in time. Raises StreamLostError, or the error of the whole run."""
        try:
            response = self._inbox.get(timeout=timeout) if timeout > 0 else self._inbox.get_nowait()
        except queue.Empty:
            return None
        self._stirred_at = time.monotonic()
        if response is None:
            raise StreamLostError(Fault.lost("the server ended the stream early", self.request_id))
        if isinstance(response, Exception):
            raise self._translated(response)
        return response

    def finish(self) -> None:
        """Says that nothing more comes and waits for the server's farewell; every answer is here already."""
        self._outbox.put(None)
        if self._collector is not None:
            self._collector.join(_FAREWELL_SECONDS)

    def close(self) -> None:
        """Ends the call and its threads; harmless after ``finish``."""
        self._outbox.put(None)
        if self._call is not None:
            self._call.cancel()
        if self._collector is not None:
            self._collector.join()

    def _open(self) -> None:
        metadata = self._connection.metadata(self.request_id)
        self._call = self._open_call(iter(self._outbox.get, None), metadata=metadata)
        self._collector = threading.Thread(target=self._collect, name="epitaxy-screen", daemon=True)
        self._collector.start()

    def _collect(self) -> None:
        try:
            for response in self._call:
                self._inbox.put(response)
            self._inbox.put(None)
        except Exception as error:  # the iterating thread raises it
            self._inbox.put(error)

    def _translated(self, error: Exception) -> Exception:
        if not isinstance(error, grpc.RpcError):
            return error
        fault = Fault.of(error, self.request_id)
        return StreamLostError(fault) if fault.is_passing else fault.to_error(self._connection.target)
