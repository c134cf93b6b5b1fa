"""A search as an iterator: drives a ``SearchExchange`` over streams."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from epitaxy.api.prediction.v1 import search_pb2
from epitaxy.client.async_transport import run_blocking, sleep
from epitaxy.client.connection import Connection
from epitaxy.client.errors import InvalidRequestError
from epitaxy.client.patience import Reconnects, StreamLostError
from epitaxy.client.screening.async_stream import AsyncStream
from epitaxy.client.screening.render import ScreenResult
from epitaxy.client.screening.rows import to_ranked_frame
from epitaxy.client.searching.exchange import SearchExchange
from epitaxy.client.searching.results import CandidateFate, SearchProgress, SearchSummary

if TYPE_CHECKING:
    import pandas as pd

SearchCallback = Callable[[SearchProgress], None]
"""Called with the progress about once a second."""
# Messages that wait to be sent, beyond which no more is read.
_LONGEST_BACKLOG = 16
_BACKLOG_SECONDS = 0.02


class AsyncSearchRun(AsyncIterator[ScreenResult]):
    """Answers of a search in the order in which they come, the most promising candidates first.

    Iterating drives the search. It yields every candidate that was evaluated, and rows that are refused; ``best`` and
    ``table`` run to the end and give the best in order. Until the run is closed, by its ``with`` block or by
    ``aclose``, ``why`` says what became of a candidate.
    """

    def __init__(
        self,
        open_call: Callable[..., Any],
        connection: Connection,
        exchange: SearchExchange,
        on_progress: SearchCallback | None = None,
    ) -> None:
        self._open_call = open_call
        self._connection = connection
        self._exchange = exchange
        self._on_progress = on_progress
        self._stream: AsyncStream | None = None
        self._results = self._drive()

    async def __anext__(self) -> ScreenResult:
        """The next result. Raises EpitaxyClientError if the search as a whole fails."""
        return await anext(self._results)

    async def __aenter__(self) -> "AsyncSearchRun":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    @property
    def progress(self) -> SearchProgress:
        """How far the search is."""
        return self._exchange.progress

    @property
    def summary(self) -> SearchSummary:
        """What the search reached. Raises InvalidRequestError before its end."""
        if self._exchange.summary is None:
            raise InvalidRequestError("the search has not ended: iterate it, or call best()", reason="SEARCH_RUNNING")
        return self._exchange.summary

    async def aclose(self) -> None:
        """Ends the search. Nothing can be asked of it afterwards."""
        await self._results.aclose()
        await self._close_stream()
        await run_blocking(self._exchange.close)

    async def best(self) -> list[ScreenResult]:
        """Runs to the end and returns the best candidates, best first.

        Raises:
            EpitaxyClientError: The search as a whole failed.
        """
        async for _ in self:
            pass
        return await run_blocking(self._exchange.best)

    async def table(self) -> "pd.DataFrame":
        """Runs to the end and returns a table of the best candidates, best first.

        Returns:
            One row for each candidate and property, with the column ``rank`` (from 1) before the columns
            ``epitaxy.client.COLUMNS``.

        Raises:
            EpitaxyClientError: The search as a whole failed.
            ImportError: pandas is not installed.
        """
        return to_ranked_frame(await self.best())

    async def why(self, candidate: str | int) -> CandidateFate:
        """Runs to the end and says what became of a candidate, dropped ones included.

        Args:
            candidate: Its id, or its position in the pool (refused rows not counted).

        Raises:
            InvalidRequestError: There is no such candidate, or the server has closed the search, as it does some
                minutes after the end.
        """
        async for _ in self:
            pass
        stream = self._stream
        if stream is None:
            raise InvalidRequestError("the search is closed: ask why before that", reason="SEARCH_CLOSED")
        pool = self._exchange.pool
        position = candidate if isinstance(candidate, int) else await run_blocking(pool.position_of, candidate)
        if not 0 <= position < len(pool):
            raise InvalidRequestError(f"no candidate has the position {position}", reason="UNKNOWN_CANDIDATE")
        try:
            await stream.send(search_pb2.SearchRequest(why=search_pb2.WhyRequest(index=position)))
            while not self._exchange.fates:
                response = await stream.receive(self._connection.patience_seconds)
                if response is not None:
                    await run_blocking(self._exchange.receive, response)
                else:
                    stream.check_silence()
        except StreamLostError:
            await self._close_stream()
            raise InvalidRequestError(
                "the server has closed the search: search again, and ask why right after", reason="SEARCH_CLOSED"
            ) from None
        return self._exchange.fates.popleft()

    async def _drive(self) -> AsyncGenerator[ScreenResult]:
        reconnects = Reconnects(self._connection.patience_seconds, is_seen=self._connection.sight.is_seen)
        while not self._exchange.is_finished:
            self._stream = AsyncStream(self._open_call, self._connection)
            try:
                async for result in self._pump(self._stream, reconnects):
                    yield result
            except StreamLostError as lost:
                await self._close_stream()
                self._exchange.lose_stream()
                wait = reconnects.seconds_to_wait(lost.fault)
                if wait is None:
                    raise await run_blocking(self._connection.to_error, lost.fault) from None
                await sleep(wait)
            except BaseException:
                await self._close_stream()
                raise

    async def _pump(self, stream: AsyncStream, reconnects: Reconnects) -> AsyncIterator[ScreenResult]:
        """Yields results until the summary is there. Raises StreamLostError if the stream breaks."""
        exchange = self._exchange
        while not exchange.is_finished:
            is_full = stream.backlog > _LONGEST_BACKLOG
            request = None if is_full else await run_blocking(exchange.next_request)
            if request is not None:
                await stream.send(request)
            for refused in exchange.pool.take_refused():
                yield refused
            patience = _BACKLOG_SECONDS if is_full else self._connection.patience_seconds
            response = await stream.receive(0.0 if request is not None else patience)
            if response is None:
                if request is None and not is_full:
                    stream.check_silence()
                continue
            reconnects.note_answer()
            self._connection.sight.is_seen = True
            for result in await run_blocking(exchange.receive, response):
                yield result
            if response.HasField("progress") and self._on_progress is not None:
                self._on_progress(exchange.progress)

    async def _close_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.__aexit__(None, None, None)
