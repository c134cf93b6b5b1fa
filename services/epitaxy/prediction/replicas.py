"""What runs inside Ray Serve: intake replicas, and ensemble replicas if the networks have processes of their own."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import numpy as np
from ray.serve.handle import DeploymentHandle
from threadpoolctl import threadpool_limits

from epitaxy.api.internal.v1 import prediction_backend_pb2 as backend_pb2
from epitaxy.chassis.errors import (
    OverloadedError,
)
from epitaxy.chassis.fair_turns import FairTurns
from epitaxy.chassis.gateway_trust import read_secret
from epitaxy.chassis.request_context import current_request
from epitaxy.chassis.structure_ids import count_structures
from epitaxy.prediction.explaining.first_call import ExplainerStart, StartedExplainers
from epitaxy.prediction.explaining.materials import MaterialExplanations
from epitaxy.prediction.explaining.ray_client import RayExplanationBackend
from epitaxy.prediction.explaining.service import ExplanationService
from epitaxy.prediction.featurizing.service import FeatureService
from epitaxy.prediction.materials.answers import MaterialAnswers
from epitaxy.prediction.materials.services import MaterialServices
from epitaxy.prediction.materials.tenants import MaterialTenants
from epitaxy.prediction.metrics import RayPredictionMetrics, RayStartMetrics, RayTenantMetrics
from epitaxy.prediction.networks.ray_client import RayNetworkBackend
from epitaxy.prediction.networks.tenant_runner import TenantRunner
from epitaxy.prediction.opening import SubstrateBackend, open_substrates, shared_entries
from epitaxy.prediction.ports import Embedding
from epitaxy.prediction.searching.shelf import StudentShelf
from epitaxy.prediction.serve.ray_calls import calling
from epitaxy.prediction.serve.replica_logs import configure_replica_logging
from epitaxy.prediction.serve.status_wrapper import with_rpc_status
from epitaxy.prediction.served_model import load_catalogue, load_material_catalogue, load_policy, model_folders
from epitaxy.prediction.servicer import PredictionServicer
from epitaxy.prediction.settings import PredictionSettings
from epitaxy.prediction.tenants.lanes import LaneLimits, TenantLanes
from epitaxy.prediction.tenants.models import TenantModels
from epitaxy.prediction.tenants.service import NetworkBackend, TenantQuestion, TenantService
from epitaxy.prediction.tenants.warm_up import warm_up_beside
from epitaxy.registry.mlflow_registry import MlflowRegistry
from epitaxy.registry.ports import ModelVersion
from epitaxy.registry.settings import RegistrySettings
from epitaxy_models.ensembles.catalogue import SubstrateCatalogue
from epitaxy_models.ensembles.readout import EnsemblePrediction
from epitaxy_models.errors import EpitaxyError
from epitaxy_models.graphs.batch import CrystalGraphBatch, collate, separate
from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.graphs.rock_salt import featurize_rock_salt, rock_salt


def tenant_models(
    settings: PredictionSettings, catalogue: SubstrateCatalogue, *, runs_networks: bool = True
) -> TenantModels:
    """Tenants' models as one replica holds them, on the registry that the environment names."""
    return TenantModels(
        MlflowRegistry(RegistrySettings()),
        tenant_lanes("registry", settings),
        catalogue,
        settings.registry_poll_seconds,
        settings.tenant_models_bytes,
        RayTenantMetrics(),
        runs_networks=runs_networks,
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


# Further messages that a replica works on, each of a tenant of which it works on none.
_SPARE_TURNS = 8


class EnsembleReplica:
    """A process for the network alone, which other processes ask; needed on a GPU."""

    def __init__(self, settings: dict[str, Any]) -> None:
        # Imported here: not every process runs the network.
        from epitaxy.prediction.networks.ensemble import Ensemble  # noqa: PLC0415

        configure_replica_logging()
        chosen = PredictionSettings(**settings)
        catalogue = load_catalogue(chosen)
        networks = TenantRunner(tenant_models(chosen, catalogue), tenant_lanes("networks", chosen))
        self._ensemble = Ensemble(chosen, catalogue, networks)
        # After the libraries were loaded, whose threads it bounds.
        threadpool_limits(chosen.threads)

    async def embed(
        self, batch: CrystalGraphBatch, substrate: str = ""
    ) -> "list[Embedding | Exception] | OverloadedError":
        """Embeddings, or an error in place of each that has none; an overload is returned, not raised.

        ``substrate`` is the weights digest of an earlier one. Ray wraps an exception of a replica into a traceback; a
        returned object keeps its type.
        """
        try:
            return await self._ensemble.embed(separate(batch), substrate)
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

    async def embed(self, graphs: Sequence[CrystalGraph], substrate: str = "") -> "list[Embedding | Exception]":
        """The embedding of each graph, or why there is none; ``substrate`` is the digest of an earlier one.

        Raises OverloadedError if the queue is full, UnavailableError if no replica answers.
        """
        with calling("ensemble"):
            # A replica of the build before, which lives for a moment in an upgrade, takes no second argument.
            chosen = (substrate,) if substrate else ()
            results = await self._ensemble.embed.remote(collate(graphs), *chosen)
        if isinstance(results, OverloadedError):
            raise results
        return list(results)


def _network_backends(
    ensemble: DeploymentHandle | None,
    settings: PredictionSettings,
    catalogue: SubstrateCatalogue,
    models: TenantModels,
) -> tuple[SubstrateBackend, NetworkBackend]:
    """Backends that run the networks: the ensemble replicas, or this process."""
    if ensemble is not None:
        return RayEmbeddingBackend(ensemble), RayNetworkBackend(ensemble)
    from epitaxy.prediction.networks.ensemble import Ensemble  # noqa: PLC0415  # not every process runs the network

    own = Ensemble(settings, catalogue, TenantRunner(models, tenant_lanes("networks", settings)))
    return own, own


class IntakeReplica:
    """The gRPC ingress: epitaxy.internal.v1.PredictionBackendService, one method per RPC."""

    def __init__(
        self, settings: dict[str, Any], ensemble: DeploymentHandle | None, explainer: DeploymentHandle
    ) -> None:
        """``ensemble`` None: this process runs the network itself, in a thread."""
        configure_replica_logging()
        chosen = PredictionSettings(**settings)
        catalogue = load_catalogue(chosen)
        artifact = catalogue.current
        self.model_version = artifact.card.version
        self.gateway_secret = read_secret(Path(chosen.gateway_secret_file) if chosen.gateway_secret_file else None)
        models = tenant_models(chosen, catalogue, runs_networks=ensemble is None)
        backend, networks = _network_backends(ensemble, chosen, catalogue, models)
        entries = shared_entries(chosen, RayPredictionMetrics(artifact.label))
        substrates = open_substrates(chosen, catalogue, backend, entries)
        service = substrates.current.service
        lanes = tenant_lanes("heads", chosen)
        tenants = TenantService(substrates, models, lanes, networks)
        by_ray = RayExplanationBackend(explainer)
        start = ExplainerStart(by_ray.wake, chosen.explainer_idle_seconds, RayStartMetrics())
        explainers = StartedExplainers(by_ray, by_ray, start)
        explanations = ExplanationService(service, explainers, chosen.explain_calls_each)
        services = MaterialServices(
            RayPredictionMetrics,
            load_policy(chosen),
            load_material_catalogue(chosen),
            entries,
            chosen.max_queued_materials,
        )
        materials = MaterialAnswers(services, MaterialTenants(services, models, lanes))
        explained = MaterialExplanations(services, models, explainers, explanations)
        features = FeatureService(lanes)
        self._servicer = PredictionServicer(
            substrates,
            tenants,
            models,
            explanations,
            features,
            materials,
            explained,
            StudentShelf(model_folders(chosen)),
        )
        self._turns = FairTurns(chosen.turns_at_once, chosen.small_turn_structures, n_spare=_SPARE_TURNS)
        # Kernels are loaded, or compiled, before the replica says that it is ready.
        featurize_rock_salt()
        shape = artifact.card.backbone
        unseen = np.zeros((1, shape.n_members, shape.embedding_width), dtype=np.float32)
        service.domains(unseen, [rock_salt()])
        # The heads' small products gain nothing from more threads, and those that wait spin on the ensemble's core.
        threadpool_limits(chosen.threads)
        warm_up_beside(models.registry, self._servicer.activity.quiet_seconds)

    def _turn(self, request: Any) -> AbstractAsyncContextManager[None]:
        """The turn of the caller's tenant."""
        call = current_request()
        return self._turns.turn(call.tenant, count_structures(request.structures), call.weight)

    @with_rpc_status(backend_pb2.EvaluateResponse)
    async def Evaluate(self, request: backend_pb2.EvaluateRequest) -> backend_pb2.EvaluateResponse:  # noqa: N802  # as in the proto
        """Predictions for one block."""
        async with self._turn(request):
            return await self._servicer.evaluate(request)

    @with_rpc_status(backend_pb2.EmbedBlockResponse)
    async def EmbedBlock(self, request: backend_pb2.EmbedBlockRequest) -> backend_pb2.EmbedBlockResponse:  # noqa: N802
        """Structure embeddings of one block."""
        async with self._turn(request):
            return await self._servicer.embed(request)

    @with_rpc_status(backend_pb2.ExplainBlockResponse)
    async def ExplainBlock(self, request: backend_pb2.ExplainBlockRequest) -> backend_pb2.ExplainBlockResponse:  # noqa: N802
        """Explanations of one block."""
        return await self._servicer.explain(request)

    @with_rpc_status(backend_pb2.FeaturizeBlockResponse)
    async def FeaturizeBlock(self, request: backend_pb2.FeaturizeBlockRequest) -> backend_pb2.FeaturizeBlockResponse:  # noqa: N802
        """Features of one block."""
        async with self._turn(request):
            return await self._servicer.featurize(request)

    @with_rpc_status(backend_pb2.ScoreCandidatesResponse)
    async def ScoreCandidates(  # noqa: N802
        self, request: backend_pb2.ScoreCandidatesRequest
    ) -> backend_pb2.ScoreCandidatesResponse:
        """Scores of candidates; a block of them costs about as much as a few structures."""
        call = current_request()
        async with self._turns.turn(call.tenant, 1, call.weight):
            return await self._servicer.score(request)

    @with_rpc_status(backend_pb2.ValidateBlockResponse)
    async def ValidateBlock(self, request: backend_pb2.ValidateBlockRequest) -> backend_pb2.ValidateBlockResponse:  # noqa: N802
        """Intake reports of one block."""
        async with self._turn(request):
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
