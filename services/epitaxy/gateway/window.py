"""Bounded concurrency over a stream, with results as they complete."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Generic, TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


class Window(Generic[ItemT, ResultT]):
    """Works on up to ``limit`` items of a source at once.

    While the window is full, nothing is read: a slow worker or a slow consumer holds the source back. If the source
    raises, the items that it gave before are still worked on; if the work raises, the rest is cancelled.

    Args:
        source: Closed in the end.
        work: What is done with an item.
        limit: Number of items that are worked on at once.
        idle_seconds: Longest wait for an item while none is worked on; None: any time.
    """

    def __init__(
        self,
        source: AsyncGenerator[ItemT, None],
        work: Callable[[ItemT], Awaitable[ResultT]],
        limit: int,
        idle_seconds: float | None = None,
    ) -> None:
        self._source = source
        self._work = work
        self._limit = limit
        self._idle_seconds = idle_seconds
        self._working: set[asyncio.Future[ResultT]] = set()
        self._reading: asyncio.Future[ItemT] | None = None
        self._is_open = True
        self._source_error: Exception | None = None

    async def results(self) -> AsyncGenerator[ResultT, None]:
        """Yields results as they complete; results that complete together have no order. Call it once.

        Raises TimeoutError if the source is idle for too long.
        """
        try:
            while self._read_ahead() or self._working:
                for future in await self._wait_for_some():
                    yield future.result()
            if self._source_error is not None:
                raise self._source_error
        finally:
            await self._cancel()

    def _read_ahead(self) -> bool:
        if self._is_open and self._reading is None and len(self._working) < self._limit:
            self._reading = asyncio.ensure_future(anext(self._source))
        return self._reading is not None

    async def _wait_for_some(self) -> list[asyncio.Future[ResultT]]:
        pending: set[asyncio.Future[Any]] = set(self._working)
        if self._reading is not None:
            pending.add(self._reading)
        timeout = None if self._working else self._idle_seconds
        done, _ = await asyncio.wait(pending, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            raise TimeoutError
        if self._reading in done:
            self._take_item()
        completed = self._working & done
        self._working -= completed
        return list(completed)

    def _take_item(self) -> None:
        reading, self._reading = self._reading, None
        if reading is None:
            return
        try:
            self._working.add(asyncio.ensure_future(self._work(reading.result())))
        except StopAsyncIteration:
            self._is_open = False
        except Exception as error:
            self._is_open = False
            self._source_error = error

    async def _cancel(self) -> None:
        left: set[asyncio.Future[Any]] = set(self._working)
        if self._reading is not None:
            left.add(self._reading)
        for future in left:
            future.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._source.aclose()
