"""What the prediction service needs from outside."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from epitaxy.prediction.domain import Accepted
from epitaxy_models.ensembles.readout import Reading
from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.materials import MaterialKind

Embedding = NDArray[np.float32]


class CacheTier(StrEnum):
    """Where an embedding was found."""

    LOCAL = "local"
    SHARED = "shared"
    MISS = "miss"


class Stage(StrEnum):
    """Steps of an answer, as the stage histogram names them."""

    PARSE = "parse"
    GRAPH = "graph"
    CACHE_READ = "cache_read"
    EMBED = "embed"
    READOUT = "readout"
    CACHE_WRITE = "cache_write"
    QUEUE = "queue"
    FORWARD = "forward"


class EmbeddingStore(Protocol):
    """A cache of structure embeddings. Its loss costs time, never an answer."""

    async def graph_keys(self, digests: Sequence[bytes]) -> dict[bytes, bytes]:
        """Canonical graph keys of structures that were featurized before, by content digest."""

    async def embeddings(self, keys: Sequence[bytes]) -> dict[bytes, tuple[Embedding, CacheTier]]:
        """Embeddings that are known, each ``[n_members, embedding_width]``, with the tier that held it."""

    async def put(self, embeddings: Mapping[bytes, Embedding], graph_keys: Mapping[bytes, bytes]) -> None:
        """Remembers embeddings by graph key, and graph keys by content digest."""


class ReadingCache(Protocol):
    """A cache that replicas share of inputs that one of them has seen. Its loss costs time, never an answer."""

    async def readings(self, digests: Sequence[bytes]) -> dict[bytes, Reading]:
        """Readings by content digest of the structure."""

    async def texts(self, digests: Sequence[bytes]) -> dict[bytes, Accepted]:
        """Accepted structures of texts, by digest of the text; refused texts are not cached."""

    async def put(self, readings: Mapping[bytes, Reading], texts: Mapping[bytes, Accepted]) -> None:
        """Remembers both."""


class MaterialCache(Protocol):
    """What replicas share of materials without a crystal, by digest. Its loss costs time, never an answer."""

    async def readings(self, digests: Sequence[bytes]) -> dict[bytes, Reading]:
        """Readings that are known."""

    async def embeddings(self, digests: Sequence[bytes]) -> dict[bytes, Embedding]:
        """Embeddings that are known, each ``[n_members, embedding_width]``."""

    async def put(self, readings: Mapping[bytes, Reading], embeddings: Mapping[bytes, Embedding]) -> None:
        """Remembers both."""


class EmbeddingBackend(Protocol):
    """Runs the backbone, in this process or in another."""

    async def embed(self, graphs: Sequence[CrystalGraph]) -> "list[Embedding | Exception]":
        """The embedding of each graph ``[n_members, embedding_width]``, or why there is none.

        Raises OverloadedError if the queue is full, UnavailableError if no replica answers.
        """


class PredictionMetrics(Protocol):
    """Counts and times."""

    def observe_stage(self, stage: Stage, seconds: float) -> None:
        """Observes one block's time in a stage."""

    def count_outcome(self, outcome: str, reason: str, number: int = 1) -> None:
        """Counts structures that ended with this outcome."""

    def count_cache(self, tier: CacheTier, number: int) -> None:
        """Counts lookups that ended in this tier."""

    def count_kind(self, kind: MaterialKind, outcome: str, number: int = 1) -> None:
        """Counts materials of a kind that ended with this outcome."""

    def set_queued_materials(self, waiting: int, capacity: int) -> None:
        """Sets how many materials without a crystal wait, and at how many calls are shed."""
