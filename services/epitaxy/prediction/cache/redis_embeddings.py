"""Embeddings and graph keys in Redis."""

from collections.abc import Mapping, Sequence

from epitaxy.prediction.cache.codec import decode_embedding, decode_graph_key, encode_embedding, encode_graph_key
from epitaxy.prediction.cache.shared_entries import SharedEntries, name, undamaged
from epitaxy.prediction.ports import Embedding


class RedisEmbeddings:
    """Entries of another model digest or featurizer version have other names and are never met."""

    def __init__(self, entries: SharedEntries, model: str, featurizer: str, shape: tuple[int, int]) -> None:
        self._entries, self._shape = entries, shape
        self._embeddings = f"epitaxy:embedding:{model}:".encode()
        self._graph_keys = f"epitaxy:graph-key:{featurizer}:".encode()

    async def embeddings(self, keys: Sequence[bytes]) -> dict[bytes, Embedding]:
        """Embeddings that Redis holds undamaged; none while it is down."""
        entries = await self._entries.read(self._embeddings, keys)
        return undamaged({key: decode_embedding(key, entry, self._shape) for key, entry in entries.items()})

    async def graph_keys(self, digests: Sequence[bytes]) -> dict[bytes, bytes]:
        """Graph keys by content digest; none while Redis is down."""
        entries = await self._entries.read(self._graph_keys, digests)
        return undamaged({digest: decode_graph_key(digest, entry) for digest, entry in entries.items()})

    async def put(self, embeddings: Mapping[bytes, Embedding], graph_keys: Mapping[bytes, bytes]) -> None:
        """Writes entries with their time to live."""
        items = [(name(self._embeddings, key), encode_embedding(key, value)) for key, value in embeddings.items()]
        items += [(name(self._graph_keys, key), encode_graph_key(key, value)) for key, value in graph_keys.items()]
        await self._entries.write(items)
