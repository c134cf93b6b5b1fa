"""A grpc.aio channel that belongs to one event loop and says so: used from another one, gRPC's own waits for ever."""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc.aio

from epitaxy.client.connection import Connection
from epitaxy.client.errors import InvalidRequestError

_ADVICE = "make it inside of the coroutine that asyncio.run() runs: async with AsyncClient() as client"


class LoopChannel:
    """A channel whose calls fail at once outside of the event loop in which it was made."""

    def __init__(self, connection: Connection) -> None:
        self._loop = _running_loop("AsyncClient was made outside of an event loop")
        options, credentials = connection.options, connection.credentials
        self._channel = (
            grpc.aio.insecure_channel(connection.target, options=options)
            if credentials is None
            else grpc.aio.secure_channel(connection.target, credentials, options=options)
        )

    def unary_unary(self, *args: Any, **kwargs: Any) -> Callable[..., Any]:
        """A method of one request and one answer."""
        return self._guarded(self._channel.unary_unary(*args, **kwargs))

    def unary_stream(self, *args: Any, **kwargs: Any) -> Callable[..., Any]:
        """A method of one request and many answers."""
        return self._guarded(self._channel.unary_stream(*args, **kwargs))

    def stream_unary(self, *args: Any, **kwargs: Any) -> Callable[..., Any]:
        """A method of many requests and one answer."""
        return self._guarded(self._channel.stream_unary(*args, **kwargs))

    def stream_stream(self, *args: Any, **kwargs: Any) -> Callable[..., Any]:
        """A method of many requests and many answers."""
        return self._guarded(self._channel.stream_stream(*args, **kwargs))

    async def close(self) -> None:
        """Closes the connection. Raises InvalidRequestError in another loop."""
        self._check_loop()
        await self._channel.close()

    def _guarded(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._check_loop()
            return method(*args, **kwargs)

        return call

    def _check_loop(self) -> None:
        if _running_loop("AsyncClient was used outside of an event loop") is not self._loop:
            raise InvalidRequestError(
                f"AsyncClient was made in another event loop than this one; {_ADVICE}", reason="WRONG_EVENT_LOOP"
            )


def _running_loop(complaint: str) -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise InvalidRequestError(f"{complaint}; {_ADVICE}", reason="NO_EVENT_LOOP") from None
