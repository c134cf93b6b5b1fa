"""Threads for tenants' work, shared so that no tenant waits for another tenant's model."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from epitaxy.chassis.errors import OverloadedError, UnavailableError
from epitaxy.prediction.cache.cache_space import within_call

_T = TypeVar("_T")
_RETRY_SECONDS = 1.0


@dataclass(slots=True)
class _Lane:
    """One tenant's share of the threads: calls that wait for an answer, and work that still runs."""

    free: asyncio.Semaphore
    n_calls: int = 0
    n_running: int = 0


@dataclass(frozen=True, slots=True)
class LaneLimits:
    """How much of the threads one tenant may take.

    Attributes:
        threads: Number of threads.
        threads_each: Threads that one tenant may hold at once; fewer than all.
        max_waiting_each: Calls of one tenant that may wait; further calls are shed.
        timeout_seconds: Longest time in a thread.
    """

    threads: int
    threads_each: int
    max_waiting_each: int
    timeout_seconds: float


class TenantLanes:
    """Runs blocking work of tenants, a few at a time each. The event loop owns it."""

    def __init__(self, name: str, limits: LaneLimits) -> None:
        self._limits = limits
        self._executor = ThreadPoolExecutor(limits.threads, thread_name_prefix=name)
        self._lanes: dict[str, _Lane] = {}

    async def run(self, tenant: str, work: Callable[[], _T]) -> _T:
        """The result of the work.

        Raises OverloadedError if too many of this tenant's calls wait already, UnavailableError after the timeout. A
        thread cannot be stopped: work given up on keeps its place among its tenant's until it ends by itself.
        """
        lane = self._lanes.setdefault(tenant, _Lane(asyncio.Semaphore(self._limits.threads_each)))
        if lane.n_calls >= self._limits.threads_each + self._limits.max_waiting_each:
            raise OverloadedError(
                "too many calls of yours wait for models of yours", retry_after_seconds=_RETRY_SECONDS
            )
        lane.n_calls += 1
        try:
            async with asyncio.timeout(self._limits.timeout_seconds):
                await lane.free.acquire()
                return await asyncio.shield(self._started(tenant, lane, work))
        except TimeoutError as error:
            raise UnavailableError(
                "your model did not answer in time: send fewer structures at once, or roll back",
                reason="MODEL_TOO_SLOW",
                retry_after_seconds=_RETRY_SECONDS,
            ) from error
        finally:
            lane.n_calls -= 1
            self._close_empty(tenant, lane)

    def close(self) -> None:
        """Takes no more work."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _started(self, tenant: str, lane: _Lane, work: Callable[[], _T]) -> "asyncio.Future[_T]":
        lane.n_running += 1
        future = asyncio.get_running_loop().run_in_executor(self._executor, within_call(work))

        def ended(done: "asyncio.Future[_T]") -> None:
            if not done.cancelled():
                done.exception()  # retrieved, in case nobody waits for it any more
            lane.n_running -= 1
            lane.free.release()
            self._close_empty(tenant, lane)

        future.add_done_callback(ended)
        return future

    def _close_empty(self, tenant: str, lane: _Lane) -> None:
        if not lane.n_calls and not lane.n_running:
            self._lanes.pop(tenant, None)
