"""Composes the substrates of an intake replica: the caches, metrics and service of each."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import lmdb

from epitaxy.prediction.cache.lmdb_entries import LmdbEntries
from epitaxy.prediction.cache.own_hits import OwnHits
from epitaxy.prediction.cache.redis_client import RedisClient
from epitaxy.prediction.cache.redis_embeddings import RedisEmbeddings
from epitaxy.prediction.cache.redis_readings import RedisReadings
from epitaxy.prediction.cache.shared_entries import SharedEntries
from epitaxy.prediction.cache.tiers import TieredEmbeddings
from epitaxy.prediction.metrics import RayPredictionMetrics
from epitaxy.prediction.ports import Embedding, EmbeddingBackend
from epitaxy.prediction.served_model import load_policy
from epitaxy.prediction.service import PredictionService
from epitaxy.prediction.settings import PredictionSettings
from epitaxy.prediction.tenants.substrates import Substrate, Substrates
from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.ensembles.catalogue import SubstrateCatalogue
from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.structures import IntakeLimits

_LOG = logging.getLogger(__name__)
# This part of a replica's own cache is for readings, which are a tenth of the size of an embedding.
_READINGS_PART = 8
_DIGEST_DIGITS = 16


class SubstrateBackend(Protocol):
    """An EmbeddingBackend of several substrates."""

    async def embed(self, graphs: Sequence[CrystalGraph], substrate: str = "") -> "list[Embedding | Exception]":
        """As EmbeddingBackend; ``substrate`` is the weights digest of an earlier one, empty for the present one."""


class EarlierEmbeddings:
    """EmbeddingBackend of one earlier substrate."""

    def __init__(self, backend: SubstrateBackend, digest: str) -> None:
        self._backend, self._digest = backend, digest

    async def embed(self, graphs: Sequence[CrystalGraph]) -> "list[Embedding | Exception]":
        """As the backend of all substrates does."""
        return await self._backend.embed(graphs, self._digest)


def open_substrates(
    settings: PredictionSettings,
    catalogue: SubstrateCatalogue,
    backend: SubstrateBackend,
    entries: SharedEntries | None,
) -> Substrates:
    """The present substrate, and what opens an earlier one; ``entries`` are those of ``shared_entries``.

    All substrates share the replica's own cache, whose bound holds for them together, and one connection to the shared
    cache, where the entries of each have names of their own. Earlier ones keep no readings.
    """
    present = catalogue.current
    metrics = RayPredictionMetrics(present.label)
    own_hits = OwnHits(entries)
    readings_bytes = settings.local_cache_bytes // _READINGS_PART
    store = TieredEmbeddings(settings.local_cache_bytes - readings_bytes, _shared_embeddings(entries, present))

    def service(artifact: ModelArtifact, own: TieredEmbeddings, network: EmbeddingBackend, n_bytes: int) -> Substrate:
        is_current = artifact is present
        limits = IntakeLimits(max_sites=settings.max_sites)
        answers = RedisReadings(entries, artifact, limits, share_texts=settings.share_texts) if entries else None
        counts = metrics if is_current else RayPredictionMetrics(artifact.label)
        policy = load_policy(settings)
        return Substrate.of(
            PredictionService(artifact, own, network, counts, limits, policy, n_bytes, answers, own_hits),
            is_current=is_current,
        )

    def open_earlier(artifact: ModelArtifact) -> Substrate:
        own = store.beside(artifact.weights_digest.encode(), _shared_embeddings(entries, artifact))
        return service(artifact, own, EarlierEmbeddings(backend, artifact.weights_digest), 0)

    return Substrates(service(present, store, backend, readings_bytes), catalogue, open_earlier)


def _shared_embeddings(entries: SharedEntries | None, artifact: ModelArtifact) -> RedisEmbeddings | None:
    if entries is None:
        return None
    model = artifact.weights_digest.removeprefix("sha256:")[:_DIGEST_DIGITS]
    shape = (artifact.card.backbone.n_members, artifact.card.backbone.embedding_width)
    return RedisEmbeddings(entries, model, artifact.card.rule.version, shape)


def shared_entries(chosen: PredictionSettings, metrics: RayPredictionMetrics) -> SharedEntries | None:
    """What replicas share, one connection for all substrates: Redis, else a file of this machine, else nothing."""
    if chosen.redis_url:
        return RedisClient(chosen, metrics.set_shared_cache)
    if not chosen.cache_folder:
        _LOG.warning("neither Redis nor a cache folder is set: replicas share no cache")
        return None
    try:
        return LmdbEntries(Path(chosen.cache_folder), chosen.cache_folder_bytes, metrics.set_shared_cache)
    except (OSError, lmdb.Error) as error:
        _LOG.warning("the cache folder cannot be used (%s): replicas share no cache", error)
        return None
