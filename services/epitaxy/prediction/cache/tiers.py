"""The replica's own cache in front of Redis."""

from collections.abc import Mapping, Sequence

from epitaxy.prediction.cache.lru import LruCache
from epitaxy.prediction.cache.redis_embeddings import RedisEmbeddings
from epitaxy.prediction.ports import CacheTier, Embedding

# A digest and a key of 16 bytes each, and what Python keeps around them.
_GRAPH_KEY_BYTES = 200
# Share of the local cache that graph keys may fill.
_GRAPH_KEY_SHARE = 0.1


class TieredEmbeddings:
    """Local cache in front of Redis, or alone."""

    def __init__(self, capacity_bytes: int, shared: RedisEmbeddings | None) -> None:
        self._prefix = b""
        self._embeddings: LruCache[Embedding] = LruCache(capacity_bytes, lambda embedding: embedding.nbytes)
        self._graph_keys: LruCache[bytes] = LruCache(int(_GRAPH_KEY_SHARE * capacity_bytes), lambda _: _GRAPH_KEY_BYTES)
        self._shared = shared

    def beside(self, prefix: bytes, shared: RedisEmbeddings | None) -> "TieredEmbeddings":
        """The cache of another model within the same bound of memory; ``prefix`` keeps its local entries apart."""
        other = TieredEmbeddings(0, shared)
        other._prefix = prefix
        other._embeddings, other._graph_keys = self._embeddings, self._graph_keys
        return other

    async def graph_keys(self, digests: Sequence[bytes]) -> dict[bytes, bytes]:
        """Graph keys of structures that were featurized before, by content digest."""
        found = {digest: key for digest in digests if (key := self._graph_keys.get(self._prefix + digest)) is not None}
        missing = [digest for digest in digests if digest not in found]
        if missing and self._shared is not None:
            for digest, key in (await self._shared.graph_keys(missing)).items():
                self._graph_keys.put(self._prefix + digest, key)
                found[digest] = key
        return found

    async def embeddings(self, keys: Sequence[bytes]) -> dict[bytes, tuple[Embedding, CacheTier]]:
        """Embeddings with the tier that held them; what Redis held is kept locally."""
        found = {
            key: (hit, CacheTier.LOCAL) for key in keys if (hit := self._embeddings.get(self._prefix + key)) is not None
        }
        missing = [key for key in keys if key not in found]
        if missing and self._shared is not None:
            for key, embedding in (await self._shared.embeddings(missing)).items():
                self._embeddings.put(self._prefix + key, embedding)
                found[key] = (embedding, CacheTier.SHARED)
        return found

    async def put(self, embeddings: Mapping[bytes, Embedding], graph_keys: Mapping[bytes, bytes]) -> None:
        """Remembers both in both tiers."""
        for key, embedding in embeddings.items():
            # A copy: a row of a block would keep the whole block alive.
            self._embeddings.put(self._prefix + key, embedding.copy())
        for digest, key in graph_keys.items():
            self._graph_keys.put(self._prefix + digest, key)
        if self._shared is not None and (embeddings or graph_keys):
            await self._shared.put(embeddings, graph_keys)
