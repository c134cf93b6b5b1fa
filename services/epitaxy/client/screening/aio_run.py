"""A screening as an asynchronous iterator: the driver of ``Exchange`` over a grpc.aio stream."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any

import grpc

from epitaxy.api.prediction.v1 import prediction_pb2
from epitaxy.client.connection import Connection, new_request_id
from epitaxy.client.errors import Fault, InvalidRequestError
from epitaxy.client.results import ScreenResult
from epitaxy.client.screening.exchange import Exchange, Reconnects
from epitaxy.client.screening.rows import to_frame
from epitaxy.client.screening.run import ProgressCallback, StreamLostError
from epitaxy.client.screening.summary import RunSummary, RunTally

if TYPE_CHECKING:
    import pandas as pd

_FAREWELL_SECONDS = 5.0


class AsyncScreenRun(AsyncIterator[ScreenResult]):
    """``ScreenRun`` for asyncio. Files are read in a thread, so the loop stays free."""

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

    async def __anext__(self) -> ScreenResult:
        """The next result. Raises EpitaxyClientError where the run as a whole fails."""
        self._has_begun = True
        return await anext(self._results)

    async def __aenter__(self) -> "AsyncScreenRun":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    @property
    def summary(self) -> RunSummary:
        """Outcomes so far; complete once the iterator is exhausted."""
        return self._tally.summary

    async def aclose(self) -> None:
        """Ends the stream; what is unanswered stays so."""
        await self._results.aclose()

    async def to_pandas(self) -> "pd.DataFrame":
        """Runs to the end and returns a table in input order, one row an input and property (``rows.COLUMNS``).

        Raises:
            InvalidRequestError: some results were iterated before, so the table would lack them.
        """
        if self._has_begun:
            raise InvalidRequestError("iterate a run or call to_pandas(), not both", reason="RUN_ALREADY_ITERATED")
        return to_frame([result async for result in self])

    async def _drive(self) -> AsyncGenerator[ScreenResult]:
        reconnects = Reconnects()
        while not self._exchange.is_finished:
            stream = _Stream(self._open_call, self._connection)
            try:
                async for result in self._pump(stream, reconnects):
                    yield result
            except StreamLostError as lost:
                self._exchange.lose_stream()
                wait = reconnects.seconds_to_wait(lost.fault)
                if wait is None:
                    raise lost.fault.to_error(self._connection.target) from None
                await asyncio.sleep(wait)
            finally:
                await stream.close()
        self._tally.end()

    async def _pump(self, stream: "_Stream", reconnects: Reconnects) -> AsyncIterator[ScreenResult]:
        """Pumps until everything is answered. Raises StreamLostError when the stream breaks."""
        exchange = self._exchange
        while not exchange.is_finished:
            is_sending = exchange.can_send
            if is_sending and (request := await asyncio.to_thread(exchange.next_request)) is not None:
                await stream.send(request)
            for result in self._count(exchange.take_ready()):
                yield result
            patience = 0.0 if is_sending else exchange.patience(self._connection.patience_seconds)
            response = await stream.receive(patience)
            if response is not None and response.HasField("results"):
                reconnects.note_answer()
                for result in self._count(exchange.receive(response.results)):
                    yield result
            elif response is None and not is_sending and exchange.is_waiting:
                stream.check_silence()
        await stream.finish()

    def _count(self, results: Iterable[ScreenResult]) -> Iterable[ScreenResult]:
        """Hands results on and counts them; progress is told once a block."""
        has_any = False
        for result in results:
            has_any = True
            self._tally.add(result)
            yield result
        if has_any and self._on_progress is not None:
            self._on_progress(self._tally.summary)


class _Stream:
    """One Screen call: answers are collected by a task; opened at the first message."""

    def __init__(self, open_call: Callable[..., Any], connection: Connection) -> None:
        self._open_call = open_call
        self._connection = connection
        self.request_id = new_request_id()
        self._inbox: asyncio.Queue[prediction_pb2.ScreenResponse | Exception | None] = asyncio.Queue()
        self._call: Any = None
        self._collector: asyncio.Task[None] | None = None
        self._stirred_at = time.monotonic()

    async def send(self, request: prediction_pb2.ScreenRequest) -> None:
        """Writes a message as gRPC's flow control allows; a broken stream is told by ``receive``."""
        if self._call is None:
            self._call = self._open_call(metadata=self._connection.metadata(self.request_id))
            self._collector = asyncio.create_task(self._collect())
        self._stirred_at = time.monotonic()
        try:
            await asyncio.wait_for(self._call.write(request), self._connection.patience_seconds)
        except TimeoutError:
            self.check_silence()
        except (grpc.RpcError, asyncio.InvalidStateError):
            return

    async def receive(self, timeout: float) -> prediction_pb2.ScreenResponse | None:  # noqa: ASYNC109 - as in queue
        """An answer, None when none came in time. Raises StreamLostError, or the error of the whole run."""
        try:
            async with asyncio.timeout(timeout):
                response = await self._inbox.get()
        except TimeoutError:
            return None
        self._stirred_at = time.monotonic()
        if response is None:
            raise StreamLostError(Fault.lost("the server ended the stream early", self.request_id))
        if isinstance(response, Exception):
            raise self._translated(response)
        return response

    def check_silence(self) -> None:
        """Raises StreamLostError where nothing was sent or heard for too long."""
        limit = self._connection.patience_seconds
        if time.monotonic() - self._stirred_at >= limit:
            raise StreamLostError(Fault.lost(f"no answer for {limit:g} s", self.request_id))

    async def finish(self) -> None:
        """Says that nothing more comes and waits for the server's farewell; every answer is here already."""
        if self._call is None or self._collector is None:
            return
        try:
            async with asyncio.timeout(_FAREWELL_SECONDS):
                await self._call.done_writing()
                await asyncio.shield(self._collector)
        except (TimeoutError, grpc.RpcError, asyncio.InvalidStateError):
            return

    async def close(self) -> None:
        """Ends the call and its task; harmless after ``finish``."""
        if self._call is None or self._collector is None:
            return
        self._call.cancel()
        self._collector.cancel()
        await asyncio.wait([self._collector])

    async def _collect(self) -> None:
        try:
            async for response in self._call:
                self._inbox.put_nowait(response)
            self._inbox.put_nowait(None)
        except Exception as error:  # the iterating task raises it
            self._inbox.put_nowait(error)

    def _translated(self, error: Exception) -> Exception:
        if not isinstance(error, grpc.RpcError):
            return error
        fault = Fault.of(error, self.request_id)
        return StreamLostError(fault) if fault.is_passing else fault.to_error(self._connection.target)
