"""What runs inside Ray Serve: intake replicas, and ensemble replicas where the networks have processes of their own."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from ray.serve.handle import DeploymentHandle
from threadpoolctl import threadpool_limits

from epitaxy.api.models.v1 import models_pb2
from epitaxy.api.prediction.v1 import explanation_pb2, prediction_pb2, structures_pb2
from epitaxy.chassis.errors import (
    OverloadedError,
)
from epitaxy.prediction.cache.redis_client import RedisEntries
from epitaxy.prediction.cache.redis_embeddings import RedisStore
from epitaxy.prediction.cache.redis_readings import RedisAnswers
from epitaxy.prediction.cache.tiers import TieredStore
from epitaxy.prediction.explaining.ray_client import RayExplanationBackend
from epitaxy.prediction.explaining.service import ExplanationService
from epitaxy.prediction.metrics import RayPredictionMetrics
from epitaxy.prediction.networks.ray_client import RayNetworkBackend
from epitaxy.prediction.networks.tenant_runner import NetworkRunner
from epitaxy.prediction.ports import Embedding, EmbeddingBackend
from epitaxy.prediction.serve.ray_calls import calling
from epitaxy.prediction.serve.replica_logs import configure_replica_logging
from epitaxy.prediction.serve.status_wrapper import answers_with_status
from epitaxy.prediction.served_model import model_of, policy_of
from epitaxy.prediction.service import PredictionService
from epitaxy.prediction.servicer import Backend
from epitaxy.prediction.settings import PredictionSettings
from epitaxy.prediction.tenants.features import TenantFeatures
from epitaxy.prediction.tenants.lanes import PoolLimits, TenantPool
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
# One part in so many of a replica's own cache is for readings, a tenth the size of an embedding.
_READINGS_PART = 8


def tenant_models(settings: PredictionSettings, artifact: ModelArtifact) -> TenantModels:
    """Tenants' models as one replica holds them, on the registry that the environment names."""
    return TenantModels(
        MlflowRegistry(RegistrySettings()),
        tenant_pool("registry", settings),
        artifact.weights_digest,
        settings.registry_poll_seconds,
        settings.tenant_models_bytes,
    )


def tenant_pool(name: str, settings: PredictionSettings) -> TenantPool:
    """Threads for tenants' work in one replica."""
    limits = PoolLimits(
        settings.tenant_threads,
        settings.tenant_threads_each,
        settings.tenant_queue_each,
        settings.tenant_timeout_seconds,
    )
    return TenantPool(name, limits)


class EnsembleReplica:
    """A process for the network alone, which a device needs and which other processes ask."""

    def __init__(self, settings: dict[str, Any]) -> None:
        # Imported here: not every process runs the network.
        from epitaxy.prediction.networks.ensemble import Ensemble  # noqa: PLC0415

        configure_replica_logging()
        chosen = PredictionSettings(**settings)
        artifact = model_of(chosen)
        networks = NetworkRunner(tenant_models(chosen, artifact), tenant_pool("networks", chosen))
        self._ensemble = Ensemble(chosen, artifact, networks)
        # After the libraries were loaded, whose threads it bounds.
        threadpool_limits(chosen.threads)

    async def embed(self, batch: CrystalGraphBatch) -> "list[Embedding | Exception] | OverloadedError":
        """Embeddings, or an error in place of each that has none; an overload is returned, not raised.

        Ray wraps what a replica raises into a traceback; what is returned keeps its type.
        """
        try:
            return await self._ensemble.embed(separate(batch))
        except OverloadedError as error:
            return error

    async def predict_network(
        self, version: ModelVersion, question: TenantQuestion
    ) -> "EnsemblePrediction | EpitaxyError":
        """Predictions of a tenant's model that brings a backbone of its own, or the error, returned likewise."""
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

        Raises OverloadedError where the queue is full, UnavailableError where no replica answers.
        """
        with calling("ensemble"):
            results = await self._ensemble.embed.remote(collate(graphs))
        if isinstance(results, OverloadedError):
            raise results
        return list(results)


def _backends(
    ensemble: DeploymentHandle | None, settings: PredictionSettings, artifact: ModelArtifact, models: TenantModels
) -> tuple[EmbeddingBackend, NetworkBackend]:
    """What runs the networks: the ensemble replicas, or this process."""
    if ensemble is not None:
        return RayEmbeddingBackend(ensemble), RayNetworkBackend(ensemble)
    from epitaxy.prediction.networks.ensemble import Ensemble  # noqa: PLC0415  # not every process runs the network

    own = Ensemble(settings, artifact, NetworkRunner(models, tenant_pool("networks", settings)))
    return own, own


class IntakeReplica:
    """The gRPC ingress: PredictionBackend of protos/epitaxy/prediction/v1/backend.proto, one method a call."""

    def __init__(
        self, settings: dict[str, Any], ensemble: DeploymentHandle | None, explainer: DeploymentHandle
    ) -> None:
        """``ensemble`` None: this process runs the network itself, in a thread."""
        configure_replica_logging()
        chosen = PredictionSettings(**settings)
        artifact = model_of(chosen)
        self.model_version = artifact.card.version
        shape = (artifact.card.backbone.n_members, artifact.card.backbone.embedding_width)
        model = artifact.weights_digest.removeprefix("sha256:")[:16]
        limits = IntakeLimits(max_sites=chosen.max_sites)
        metrics, shared, answers = RayPredictionMetrics(), None, None
        if chosen.redis_url:
            entries = RedisEntries(chosen, metrics.set_shared_cache)
            shared = RedisStore(entries, model, artifact.card.rule.version, shape)
            answers = RedisAnswers(entries, artifact, limits, share_texts=chosen.share_texts)
        else:
            _LOG.warning("no Redis is set: going on without the shared cache")
        readings_bytes = chosen.local_cache_bytes // _READINGS_PART
        models = tenant_models(chosen, artifact)
        embeddings, networks = _backends(ensemble, chosen, artifact, models)
        service = PredictionService(
            artifact,
            TieredStore(chosen.local_cache_bytes - readings_bytes, shared),
            embeddings,
            metrics,
            limits,
            policy_of(chosen),
            readings_bytes,
            answers,
        )
        tenants = TenantService(service, models, TenantFeatures(artifact), tenant_pool("heads", chosen), networks)
        explanations = ExplanationService(service, RayExplanationBackend(explainer), chosen.explain_calls_each)
        self._backend = Backend(service, tenants, models, explanations)
        # Kernels are loaded, or compiled, before the replica says that it is ready.
        featurize_rock_salt()
        service.domains(np.zeros((1, *shape), dtype=np.float32), [rock_salt()])
        # The heads' small products gain nothing from more threads, and those that wait spin on the ensemble's core.
        threadpool_limits(chosen.threads)
        warm_up_beside(models.registry, self._backend.activity.quiet_seconds)

    @answers_with_status(prediction_pb2.ResultBlock)
    async def Evaluate(self, request: prediction_pb2.ScreenRequest) -> prediction_pb2.ResultBlock:  # noqa: N802
        """Predictions for one block."""
        return await self._backend.evaluate(request)

    @answers_with_status(prediction_pb2.EmbedResponse)
    async def EmbedBlock(self, request: prediction_pb2.EmbedRequest) -> prediction_pb2.EmbedResponse:  # noqa: N802
        """Structure embeddings of one block."""
        return await self._backend.embed(request)

    @answers_with_status(explanation_pb2.ExplainResponse)
    async def ExplainBlock(  # noqa: N802
        self, request: explanation_pb2.ExplainRequest
    ) -> explanation_pb2.ExplainResponse:
        """Explanations of one block."""
        return await self._backend.explain(request)

    @answers_with_status(structures_pb2.ValidateResponse)
    async def ValidateBlock(  # noqa: N802
        self, request: structures_pb2.ValidateRequest
    ) -> structures_pb2.ValidateResponse:
        """Intake reports of one block."""
        return await self._backend.validate(request)

    @answers_with_status(models_pb2.ListModelsResponse)
    async def ListServedModels(  # noqa: N802
        self, request: models_pb2.ListModelsRequest
    ) -> models_pb2.ListModelsResponse:
        """Cards of the shared model and of the caller's own."""
        return await self._backend.list_models(request)

    @answers_with_status(models_pb2.GetModelResponse)
    async def GetServedModel(self, request: models_pb2.GetModelRequest) -> models_pb2.GetModelResponse:  # noqa: N802
        """One model's card, by name."""
        return await self._backend.get_model(request)
