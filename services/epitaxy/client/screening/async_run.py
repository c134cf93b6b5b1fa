"""A screening as an iterator: drives an ``Exchange`` over streams."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from epitaxy.client.async_transport import collect, run_blocking, sleep
from epitaxy.client.connection import Connection
from epitaxy.client.errors import InvalidRequestError
from epitaxy.client.patience import Reconnects, StreamLostError
from epitaxy.client.screening.async_stream import AsyncStream
from epitaxy.client.screening.column_counts import counts_of
from epitaxy.client.screening.column_table import arrow_table, frame
from epitaxy.client.screening.columns import ScreenColumns
from epitaxy.client.screening.exchange import Exchange
from epitaxy.client.screening.render import RunState, ScreenResult, run_html
from epitaxy.client.screening.summary import ProgressCallback, RunSummary, RunTally

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class AsyncScreenRun(AsyncIterator[ScreenResult]):
    """Results of a screening in the order in which they come; ``ScreenResult.index`` gives the input's order.

    Iterating drives the screening: nothing is read or sent before the first result is asked for. Leaving a ``with``
    block of the run early, or closing the run, ends the stream. ``columns()``, ``to_arrow()`` and ``to_pandas()`` take
    the place of iterating and make no object for a structure.
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
        self._blocks = self._drive()
        self._results = self._each()
        self._has_begun = False
        self._state: RunState = "not started"

    async def __anext__(self) -> ScreenResult:
        """The next result. Raises EpitaxyClientError if the run as a whole fails."""
        self._has_begun = True
        return await anext(self._results)

    async def __aenter__(self) -> "AsyncScreenRun":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _repr_html_(self) -> str:
        return run_html(self._tally.summary, self._tally.first, self._state)

    @property
    def summary(self) -> RunSummary:
        """Outcomes so far; complete once the iterator is exhausted."""
        return self._tally.summary

    async def aclose(self) -> None:
        """Ends the stream. Structures without an answer stay unanswered."""
        await self._results.aclose()
        await self._blocks.aclose()

    async def columns(self) -> AsyncIterator[ScreenColumns]:
        """Yields the answers as they come, some at once, as NumPy arrays.

        Raises:
            InvalidRequestError: Some results were iterated before.
            EpitaxyClientError: The run as a whole failed.
        """
        self._begin("columns()")
        async for block in self._blocks:
            self._tally.add_block(counts_of(block))
            yield block
            self._tell_progress()

    async def to_arrow(self) -> "pa.Table":
        """Runs to the end and returns the table of ``to_pandas`` as Arrow, in input order.

        Raises:
            InvalidRequestError: Some results were iterated before, so the table would lack them.
            EpitaxyClientError: The run as a whole failed.
            ImportError: pyarrow is not installed.
        """
        return arrow_table(await collect(self.columns()))

    async def to_pandas(self) -> "pd.DataFrame":
        """Runs to the end and returns a table in input order.

        Returns:
            One row for each structure and property, with the columns ``epitaxy.client.COLUMNS``. A structure without
            an answer has one row, with ``error_reason`` and ``error_message``.

        Raises:
            InvalidRequestError: Some results were iterated before, so the table would lack them.
            EpitaxyClientError: The run as a whole failed.
            ImportError: pandas is not installed.
        """
        return frame(await collect(self.columns()))

    def _begin(self, method: str) -> None:
        if self._has_begun:
            raise InvalidRequestError(f"iterate a run or call {method}, not both", reason="RUN_ALREADY_ITERATED")
        self._has_begun = True

    async def _each(self) -> AsyncGenerator[ScreenResult]:
        async for block in self._blocks:
            self._tally.add_block(counts_of(block))
            for result in block.results():
                yield result
            self._tell_progress()

    async def _drive(self) -> AsyncGenerator[ScreenColumns]:
        self._state = "running"
        try:
            reconnects = Reconnects(self._connection.patience_seconds, is_seen=self._connection.sight.is_seen)
            await run_blocking(self._tally.count_inputs)
            while not self._exchange.is_finished:
                try:
                    async with AsyncStream(self._open_call, self._connection) as stream:
                        async for block in self._pump(stream, reconnects):
                            yield block
                except StreamLostError as lost:
                    self._exchange.lose_stream()
                    wait = reconnects.seconds_to_wait(lost.fault)
                    if wait is None:
                        raise await run_blocking(self._connection.to_error, lost.fault) from None
                    await sleep(wait)
        finally:
            self._tally.end()
            self._state = "ended" if self._exchange.is_finished else "stopped"

    async def _pump(self, stream: AsyncStream, reconnects: Reconnects) -> AsyncIterator[ScreenColumns]:
        """Yields answers until everything is answered. Raises StreamLostError if the stream breaks."""
        exchange = self._exchange
        while not exchange.is_finished:
            is_sending = exchange.can_send
            if is_sending and (request := await run_blocking(exchange.next_request)) is not None:
                await stream.send(request)
            for block in exchange.take_ready():
                yield block
            # Answers that are there are handed on before the next message is read and sent.
            patience = 0.0 if is_sending else exchange.patience(self._connection.patience_seconds)
            response = await stream.receive(patience)
            if response is not None and response.HasField("results"):
                reconnects.note_answer()
                self._connection.sight.is_seen = True
                for block in exchange.receive(response.results):
                    yield block
            elif response is None and not is_sending and exchange.is_waiting:
                stream.check_silence()
        await stream.finish()

    def _tell_progress(self) -> None:
        if self._on_progress is not None:
            self._on_progress(self._tally.summary)
