"""Embeddings and graph keys in Redis. Redis down means slower: never wrong, never an error."""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Protocol, TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from epitaxy.prediction.entries import decode_embedding, decode_graph_key, encode_embedding, encode_graph_key
from epitaxy.prediction.ports import Embedding
from epitaxy.prediction.settings import PredictionSettings

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")
_ResultT_co = TypeVar("_ResultT_co", covariant=True)
# Redis answers a pipelined item in microseconds; longer pipelines only hold the connection longer.
_PIPELINE_LENGTH = 128


class _Command(Protocol[_ResultT_co]):
    def __call__(self) -> Awaitable[_ResultT_co]: ...


class RedisStore:
    """Redis with a circuit breaker: one warning when it goes, one line when it is back."""

    def __init__(
        self,
        settings: PredictionSettings,
        model: str,
        featurizer: str,
        shape: tuple[int, int],
        on_state: Callable[[bool], None] = lambda _is_up: None,
    ) -> None:
        """Entries of another model digest or featurizer version have other names and are never met.

        ``on_state`` is told after each command whether Redis answered.
        """
        timeout = settings.redis_timeout_seconds
        self._redis = Redis.from_url(
            settings.redis_url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=None
        )
        self._embeddings = f"epitaxy:embedding:{model}:".encode()
        self._graph_keys = f"epitaxy:graph-key:{featurizer}:".encode()
        self._shape = shape
        self._ttl, self._pause = settings.cache_ttl_seconds, settings.redis_retry_seconds
        self._closed_until: float | None = None
        self._has_refused = False
        self._on_state = on_state

    async def embeddings(self, keys: Sequence[bytes]) -> dict[bytes, Embedding]:
        """Embeddings that Redis holds undamaged; none while it is down."""
        entries = await self._read(self._embeddings, keys)
        decoded = {key: decode_embedding(key, entry, self._shape) for key, entry in entries.items()}
        return _undamaged(decoded)

    async def graph_keys(self, digests: Sequence[bytes]) -> dict[bytes, bytes]:
        """Graph keys by content digest; none while Redis is down."""
        entries = await self._read(self._graph_keys, digests)
        return _undamaged({digest: decode_graph_key(digest, entry) for digest, entry in entries.items()})

    async def put(self, embeddings: Mapping[bytes, Embedding], graph_keys: Mapping[bytes, bytes]) -> None:
        """Writes entries with their time to live."""
        items = [(self._name(self._embeddings, key), encode_embedding(key, value)) for key, value in embeddings.items()]
        items += [
            (self._name(self._graph_keys, digest), encode_graph_key(digest, key)) for digest, key in graph_keys.items()
        ]
        for start in range(0, len(items), _PIPELINE_LENGTH):
            pipeline = self._redis.pipeline(transaction=False)
            for name, entry in items[start : start + _PIPELINE_LENGTH]:
                pipeline.set(name, entry, ex=self._ttl)
            await self._guarded(pipeline.execute)

    async def close(self) -> None:
        """Closes the connections."""
        await self._redis.aclose()

    async def _read(self, prefix: bytes, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        entries: dict[bytes, bytes] = {}
        for start in range(0, len(keys), _PIPELINE_LENGTH):
            chunk = keys[start : start + _PIPELINE_LENGTH]
            found = await self._guarded(partial(self._redis.mget, [self._name(prefix, key) for key in chunk]))
            pairs = zip(chunk, found or (), strict=False)
            entries |= {key: entry for key, entry in pairs if isinstance(entry, bytes)}
        return entries

    @staticmethod
    def _name(prefix: bytes, key: bytes) -> bytes:
        return prefix + key.hex().encode()

    async def _guarded(self, command: _Command[_T]) -> _T | None:
        """Runs a command unless Redis was down a moment ago; None where there is no answer."""
        closed_until = self._closed_until
        if closed_until is not None and time.monotonic() < closed_until:
            return None
        try:
            result = await command()
        except ResponseError as error:
            self._warn_of_refusal(error)
            return None
        except (RedisError, OSError, TimeoutError) as error:
            if self._closed_until is None:
                _LOG.warning("Redis does not answer (%s): going on without the shared cache", type(error).__name__)
            self._closed_until = time.monotonic() + self._pause
            self._on_state(False)
            return None
        # An answer to a question from before the loss says nothing: only one that was asked since counts.
        if closed_until is not None and closed_until == self._closed_until:
            _LOG.info("Redis answers again")
            self._closed_until = None
        self._on_state(self._closed_until is None)
        return result

    def _warn_of_refusal(self, error: ResponseError) -> None:
        """Redis answers and refuses (full, or a read-only copy): what it holds is still read."""
        if not self._has_refused:
            _LOG.warning("Redis refuses a command (%s): going on with what it holds", type(error).__name__)
            self._has_refused = True


def _undamaged(decoded: Mapping[bytes, _T | None]) -> dict[bytes, _T]:
    kept = {key: value for key, value in decoded.items() if value is not None}
    if len(kept) < len(decoded):
        _LOG.warning("%d cache entries are damaged: computing them again", len(decoded) - len(kept))
    return kept
