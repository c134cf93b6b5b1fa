"""What the client needs of the outside world, for asyncio: channels, waits, blocking work.

``transport`` holds the same names for blocking code. These two and the two ``stream`` modules of ``screening`` are
written by hand; every other ``async_*`` module has a generated twin.
"""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import Any, ParamSpec, TypeVar

from epitaxy.client.connection import Connection
from epitaxy.client.loop_channel import LoopChannel

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")
UnaryMethod = Callable[..., Awaitable[Result]]
"""A unary method of a gRPC stub."""


def open_channel(connection: Connection) -> Any:
    """A channel to the server; it connects at the first call. Raises InvalidRequestError outside of an event loop."""
    return LoopChannel(connection)


async def sleep(seconds: float) -> None:
    """Waits."""
    await asyncio.sleep(seconds)


async def run_blocking(
    function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result:
    """Runs a function that reads or writes files, in a thread, so that the loop stays free."""
    return await asyncio.to_thread(function, *args, **kwargs)


async def collect(items: AsyncIterable[Result]) -> list[Result]:
    """All items of a stream."""
    return [item async for item in items]
