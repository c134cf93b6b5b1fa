# Generated from async_run.py by tools/generate_client.py: do not edit, run `make generate`.
"""A search as an iterator: drives a ``SearchExchange`` over streams."""

from collections.abc import Callable, Generator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from epitaxy.api.prediction.v1 import search_pb2
from epitaxy.client.connection import Connection
from epitaxy.client.errors import InvalidRequestError
from epitaxy.client.patience import Reconnects, StreamLostError
from epitaxy.client.screening.render import ScreenResult
from epitaxy.client.screening.rows import to_ranked_frame
from epitaxy.client.screening.stream import Stream
from epitaxy.client.searching.exchange import SearchExchange
from epitaxy.client.searching.results import CandidateFate, SearchProgress, SearchSummary
from epitaxy.client.transport import run_blocking, sleep

if TYPE_CHECKING:
    import pandas as pd

SearchCallback = Callable[[SearchProgress], None]
"""Called with the progress about once a second."""
# Messages that wait to be sent, beyond which no more is read.
_LONGEST_BACKLOG = 16
_BACKLOG_SECONDS = 0.02


class SearchRun(Iterator[ScreenResult]):
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
        self._stream: Stream | None = None
        self._results = self._drive()

    def __next__(self) -> ScreenResult:
        """The next result. Raises EpitaxyClientError if the search as a whole fails."""
        return next(self._results)

    def __enter__(self) -> "SearchRun":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

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

    def close(self) -> None:
        """Ends the search. Nothing can be asked of it afterwards."""
        self._results.close()
        self._close_stream()
        run_blocking(self._exchange.close)

    def best(self) -> list[ScreenResult]:
        """Runs to the end and returns the best candidates, best first.

        Raises:
            EpitaxyClientError: The search as a whole failed.
        """
        for _ in self:
            pass
        return run_blocking(self._exchange.best)

    def table(self) -> "pd.DataFrame":
        """Runs to the end and returns a table of the best candidates, best first.

        Returns:
            One row for each candidate and property, with the column ``rank`` (from 1) before the columns
            ``epitaxy.client.COLUMNS``.

        Raises:
            EpitaxyClientError: The search as a whole failed.
            ImportError: pandas is not installed.
        """
        return to_ranked_frame(self.best())

    def why(self, candidate: str | int) -> CandidateFate:
        """Runs to the end and says what became of a candidate, dropped ones included.

        Args:
            candidate: Its id, or its position in the pool (refused rows not counted).

        Raises:
            InvalidRequestError: There is no such candidate, or the server has closed the search, as it does some
                minutes after the end.
        """
        for _ in self:
            pass
        stream = self._stream
        if stream is None:
            raise InvalidRequestError("the search is closed: ask why before that", reason="SEARCH_CLOSED")
        pool = self._exchange.pool
        position = candidate if isinstance(candidate, int) else run_blocking(pool.position_of, candidate)
        if not 0 <= position < len(pool):
            raise InvalidRequestError(f"no candidate has the position {position}", reason="UNKNOWN_CANDIDATE")
        try:
            stream.send(search_pb2.SearchRequest(why=search_pb2.WhyRequest(index=position)))
            while not self._exchange.fates:
                response = stream.receive(self._connection.patience_seconds)
                if response is not None:
                    run_blocking(self._exchange.receive, response)
                else:
                    stream.check_silence()
        except StreamLostError:
            self._close_stream()
            raise InvalidRequestError(
                "the server has closed the search: search again, and ask why right after", reason="SEARCH_CLOSED"
            ) from None
        return self._exchange.fates.popleft()

    def _drive(self) -> Generator[ScreenResult]:
        reconnects = Reconnects(self._connection.patience_seconds, is_seen=self._connection.sight.is_seen)
        while not self._exchange.is_finished:
            self._stream = Stream(self._open_call, self._connection)
            try:
                yield from self._pump(self._stream, reconnects)
            except StreamLostError as lost:
                self._close_stream()
                self._exchange.lose_stream()
                wait = reconnects.seconds_to_wait(lost.fault)
                if wait is None:
                    raise run_blocking(self._connection.to_error, lost.fault) from None
                sleep(wait)
            except BaseException:
                self._close_stream()
                raise

    def _pump(self, stream: Stream, reconnects: Reconnects) -> Iterator[ScreenResult]:
        """Yields results until the summary is there. Raises StreamLostError if the stream breaks."""
        exchange = self._exchange
        while not exchange.is_finished:
            is_full = stream.backlog > _LONGEST_BACKLOG
            request = None if is_full else run_blocking(exchange.next_request)
            if request is not None:
                stream.send(request)
            yield from exchange.pool.take_refused()
            patience = _BACKLOG_SECONDS if is_full else self._connection.patience_seconds
            response = stream.receive(0.0 if request is not None else patience)
            if response is None:
                if request is None and not is_full:
                    stream.check_silence()
                continue
            reconnects.note_answer()
            self._connection.sight.is_seen = True
            yield from run_blocking(exchange.receive, response)
            if response.HasField("progress") and self._on_progress is not None:
                self._on_progress(exchange.progress)

    def _close_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.__exit__(None, None, None)
