"""The caller's messages, read one ahead so that a search can wait for them and for answers at once."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Set
from typing import Any

from epitaxy.chassis.errors import InvalidRequestError, UnavailableError
from epitaxy.gateway.searching.domain import SearchRequest
from epitaxy.gateway.service import IDLE_RETRY_SECONDS

ENDED_EARLY = "the caller closed the search before it ended"


class RequestQueue:
    """Reads requests as they are asked for; closed in the end.

    Args:
        source: The requests.
        idle_seconds: Longest wait for a request while nothing else is under way; None: any time.
        check: Raises if no further request is taken, as of a gateway that shuts down.
    """

    def __init__(
        self, source: AsyncGenerator[SearchRequest, None], idle_seconds: float | None, check: Callable[[], None]
    ) -> None:
        self._source, self._idle_seconds, self._check = source, idle_seconds, check
        self._reading: asyncio.Future[SearchRequest] | None = None

    def __aiter__(self) -> "RequestQueue":
        return self

    async def __anext__(self) -> SearchRequest:
        """The next request. Raises UnavailableError (IDLE_STREAM) if none comes for too long."""
        await self.wait(set())
        return self.take()

    async def next(self) -> SearchRequest:
        """The next request, in the middle of a search: its absence is an error."""
        try:
            return await anext(self)
        except StopAsyncIteration:
            raise InvalidRequestError(ENDED_EARLY, reason="SEARCH_OUT_OF_ORDER") from None

    async def wait(self, working: Set[asyncio.Task[Any]]) -> bool:
        """Waits for a request or for any of the tasks; returns whether there is a request."""
        if self._reading is None:
            self._reading = asyncio.ensure_future(anext(self._source))
        timeout = None if working else self._idle_seconds
        done, _ = await asyncio.wait({self._reading, *working}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            message = f"no message came for {timeout:g} s: begin again"
            raise UnavailableError(message, reason="IDLE_STREAM", retry_after_seconds=IDLE_RETRY_SECONDS)
        return self._reading in done

    def take(self) -> SearchRequest:
        """The request that ``wait`` found. Raises StopAsyncIteration at the end, and what reading raised."""
        reading, self._reading = self._reading, None
        assert reading is not None
        request = reading.result()
        self._check()
        return request

    async def aclose(self) -> None:
        """Ends reading."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await self._source.aclose()
