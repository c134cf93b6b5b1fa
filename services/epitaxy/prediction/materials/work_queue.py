"""The thread that reads and embeds materials, with a bound on what waits for it."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from epitaxy.chassis.errors import OverloadedError
from epitaxy.prediction.cache.cache_space import within_call

_T = TypeVar("_T")
_R = TypeVar("_R")
# A piece is done in a tenth of a second: calls take turns after each, and one that was cancelled stops there.
PIECE = 256
# Materials a second, as a first guess; it only shapes the first retry hint.
_FIRST_RATE = 1000.0


class WorkQueue:
    """One thread for one substrate: RDKit holds the interpreter lock, for which a second would only compete.

    The event loop owns it. While ``capacity`` materials or more wait, calls are shed at once, with the time after which
    it is worth trying again.
    """

    def __init__(self, capacity: int, on_change: Callable[[int], None] = lambda _waiting: None) -> None:
        """``on_change`` is told how many materials wait whenever that changes."""
        self._capacity, self._on_change = capacity, on_change
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="materials")
        self._waiting, self._rate = 0, _FIRST_RATE

    @property
    def waiting(self) -> int:
        """Materials of calls that are not done."""
        return self._waiting

    def admit(self, n: int) -> None:
        """Puts ``n`` materials on the account; ``release`` takes them off. Raises OverloadedError when full."""
        if self._waiting >= self._capacity:
            raise OverloadedError(
                "the queue of materials is full: send it again later", retry_after_seconds=self._waiting / self._rate
            )
        self._change(n)

    def release(self, n: int) -> None:
        """Takes ``n`` materials off the account."""
        self._change(-n)

    async def map(self, items: Sequence[_T], work: Callable[[Sequence[_T]], Sequence[_R]]) -> list[_R]:
        """What ``work`` makes of the items, piece by piece; a call that was cancelled ends with its piece."""
        done: list[_R] = []
        loop = asyncio.get_running_loop()
        for start in range(0, len(items), PIECE):
            piece, began = items[start : start + PIECE], time.perf_counter()
            done += await loop.run_in_executor(self._thread, within_call(work), piece)
            self._learn(len(piece), time.perf_counter() - began)
        return done

    def _change(self, n: int) -> None:
        self._waiting += n
        self._on_change(self._waiting)

    def _learn(self, n: int, seconds: float) -> None:
        # The time of a few materials says nothing about the rate at which a full queue drains.
        self._rate += 0.2 * n / PIECE * (n / max(seconds, 1e-6) - self._rate)
