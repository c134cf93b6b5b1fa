"""What runs inside Ray Serve: intake replicas, and ensemble replicas if the networks have processes of their own."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
from ray.serve.handle import DeploymentHandle
from threadpoolctl import threadpool_limits

from epitaxy.api.internal.v1 import prediction_backend_pb2 as backend_pb2
from epitaxy.chassis.errors import (
    OverloadedError,
)
from epitaxy.prediction.cache.lmdb_entries import LmdbEntries
from epitaxy.prediction.cache.redis_client import RedisClient
from epitaxy.prediction.cache.redis_embeddings import RedisEmbeddings
from epitaxy.prediction.cache.redis_readings import RedisReadings
from epitaxy.prediction.cache.shared_entries import SharedEntries
from epitaxy.prediction.cache.tiers import TieredEmbeddings
from epitaxy.prediction.explaining.ray_client import RayExplanationBackend
from epitaxy.prediction.explaining.service import ExplanationService
from epitaxy.prediction.metrics import RayPredictionMetrics
from epitaxy.prediction.networks.ray_client import RayNetworkBackend
from epitaxy.prediction.networks.tenant_runner import TenantRunner
from epitaxy.prediction.ports import Embedding, EmbeddingBackend
from epitaxy.prediction.serve.ray_calls import calling
from epitaxy.prediction.serve.replica_logs import configure_replica_logging
from epitaxy.prediction.serve.status_wrapper import with_rpc_status
from epitaxy.prediction.served_model import load_model, load_policy
from epitaxy.prediction.service import PredictionService
from epitaxy.prediction.servicer import PredictionServicer
from epitaxy.prediction.settings import PredictionSettings
from epitaxy.prediction.tenants.features import TenantFeatures
from epitaxy.prediction.tenants.lanes import LaneLimits, TenantLanes
from epitaxy.prediction.tenants.models import TenantModels
from epitaxy.prediction.tenants.service import NetworkBackend, TenantQuestion, TenantService
from epitaxy.prediction.tenants.warm_up import warm_up_beside
from epitaxy.registry.mlflow_registry import MlflowRegistry
from epitaxy.registry.ports import ModelVersion
from epitaxy.registry.settings import RegistrySettings
from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.ensembles.readout import EnsemblePrediction
from epitaxy_models.errors import EpitaxyError
from epitaxy_models.graphs.batch import CrystalGraphBatch, collate, separate
from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.graphs.rock_salt import featurize_rock_salt, rock_salt
from epitaxy_models.structures import IntakeLimits

_LOG = logging.getLogger(__name__)
# This part of a replica's own cache is for readings, which are a tenth of the size of an embedding.
_READINGS_PART = 8


def tenant_models(settings: PredictionSettings, artifact: ModelArtifact) -> TenantModels:
    """Tenants' models as one replica holds them, on the registry that the environment names."""
    return TenantModels(
        MlflowRegistry(RegistrySettings()),
        tenant_lanes("registry", settings),
        artifact.weights_digest,
        settings.registry_poll_seconds,
        settings.tenant_models_bytes,
    )


def tenant_lanes(name: str, settings: PredictionSettings) -> TenantLanes:
    """Threads for tenants' work in one replica."""
    limits = LaneLimits(
        settings.tenant_threads,
        settings.tenant_threads_each,
        settings.tenant_queue_each,
        settings.tenant_timeout_seconds,
    )
    return TenantLanes(name, limits)


class EnsembleReplica:
    """A process for the network alone, which other processes ask; needed on a GPU."""

    def __init__(self, settings: dict[str, Any]) -> None:
        # Imported here: not every process runs the network.
        from epitaxy.prediction.networks.ensemble import Ensemble  # noqa: PLC0415

        configure_replica_logging()
        chosen = PredictionSettings(**settings)
        artifact = load_model(chosen)
        networks = TenantRunner(tenant_models(chosen, artifact), tenant_lanes("networks", chosen))
        self._ensemble = Ensemble(chosen, artifact, networks)
        # After the libraries were loaded, whose threads it bounds.
        threadpool_limits(chosen.threads)

    async def embed(self, batch: CrystalGraphBatch) -> "list[Embedding | Exception] | OverloadedError":
        """Embeddings, or an error in place of each that has none; an overload is returned, not raised.

        Ray wraps an exception of a replica into a traceback; a returned object keeps its type.
        """
        try:
            return await self._ensemble.embed(separate(batch))
        except OverloadedError as error:
            return error

    async def predict_network(
        self, version: ModelVersion, question: TenantQuestion
    ) -> "EnsemblePrediction | EpitaxyError":
        """Predictions of a tenant's model that brings a backbone of its own, or the error, also returned."""
        try:
            return await self._ensemble.predict(version, question)
        except EpitaxyError as error:
            return error


class RayEmbeddingBackend:
    """Sends graphs to the ensemble replicas."""

    def __init__(self, ensemble: DeploymentHandle) -> None:
        self._ensemble = ensemble

    async def embed(self, graphs: Sequence[CrystalGraph]) -> "list[Embedding | Exception]":
        """The embedding of each graph, or why there is none.

        Raises OverloadedError if the queue is full, UnavailableError if no replica answers.
        """
        with calling("ensemble"):
            results = await self._ensemble.embed.remote(collate(graphs))
        if isinstance(results, OverloadedError):
            raise results
        return list(results)


def _network_backends(
    ensemble: DeploymentHandle | None, settings: PredictionSettings, artifact: ModelArtifact, models: TenantModels
) -> tuple[EmbeddingBackend, NetworkBackend]:
    """Backends that run the networks: the ensemble replicas, or this process."""
    if ensemble is not None:
        return RayEmbeddingBackend(ensemble), RayNetworkBackend(ensemble)
    from epitaxy.prediction.networks.ensemble import Ensemble  # noqa: PLC0415  # not every process runs the network

    own = Ensemble(settings, artifact, TenantRunner(models, tenant_lanes("networks", settings)))
    return own, own


def _shared_entries(chosen: PredictionSettings, metrics: RayPredictionMetrics) -> SharedEntries | None:
    """Redis, else a file of this machine, else nothing."""
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


class IntakeReplica:
    """The gRPC ingress: epitaxy.internal.v1.PredictionBackendService, one method per RPC."""

    def __init__(
        self, settings: dict[str, Any], ensemble: DeploymentHandle | None, explainer: DeploymentHandle
    ) -> None:
        """``ensemble`` None: this process runs the network itself, in a thread."""
        configure_replica_logging()
        chosen = PredictionSettings(**settings)
        artifact = load_model(chosen)
        self.model_version = artifact.card.version
        shape = (artifact.card.backbone.n_members, artifact.card.backbone.embedding_width)
        model = artifact.weights_digest.removeprefix("sha256:")[:16]
        limits = IntakeLimits(max_sites=chosen.max_sites)
        metrics, shared, answers = RayPredictionMetrics(), None, None
        entries = _shared_entries(chosen, metrics)
        if entries is not None:
            shared = RedisEmbeddings(entries, model, artifact.card.rule.version, shape)
            answers = RedisReadings(entries, artifact, limits, share_texts=chosen.share_texts)
        readings_bytes = chosen.local_cache_bytes // _READINGS_PART
        models = tenant_models(chosen, artifact)
        embeddings, networks = _network_backends(ensemble, chosen, artifact, models)
        service = PredictionService(
            artifact,
            TieredEmbeddings(chosen.local_cache_bytes - readings_bytes, shared),
            embeddings,
            metrics,
            limits,
            load_policy(chosen),
            readings_bytes,
            answers,
        )
        tenants = TenantService(service, models, TenantFeatures(artifact), tenant_lanes("heads", chosen), networks)
        explanations = ExplanationService(service, RayExplanationBackend(explainer), chosen.explain_calls_each)
        self._servicer = PredictionServicer(service, tenants, models, explanations)
        # Kernels are loaded, or compiled, before the replica says that it is ready.
        featurize_rock_salt()
        service.domains(np.zeros((1, *shape), dtype=np.float32), [rock_salt()])
        # The heads' small products gain nothing from more threads, and those that wait spin on the ensemble's core.
        threadpool_limits(chosen.threads)
        warm_up_beside(models.registry, self._servicer.activity.quiet_seconds)

    @with_rpc_status(backend_pb2.EvaluateResponse)
    async def Evaluate(self, request: backend_pb2.EvaluateRequest) -> backend_pb2.EvaluateResponse:  # noqa: N802  # as in the proto
        """Predictions for one block."""
        return await self._servicer.evaluate(request)

    @with_rpc_status(backend_pb2.EmbedBlockResponse)
    async def EmbedBlock(self, request: backend_pb2.EmbedBlockRequest) -> backend_pb2.EmbedBlockResponse:  # noqa: N802
        """Structure embeddings of one block."""
        return await self._servicer.embed(request)

    @with_rpc_status(backend_pb2.ExplainBlockResponse)
    async def ExplainBlock(self, request: backend_pb2.ExplainBlockRequest) -> backend_pb2.ExplainBlockResponse:  # noqa: N802
        """Explanations of one block."""
        return await self._servicer.explain(request)

    @with_rpc_status(backend_pb2.ValidateBlockResponse)
    async def ValidateBlock(self, request: backend_pb2.ValidateBlockRequest) -> backend_pb2.ValidateBlockResponse:  # noqa: N802
        """Intake reports of one block."""
        return await self._servicer.validate(request)

    @with_rpc_status(backend_pb2.ListServedModelsResponse)
    async def ListServedModels(  # noqa: N802
        self, request: backend_pb2.ListServedModelsRequest
    ) -> backend_pb2.ListServedModelsResponse:
        """Cards of the shared model and of the caller's own."""
        return await self._servicer.list_models(request)

    @with_rpc_status(backend_pb2.GetServedModelResponse)
    async def GetServedModel(  # noqa: N802
        self, request: backend_pb2.GetServedModelRequest
    ) -> backend_pb2.GetServedModelResponse:
        """One model's card, by name."""
        return await self._servicer.get_model(request)
