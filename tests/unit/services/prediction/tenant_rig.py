"""Tenants' models in one process: a real registry on sqlite, the shipped network, and the servicer of a replica."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from prediction_rig import Rig

from epitaxy.api.common.v1.model_pb2 import ModelSelector
from epitaxy.api.common.v1.structure_pb2 import StructureInput
from epitaxy.api.internal.v1 import prediction_backend_pb2 as backend_pb2
from epitaxy.api.prediction.v1.prediction_pb2 import PredictionOptions, ResultBlock
from epitaxy.chassis.model_names import ModelName
from epitaxy.chassis.request_context import RequestContext, bind_request
from epitaxy.prediction.explaining.material_replica import MaterialExplainers, explain_material
from epitaxy.prediction.explaining.materials import MaterialExplanations
from epitaxy.prediction.explaining.service import ExplanationService
from epitaxy.prediction.featurizing.service import FeatureService
from epitaxy.prediction.materials.answers import MaterialAnswers
from epitaxy.prediction.materials.services import MaterialServices
from epitaxy.prediction.materials.tenants import MaterialTenants
from epitaxy.prediction.networks.tenant_runner import TenantRunner
from epitaxy.prediction.servicer import PredictionServicer
from epitaxy.prediction.tenants.lanes import LaneLimits, TenantLanes
from epitaxy.prediction.tenants.models import TenantModels
from epitaxy.prediction.tenants.service import TenantService
from epitaxy.prediction.tenants.substrates import Substrate, Substrates
from epitaxy.registry.mlflow_registry import MlflowRegistry
from epitaxy.registry.ports import Alias
from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.ensembles.catalogue import SubstrateCatalogue
from epitaxy_models.review import DEFAULT_POLICY
from epitaxy_models.structures import Structure
from epitaxy_models.transfer.fitted.model import TransferModel

POLL_SECONDS = 0.2


class LocalNetworks:
    """A NetworkBackend on the runner of this process."""

    def __init__(self, runner: TenantRunner) -> None:
        self._runner, self.n_calls = runner, 0

    async def predict(self, version, question):
        self.n_calls += 1
        return await self._runner.predict(version, question)


@dataclass
class CountedRegistry:
    """A registry that remembers what it was asked."""

    registry: MlflowRegistry
    calls: list[tuple[str, str]] = field(default_factory=list)

    def exists(self) -> bool:
        return self.registry.exists()

    def __getattr__(self, name: str) -> Callable[..., object]:
        method = getattr(self.registry, name)

        def called(subject, *arguments, **options):
            self.calls.append((name, str(getattr(subject, "model", subject))))
            return method(subject, *arguments, **options)

        return called


class NoExplanations:
    """An ExplanationBackend that nothing may reach."""

    async def explain(self, structures, query):
        raise AssertionError("a tenant's model went to the explainer")


class LocalExplainers:
    """A MaterialExplanationBackend in this process."""

    def __init__(self, registry: CountedRegistry) -> None:
        self._explain = MaterialExplainers(registry.fetch)

    async def explain_materials(self, questions, query):
        return [explain_material(self._explain, question, query) for question in questions]


class TenantRig:
    """A replica's servicer with everything that a test looks at."""

    def __init__(
        self,
        rig: Rig,
        registry: MlflowRegistry,
        scratch: Path,
        limits: LaneLimits,
        earlier: Sequence[Path] = (),
        open_rig: Callable[[ModelArtifact], Rig] | None = None,
    ) -> None:
        self.rig, self.registry, self._scratch = rig, CountedRegistry(registry), scratch
        catalogue = SubstrateCatalogue(rig.service.artifact, earlier)
        self.not_loaded: list[str] = []
        self.models = TenantModels(self.registry, TenantLanes("registry", limits), catalogue, POLL_SECONDS, 2**26, self)
        self.networks = LocalNetworks(TenantRunner(self.models, TenantLanes("networks", limits)))
        self.opened: list[Rig] = []
        self.substrates = Substrates(Substrate.of(rig.service), catalogue, partial(self._open, open_rig))
        lanes = TenantLanes("heads", limits)
        self.service = TenantService(self.substrates, self.models, lanes, self.networks)
        services = MaterialServices(lambda label: rig.metrics, DEFAULT_POLICY)
        self.materials = MaterialAnswers(services, MaterialTenants(services, self.models, lanes))
        self.explanations = ExplanationService(rig.service, NoExplanations(), calls_each=1)
        self.servicer = PredictionServicer(
            self.substrates,
            self.service,
            self.models,
            self.explanations,
            FeatureService(lanes),
            self.materials,
            MaterialExplanations(services, self.models, LocalExplainers(self.registry), self.explanations),
        )

    def _open(self, open_rig: Callable[[ModelArtifact], Rig], artifact: ModelArtifact) -> Substrate:
        self.opened.append(open_rig(artifact))
        return Substrate.of(self.opened[-1].service, is_current=False)

    def count_not_loaded(self, reason: str) -> None:
        self.not_loaded.append(reason)

    def publish(self, name: str, model: TransferModel, alias: Alias | None = Alias.CHAMPION) -> str:
        """Registers a model as tenant/name; its version."""
        folder = self._scratch / os.urandom(8).hex()
        model.save(folder)
        full = ModelName(*name.split("/"))
        version = self.registry.registry.register(full, folder).version
        if alias is Alias.CHAMPION:
            self.registry.registry.promote(full, version)
        elif alias is not None:
            self.registry.registry.set_alias(full, alias, version)
        return version

    async def ask(self, tenant: str, name: str, structures: list[Structure], known=None, **selector) -> ResultBlock:
        """What a tenant gets for a block of structures."""
        bind_request(RequestContext("r-1", tenant))
        options = PredictionOptions(model=ModelSelector(name=name, **selector))
        request = backend_pb2.EvaluateRequest(options=options, structures=inputs_of(structures, known))
        return (await self.servicer.evaluate(request)).results

    async def embed(self, tenant: str, name: str):
        bind_request(RequestContext("r-1", tenant))
        return await self.servicer.embed(backend_pb2.EmbedBlockRequest(model=ModelSelector(name=name)))

    async def explain(self, tenant: str, name: str, structures: list[Structure], **selector):
        bind_request(RequestContext("r-1", tenant))
        model = ModelSelector(name=name, **selector)
        request = backend_pb2.ExplainBlockRequest(model=model, structures=inputs_of(structures))
        return await self.servicer.explain(request)

    async def card(self, tenant: str, name: str, **selector):
        bind_request(RequestContext("r-1", tenant))
        reply = await self.servicer.get_model(
            backend_pb2.GetServedModelRequest(model=ModelSelector(name=name, **selector))
        )
        return reply.model

    async def listed(self, tenant: str, **request):
        bind_request(RequestContext("r-1", tenant))
        return await self.servicer.list_models(backend_pb2.ListServedModelsRequest(**request))


def inputs_of(structures: list[Structure], known: list[dict[str, float]] | None = None) -> list[StructureInput]:
    """One POSCAR a structure, with the values known of it."""
    from epitaxy_models.structures.elements import symbol_of

    inputs = []
    for number, structure in enumerate(structures):
        rows = [" ".join(map(repr, row)) for row in structure.lattice.tolist()]
        sites = [" ".join(map(repr, row)) for row in structure.frac_coords.tolist()]
        names = " ".join(symbol_of(z) for z in structure.atomic_numbers.tolist())
        text = "\n".join(["made here", "1.0", *rows, names, " ".join(["1"] * structure.n_sites), "Direct", *sites])
        values = known[number] if known else {}
        inputs.append(StructureInput(id=str(number), poscar=text + "\n", known_values=values))
    return inputs
