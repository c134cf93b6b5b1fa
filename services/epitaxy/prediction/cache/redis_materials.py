"""Readings and embeddings of materials without a crystal in Redis, so that replicas share them."""

from collections.abc import Mapping, Sequence

from epitaxy.prediction.cache.codec import decode_embedding, decode_reading, encode_embedding, encode_reading
from epitaxy.prediction.cache.shared_entries import SharedEntries, name, undamaged
from epitaxy.prediction.ports import Embedding
from epitaxy_models.ensembles.card import ModelCard
from epitaxy_models.ensembles.readout import READING_VERSION, Reading
from epitaxy_models.materials.reading import MATERIAL_INTAKE_VERSION

_DIGEST_DIGITS = 16


class RedisMaterials:
    """Implements MaterialCache. Entries of another substrate, rule of graphs or version of intake have other names."""

    def __init__(self, entries: SharedEntries, card: ModelCard, digest: str) -> None:
        """``card`` and ``digest`` are those of the substrate."""
        self._entries, self._n_properties = entries, len(card.properties)
        self._shape = (card.backbone.n_members, card.backbone.embedding_width)
        rules = f"{MATERIAL_INTAKE_VERSION}:{card.rule.version}"
        model = digest.removeprefix("sha256:")[:_DIGEST_DIGITS]
        self._readings = f"epitaxy:reading:{READING_VERSION}:{rules}:{model}:".encode()
        self._embeddings = f"epitaxy:embedding:{rules}:{model}:".encode()

    async def readings(self, digests: Sequence[bytes]) -> dict[bytes, Reading]:
        """Readings that Redis holds undamaged; none while it is down."""
        entries = await self._entries.read(self._readings, digests)
        return undamaged({key: decode_reading(key, entry, self._n_properties) for key, entry in entries.items()})

    async def embeddings(self, digests: Sequence[bytes]) -> dict[bytes, Embedding]:
        """Embeddings that Redis holds undamaged, likewise."""
        entries = await self._entries.read(self._embeddings, digests)
        return undamaged({key: decode_embedding(key, entry, self._shape) for key, entry in entries.items()})

    async def put(self, readings: Mapping[bytes, Reading], embeddings: Mapping[bytes, Embedding]) -> None:
        """Writes entries with their time to live."""
        items = [(name(self._readings, key), encode_reading(key, value)) for key, value in readings.items()]
        items += [(name(self._embeddings, key), encode_embedding(key, value)) for key, value in embeddings.items()]
        await self._entries.write(items)
