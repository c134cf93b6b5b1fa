"""One streaming call over a blocking channel; ``async_stream`` is its like for asyncio. Both are written by hand."""

import queue
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from google.protobuf.message import Message

from epitaxy.client.connection import Connection
from epitaxy.client.screening.stream_state import FAREWELL_SECONDS, Arrival, StreamState


class Stream(StreamState):
    """Sends from a queue, collects answers by a thread; opened at the first message."""

    def __init__(self, open_call: Callable[..., Any], connection: Connection) -> None:
        super().__init__(connection)
        self._open_call = open_call
        self._outbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._inbox: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
        self._call: Any = None
        self._collector: threading.Thread | None = None

    def __enter__(self) -> "Stream":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the call and its threads; harmless after ``finish``."""
        self._outbox.put(None)
        if self._call is not None:
            self._call.cancel()
        if self._collector is not None:
            self._collector.join()

    @property
    def backlog(self) -> int:
        """Messages that wait to be sent."""
        return self._outbox.qsize()

    def send(self, request: Message) -> None:
        """Queues a message; gRPC's flow control takes it when it can."""
        if self._call is None:
            self._start()
        self._stir()
        self._outbox.put(request)

    def receive(self, timeout: float) -> Any:
        """An answer, None if none came in time. Raises StreamLostError, or the error of the whole run."""
        try:
            arrival = self._inbox.get(timeout=timeout) if timeout > 0 else self._inbox.get_nowait()
        except queue.Empty:
            return None
        return self._open(arrival)

    def finish(self) -> None:
        """Says that nothing more comes and waits for the server's last word; every answer is here already."""
        self._outbox.put(None)
        if self._collector is not None:
            self._collector.join(FAREWELL_SECONDS)

    def _start(self) -> None:
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
