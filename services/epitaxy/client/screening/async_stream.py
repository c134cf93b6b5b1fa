"""One streaming call over a grpc.aio channel; ``stream`` is its like for blocking code. Both are written by hand."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any

import grpc
from google.protobuf.message import Message

from epitaxy.client.connection import Connection
from epitaxy.client.screening.stream_state import FAREWELL_SECONDS, Arrival, StreamState


class AsyncStream(StreamState):
    """Writes as gRPC's flow control allows, collects answers by a task; opened at the first message."""

    def __init__(self, open_call: Callable[..., Any], connection: Connection) -> None:
        super().__init__(connection)
        self._open_call = open_call
        self._inbox: asyncio.Queue[Arrival] = asyncio.Queue()
        self._call: Any = None
        self._collector: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "AsyncStream":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the call and its task; harmless after ``finish``."""
        if self._call is None or self._collector is None:
            return
        self._call.cancel()
        self._collector.cancel()
        await asyncio.wait([self._collector])

    @property
    def backlog(self) -> int:
        """Messages that wait to be sent: none, as sending itself waits."""
        return 0

    async def send(self, request: Message) -> None:
        """Writes a message; ``receive`` tells of a broken stream."""
        if self._call is None:
            self._call = self._open_call(metadata=self._connection.metadata(self.request_id))
            self._collector = asyncio.create_task(self._collect())
        self._stir()
        try:
            await asyncio.wait_for(self._call.write(request), self._connection.patience_seconds)
        except TimeoutError:
            self.check_silence()
        except (grpc.RpcError, asyncio.InvalidStateError):
            return

    async def receive(self, timeout: float) -> Any:  # noqa: ASYNC109 - as in queue
        """An answer, None if none came in time. Raises StreamLostError, or the error of the whole run."""
        try:
            async with asyncio.timeout(timeout):
                arrival = await self._inbox.get()
        except TimeoutError:
            return None
        return self._open(arrival)

    async def finish(self) -> None:
        """Says that nothing more comes and waits for the server's last word; every answer is here already."""
        if self._call is None or self._collector is None:
            return
        try:
            async with asyncio.timeout(FAREWELL_SECONDS):
                await self._call.done_writing()
                await asyncio.shield(self._collector)
        except (TimeoutError, grpc.RpcError, asyncio.InvalidStateError):
            return

    async def _collect(self) -> None:
        try:
            async for response in self._call:
                self._inbox.put_nowait(response)
            self._inbox.put_nowait(None)
        except Exception as error:  # the iterating task raises it
            self._inbox.put_nowait(error)
