"""What the client needs of the outside world, for blocking code: channels, waits, blocking work.

``async_transport`` holds the same names for asyncio.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar

import grpc

from epitaxy.client.connection import Connection

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")
UnaryMethod = Callable[..., Result]
"""A unary method of a gRPC stub."""


def open_channel(connection: Connection) -> Any:
    """A channel to the server; it connects at the first call."""
    if connection.credentials is None:
        return grpc.insecure_channel(connection.target, options=connection.options)
    return grpc.secure_channel(connection.target, connection.credentials, options=connection.options)


def sleep(seconds: float) -> None:
    """Waits."""
    time.sleep(seconds)


def run_blocking(function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
    """Runs a function that reads or writes files, here and now."""
    return function(*args, **kwargs)


def collect(items: Iterable[Result]) -> list[Result]:
    """All items of a stream."""
    return list(items)
