"""Readings and read files in Redis, so that replicas share them: docs/adr/0016."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b

from epitaxy.prediction.cache.codec import decode_accepted, decode_reading, encode_accepted, encode_reading
from epitaxy.prediction.cache.shared_entries import SharedEntries, name, undamaged
from epitaxy.prediction.domain import Accepted
from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.ensembles.readout import READING_VERSION, Reading
from epitaxy_models.structures import INTAKE_VERSION, IntakeLimits


class RedisReadings:
    """Implements ReadingCache. Entries of another model or of other limits have other names."""

    def __init__(
        self, entries: SharedEntries, artifact: ModelArtifact, limits: IntakeLimits, *, share_texts: bool = True
    ) -> None:
        """Without ``share_texts`` no structure is written, only what was computed of one."""
        self._share_texts = share_texts
        self._entries, self._n_properties = entries, len(artifact.card.properties)
        rules = blake2b(repr((limits, sorted(artifact.supported_elements()))).encode(), digest_size=8).hexdigest()
        model = artifact.digest.removeprefix("sha256:")[:16]
        self._readings = f"epitaxy:reading:{READING_VERSION}:{model}:".encode()
        self._texts = f"epitaxy:text:{INTAKE_VERSION}:{rules}:".encode()

    async def readings(self, digests: Sequence[bytes]) -> dict[bytes, Reading]:
        """Readings by content digest that Redis holds undamaged; none while it is down."""
        entries = await self._entries.read(self._readings, digests)
        return undamaged({key: decode_reading(key, entry, self._n_properties) for key, entry in entries.items()})

    async def texts(self, digests: Sequence[bytes]) -> dict[bytes, Accepted]:
        """What intake made of texts, by their digests, likewise."""
        if not self._share_texts:
            return {}
        entries = await self._entries.read(self._texts, digests)
        return undamaged({key: decode_accepted(key, entry) for key, entry in entries.items()})

    async def put(self, readings: Mapping[bytes, Reading], texts: Mapping[bytes, Accepted]) -> None:
        """Writes entries with their time to live."""
        items = [(name(self._readings, key), encode_reading(key, value)) for key, value in readings.items()]
        if self._share_texts:
            items += [(name(self._texts, key), encode_accepted(key, value)) for key, value in texts.items()]
        await self._entries.write(items)
