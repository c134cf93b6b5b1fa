"""Named entries in Redis behind a circuit breaker. Redis down means slower: never wrong, never an error."""

import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from itertools import islice
from typing import Protocol, TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from epitaxy.prediction.cache.shared_entries import name
from epitaxy.prediction.settings import PredictionSettings

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")
_ResultT_co = TypeVar("_ResultT_co", covariant=True)
# Redis answers a pipelined item in microseconds; longer pipelines only hold the connection longer.
_PIPELINE_LENGTH = 128
# How redis-py says that its pool is exhausted; it has no class for that.
_NONE_FREE = "No connection available."


class _Command(Protocol[_ResultT_co]):
    def __call__(self) -> Awaitable[_ResultT_co]: ...


class _PoolExhaustedError(Exception):
    """Every connection was in use for as long as a command may wait: we are busy, whatever Redis is."""


class _BoundedPool(BlockingConnectionPool):
    """A pool of a fixed size that tells its own exhaustion from a Redis that is gone, which redis-py does not."""

    async def get_connection(self, *_: object, **__: object) -> AbstractConnection:
        """A connection. Raises _PoolExhaustedError if none gets free in time."""
        try:
            connection: AbstractConnection = await super().get_connection()  # type: ignore[no-untyped-call]  # as it is
        except RedisConnectionError as error:
            if str(error) == _NONE_FREE and isinstance(error.__cause__, TimeoutError):
                raise _PoolExhaustedError from error
            raise
        return connection


class RedisClient:
    """A few connections with a circuit breaker.

    It logs one warning when Redis is lost and one line when it is back. A command for which no connection is free in
    time goes without the cache; that says nothing about Redis.
    """

    def __init__(self, settings: PredictionSettings, on_state: Callable[[bool], None] = lambda _is_up: None) -> None:
        """``on_state`` is told after each command whether Redis answered."""
        timeout = settings.redis_timeout_seconds
        pool = _BoundedPool.from_url(
            settings.redis_url,
            max_connections=settings.redis_connections,
            timeout=timeout,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=None,
            username=settings.redis_user or None,
            password=settings.redis_password or None,
        )
        self._redis = Redis.from_pool(pool)
        self._ttl, self._pause = settings.cache_ttl_seconds, settings.redis_retry_seconds
        self._closed_until: float | None = None
        self._has_refused = self._was_exhausted = False
        self._on_state = on_state

    async def read(self, prefix: bytes, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Entries of these keys under the prefix; none while Redis is down."""
        entries: dict[bytes, bytes] = {}
        for start in range(0, len(keys), _PIPELINE_LENGTH):
            chunk = keys[start : start + _PIPELINE_LENGTH]
            found = await self._guarded(partial(self._redis.mget, [name(prefix, key) for key in chunk]))
            pairs = zip(chunk, found or (), strict=False)
            entries |= {key: entry for key, entry in pairs if isinstance(entry, bytes)}
        return entries

    async def write(self, entries: Iterable[tuple[bytes, bytes]]) -> None:
        """Writes entries by their names, with their time to live."""
        items = iter(entries)
        while chunk := list(islice(items, _PIPELINE_LENGTH)):
            pipeline = self._redis.pipeline(transaction=False)
            for full_name, entry in chunk:
                pipeline.set(full_name, entry, ex=self._ttl)
            await self._guarded(pipeline.execute)

    async def close(self) -> None:
        """Closes the connections."""
        await self._redis.aclose()

    async def _guarded(self, command: _Command[_T]) -> _T | None:
        """Runs a command unless Redis was down a moment ago; None if there is no answer."""
        closed_until = self._closed_until
        if closed_until is not None and time.monotonic() < closed_until:
            return None
        try:
            result = await command()
        except ResponseError as error:
            self._warn_of_refusal(error)
            return None
        except _PoolExhaustedError:
            self._tell_of_exhaustion()
            return None
        except (RedisError, OSError, TimeoutError) as error:
            if self._closed_until is None:
                _LOG.warning("Redis does not answer (%s): going on without the shared cache", type(error).__name__)
            self._closed_until = time.monotonic() + self._pause
            self._on_state(False)
            return None
        # An answer to a command from before the loss proves nothing: only a later command counts.
        if closed_until is not None and closed_until == self._closed_until:
            _LOG.info("Redis answers again")
            self._closed_until = None
        self._on_state(self._closed_until is None)
        return result

    def _tell_of_exhaustion(self) -> None:
        if not self._was_exhausted:
            _LOG.warning("all connections to Redis are in use: some lookups go without it (redis_connections)")
            self._was_exhausted = True

    def _warn_of_refusal(self, error: ResponseError) -> None:
        """Redis answers and refuses (full, or a read-only copy): what it holds is still read."""
        if not self._has_refused:
            _LOG.warning("Redis refuses a command (%s): going on with what it holds", type(error).__name__)
            self._has_refused = True
