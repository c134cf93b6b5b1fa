"""A real gateway on free loopback ports in front of a real gRPC backend that does as a test tells it."""

import asyncio
import struct
import sys
import urllib.request
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from epitaxy.api.common.v1.model_pb2 import ModelStamp
from epitaxy.api.common.v1.structure_pb2 import ItemError, PackedStructures, StructureInput
from epitaxy.api.internal.v1 import prediction_backend_pb2, prediction_backend_pb2_grpc
from epitaxy.api.models.v1 import models_pb2, models_pb2_grpc
from epitaxy.api.prediction.v1 import (
    explanation_pb2,
    prediction_pb2,
    prediction_pb2_grpc,
    structures_pb2,
    structures_pb2_grpc,
)
from epitaxy.chassis.status import to_rpc_status
from epitaxy.chassis.structure_ids import structure_ids
from epitaxy.gateway.server import Gateway
from epitaxy.gateway.settings import GatewaySettings
from epitaxy_models.errors import EpitaxyError

sys.path.insert(0, str(Path(__file__).parent))

Fault = EpitaxyError | tuple[grpc.StatusCode, str]


class ScriptedBackend(prediction_backend_pb2_grpc.PredictionBackendServiceServicer):
    """Predicts ``good`` CIF texts, refuses others; a chunk goes by the id of its first structure."""

    def __init__(self) -> None:
        self.faults: dict[str, list[Fault]] = defaultdict(list)
        self.always: dict[str, Fault] = {}
        self.gates: dict[str, asyncio.Event] = {}
        self.drops: set[str] = set()
        self.wordy: dict[str, int] = {}
        self.calls: list[str] = []
        self.cancelled: list[str] = []
        self.metadata: list[dict[str, str]] = []
        self.seconds_left: list[float | None] = []
        self.active = 0
        self.max_active = 0

    async def Evaluate(self, request, context):
        ids = structure_ids(request.structures)
        await self._behave(ids[0], context)
        bad = {structure.id for structure in request.structures if structure.cif == "bad"}
        results = [_result(name, is_bad=name in bad) for name in ids if name not in self.drops]
        for result in results:
            if result.id in self.wordy:
                result.error.CopyFrom(ItemError(reason="UNREADABLE", message="x" * self.wordy[result.id]))
        block = prediction_pb2.ResultBlock(
            sequence=999, model=ModelStamp(name="crystals", version="1", digest="sha256:0"), results=results
        )
        return prediction_backend_pb2.EvaluateResponse(results=block)

    async def EmbedBlock(self, request, context):
        await self._behave("embed", context)
        embeddings = [
            prediction_pb2.StructureEmbedding(id=name, embedding=struct.pack("<2f", 1, 2))
            for name in structure_ids(request.structures)
        ]
        return prediction_backend_pb2.EmbedBlockResponse(dimension=2, embeddings=embeddings)

    async def ExplainBlock(self, request, context):
        await self._behave("explain", context)
        results = [
            explanation_pb2.ExplanationResult(id=one.id, error=ItemError(reason="UNREADABLE", message="no CIF"))
            if one.cif == "bad"
            else explanation_pb2.ExplanationResult(id=one.id, explanation=explanation_pb2.Explanation(value=1.5))
            for one in request.structures
        ]
        return prediction_backend_pb2.ExplainBlockResponse(model=ModelStamp(name="crystals"), results=results)

    async def ValidateBlock(self, request, context):
        await self._behave("validate", context)
        reports = [structures_pb2.IntakeReport(id=name) for name in structure_ids(request.structures)]
        return prediction_backend_pb2.ValidateBlockResponse(reports=reports)

    async def ListServedModels(self, request, context):
        # Not counted among the calls: a gateway asks this at any time, to see whether anybody is there.
        if "models" in self.gates:
            await self.gates["models"].wait()
        card = models_pb2.ModelCard(stamp=ModelStamp(name="crystals"))
        return prediction_backend_pb2.ListServedModelsResponse(models=[card])

    async def GetServedModel(self, request, context):
        await self._behave("model", context)
        card = models_pb2.ModelCard(stamp=ModelStamp(name=request.model.name))
        return prediction_backend_pb2.GetServedModelResponse(model=card)

    def gate(self, *names: str) -> None:
        """Holds chunks until their gate is opened."""
        self.gates |= {name: asyncio.Event() for name in names}

    async def _behave(self, name: str, context: Any) -> None:
        self.calls.append(name)
        self.metadata.append({item.key: item.value for item in context.invocation_metadata()})
        self.seconds_left.append(context.time_remaining())
        self.active += 1
        self.max_active = max(self.max_active, self.active)
        try:
            if name in self.gates:
                await self.gates[name].wait()
        except asyncio.CancelledError:
            self.cancelled.append(name)
            raise
        finally:
            self.active -= 1
        fault = self.faults[name].pop(0) if self.faults[name] else self.always.get(name)
        if fault is not None:
            await context.abort_with_status(_status(fault))


@dataclass(frozen=True)
class RawStatus(grpc.Status):
    code: grpc.StatusCode
    details: str
    trailing_metadata: tuple = ()


def _status(fault: Fault) -> Any:
    return to_rpc_status(fault) if isinstance(fault, EpitaxyError) else RawStatus(*fault)


def _result(name: str, *, is_bad: bool) -> prediction_pb2.StructureResult:
    if is_bad:
        error = ItemError(reason="PARTIAL_OCCUPANCY", message="order the sites first", retryable=False)
        return prediction_pb2.StructureResult(id=name, error=error)
    domain = prediction_pb2.DomainAssessment(verdict=prediction_pb2.DOMAIN_VERDICT_IN_DOMAIN)
    prediction = prediction_pb2.StructurePrediction(n_sites=1, domain=domain, cache_hit=True)
    return prediction_pb2.StructureResult(id=name, prediction=prediction)


@dataclass
class Edge:
    """A started gateway and a client's channel to it."""

    gateway: Gateway
    channel: grpc.aio.Channel
    prediction: prediction_pb2_grpc.PredictionServiceStub = field(init=False)
    structures: structures_pb2_grpc.StructureServiceStub = field(init=False)
    models: models_pb2_grpc.ModelServiceStub = field(init=False)
    health: health_pb2_grpc.HealthStub = field(init=False)

    def __post_init__(self) -> None:
        self.prediction = prediction_pb2_grpc.PredictionServiceStub(self.channel)
        self.structures = structures_pb2_grpc.StructureServiceStub(self.channel)
        self.models = models_pb2_grpc.ModelServiceStub(self.channel)
        self.health = health_pb2_grpc.HealthStub(self.channel)

    async def health_status(self, service: str = "") -> str:
        answer = await self.health.Check(health_pb2.HealthCheckRequest(service=service))
        return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)

    async def metrics(self) -> dict[str, float]:
        """Samples of the metrics endpoint by their text: ``name{label="value"}``."""
        text = await asyncio.to_thread(_fetch, f"http://127.0.0.1:{self.gateway.metrics_port}/metrics")
        samples = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in samples}


def _fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:
        return response.read().decode()


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
def backend() -> ScriptedBackend:
    return ScriptedBackend()


@pytest.fixture
async def upstream(stack: AsyncExitStack, backend: ScriptedBackend) -> str:
    """Address of the running backend."""
    server = grpc.aio.server()
    prediction_backend_pb2_grpc.add_PredictionBackendServiceServicer_to_server(backend, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    stack.push_async_callback(server.stop, None)
    return f"127.0.0.1:{port}"


EdgeFactory = Callable[..., Awaitable[Edge]]


@pytest.fixture
def start_edge(stack: AsyncExitStack, upstream: str) -> EdgeFactory:
    """Starts a gateway with the given settings changed, and connects to it."""

    async def start(credentials: grpc.ChannelCredentials | None = None, **changes: Any) -> Edge:
        gateway = await stack.enter_async_context(Gateway(_settings(upstream, changes)))
        if credentials is None:
            channel = grpc.aio.insecure_channel(gateway.address)
        else:
            channel = grpc.aio.secure_channel(gateway.address, credentials)
        return Edge(gateway, await stack.enter_async_context(channel))

    return start


@pytest.fixture
async def edge(start_edge: EdgeFactory) -> Edge:
    return await start_edge()


def _settings(upstream: str, changes: dict[str, Any]) -> GatewaySettings:
    quick: dict[str, Any] = {
        "port": 0,
        "metrics_port": 0,
        "upstream": upstream,
        "retry_base_seconds": 0.01,
        "readiness_interval_seconds": 0.05,
        "shutdown_grace_seconds": 0.5,
    }
    return GatewaySettings(**(quick | changes))


@pytest.fixture
def message() -> Callable[..., prediction_pb2.ScreenRequest]:
    """Makes a ScreenRequest of CIF structures with the given ids."""

    def make(*ids: str, sequence: int = 0, coverage: float = 0.0, cif: str = "good") -> prediction_pb2.ScreenRequest:
        return prediction_pb2.ScreenRequest(
            options=prediction_pb2.PredictionOptions(coverage=coverage),
            structures=[StructureInput(id=name, cif=cif) for name in ids],
            sequence=sequence,
        )

    return make


@pytest.fixture
def packed() -> Callable[..., StructureInput]:
    """Makes a packed block of one-site structures (only its counts matter to a gateway)."""

    def make(count: int, block_id: str = "block", ids: tuple[str, ...] = ()) -> StructureInput:
        block = PackedStructures(ids=ids, n_sites=struct.pack(f"<{count}I", *[1] * count))
        return StructureInput(id=block_id, packed=block)

    return make


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    """Waits until a condition holds; fails after five seconds."""

    async def wait(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110  # the condition lies across a network
                await asyncio.sleep(0.005)

    return wait
