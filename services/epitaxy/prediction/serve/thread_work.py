"""Work in threads for one call: it knows its call, and ends soon after the call was cancelled.

A thread cannot be stopped from outside, so work over many structures asks between two of them whether anybody still
waits. Without that, calls that were given up would go on using the cores that the calls of those who wait need.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import ContextVar
from typing import TypeVar

from epitaxy.prediction.cache.cache_space import within_call

_ResultT = TypeVar("_ResultT")
_given_up: ContextVar[threading.Event | None] = ContextVar("epitaxy_given_up", default=None)


class GivenUpError(Exception):
    """Nobody waits for this work any more. It leaves the thread and reaches no caller."""


async def run_for_call(executor: Executor, work: Callable[[], _ResultT]) -> _ResultT:
    """The result of the work in a thread. If the call is cancelled, work that has begun ends at its next question."""
    given_up = threading.Event()

    def run() -> _ResultT:
        _given_up.set(given_up)
        return work()

    future = asyncio.get_running_loop().run_in_executor(executor, within_call(run))
    try:
        return await future
    except asyncio.CancelledError:
        given_up.set()
        raise


def check_awaited() -> None:
    """Raises GivenUpError if the call that this thread works for was cancelled."""
    given_up = _given_up.get()
    if given_up is not None and given_up.is_set():
        raise GivenUpError
