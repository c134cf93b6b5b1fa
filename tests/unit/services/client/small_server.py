"""A small Epitaxy server over grpc.aio: deterministic answers, out of order, with faults on demand.

Ids steer it: ``bad*`` is refused, ``lost*`` always fails with a retryable error, ``flaky*`` only the first time,
``kcl*`` is another compound.
"""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from zlib import crc32

import explaining
import grpc
import numpy as np
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from epitaxy.answers.from_items import columns_of
from epitaxy.api.common.v1 import model_pb2, property_pb2, structure_pb2
from epitaxy.api.models.v1 import models_pb2, models_pb2_grpc
from epitaxy.api.prediction.v1 import (
    explanation_pb2,
    prediction_pb2,
    prediction_pb2_grpc,
    structures_pb2,
    structures_pb2_grpc,
)

T = TypeVar("T")
GROUPS = {"metals": {"n": 21, "mae": 0.25, "coverage": 0.9, "mean_interval_width": 1.5}}
WELL_KNOWN = {
    "textbook": {"all": {"n": 22, "mae": 0.5, "coverage": 0.8, "mean_interval_width": 1.25}},
    "out_of_fold": {
        "1 element": {
            "n": 23,
            "n_formulas": 9,
            "mae": 0.125,
            "mae_low": 0.1,
            "mae_high": 0.2,
            "coverage_80": 0.75,
            "coverage_90": 0.875,
            "coverage_95": 0.96,
            "mean_interval_width": 2.5,
        }
    },
}
UNITS = {"formation_energy": "eV/atom", "band_gap": "eV"}


@dataclass
class Faults:
    """What goes wrong, and what was seen."""

    drop_after_messages: int | None = None
    drops_left: int = 1
    delay_seconds: float = 0.0
    required_key: str | None = None
    is_mute: bool = False
    model_version: str = "1"
    knows_columns: bool = True
    seen_ids: Counter[str] = field(default_factory=Counter)
    seen_kinds: Counter[str] = field(default_factory=Counter)
    seen_metadata: list[dict[str, str]] = field(default_factory=list)
    n_screens: int = 0


class SmallServicer(
    prediction_pb2_grpc.PredictionServiceServicer,
    structures_pb2_grpc.StructureServiceServicer,
    models_pb2_grpc.ModelServiceServicer,
):
    def __init__(self, faults: Faults) -> None:
        self.faults = faults

    async def Predict(self, request: Any, context: Any) -> prediction_pb2.PredictResponse:
        await self._admit(context)
        if len(request.structures) > 64:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "at most 64 structures")
        return prediction_pb2.PredictResponse(results=await self._block(request, 0, context))

    async def Screen(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[prediction_pb2.ScreenResponse]:
        await self._admit(context)
        self.faults.n_screens += 1
        answers: asyncio.Queue[Any] = asyncio.Queue()
        reader = asyncio.create_task(self._read(requests, answers, context))
        counts: Counter[str] = Counter()
        n_answered = 0
        try:
            while (block := await answers.get()) is not None:
                n_answered += 1
                counts["answered"] += sum(result.HasField("prediction") for result in block.results)
                counts["answered"] += block.columns.outcomes.count(b"\0")
                if self._must_drop(n_answered):
                    await context.abort(grpc.StatusCode.UNAVAILABLE, "going away")
                if not self.faults.is_mute:
                    yield prediction_pb2.ScreenResponse(results=block)
            await reader
        finally:
            reader.cancel()
        summary = prediction_pb2.ScreenSummary(counts=prediction_pb2.OutcomeCounts(**counts))
        yield prediction_pb2.ScreenResponse(summary=summary)

    async def Embed(self, request: Any, context: Any) -> prediction_pb2.EmbedResponse:
        await self._admit(context)
        embeddings = []
        for item_id, content in contents(request.structures):
            error = self._error(item_id, content)
            vector = np.full(4, value_of(content, "embedding"), dtype="<f4").tobytes()
            outcome = {"error": error} if error else {"embedding": vector}
            embeddings.append(prediction_pb2.StructureEmbedding(id=item_id, cache_hit=False, **outcome))
        return prediction_pb2.EmbedResponse(model=self._stamp(), dimension=4, embeddings=embeddings)

    async def Explain(self, request: Any, context: Any) -> explanation_pb2.ExplainResponse:
        await self._admit(context)
        if request.property not in ("", *UNITS):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"unknown property {request.property}")
        results = []
        for item_id, content in contents(request.structures):
            error = self._error(item_id, content)
            found = explaining.explanation(is_faithful=not item_id.startswith("odd"), n_nearest=request.n_nearest)
            if item_id == "CC#N":
                found = explaining.material()
            outcome = {"error": error} if error else {"explanation": found}
            results.append(explanation_pb2.ExplanationResult(id=item_id, **outcome))
        return explaining.response(*results, name=request.property or "formation_energy")

    async def Validate(self, request: Any, context: Any) -> structures_pb2.ValidateResponse:
        await self._admit(context)
        reports = []
        for item_id, content in contents(request.structures):
            error = self._error(item_id, content)
            repairs = [structure_pb2.Repair(code="WRAPPED_COORDINATES", message="1 site")]
            outcome = {"error": error} if error else {"reduced_formula": "NaCl", "n_sites": 2, "repairs": repairs}
            reports.append(structures_pb2.IntakeReport(id=item_id, **outcome))
        return structures_pb2.ValidateResponse(reports=reports)

    async def ListModels(self, request: Any, context: Any) -> models_pb2.ListModelsResponse:
        await self._admit(context)
        if not request.page_token:
            return models_pb2.ListModelsResponse(models=[self._card("substrate")], next_page_token="2")
        return models_pb2.ListModelsResponse(models=[self._card("film")])

    async def GetModel(self, request: Any, context: Any) -> models_pb2.GetModelResponse:
        await self._admit(context)
        name = request.model.name or "substrate"
        if name not in ("substrate", "film"):
            await context.abort(grpc.StatusCode.NOT_FOUND, f"no model {name!r}")
        return models_pb2.GetModelResponse(model=self._card(name))

    async def _admit(self, context: Any) -> None:
        metadata = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
        self.faults.seen_metadata.append(metadata)
        context.set_trailing_metadata((("x-request-id", metadata.get("x-request-id", "")),))
        key = self.faults.required_key
        if key is not None and metadata.get("authorization") != f"Bearer {key}":
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "unknown API key")

    async def _read(self, requests: AsyncIterator[Any], answers: asyncio.Queue[Any], context: Any) -> None:
        """Works on all messages at once; every other one takes longer, so its answer comes out of order."""

        async def answer(request: Any) -> None:
            await asyncio.sleep(0.03 if request.sequence % 2 == 0 else 0.0)
            await answers.put(await self._block(request, request.sequence, context))

        try:
            async with asyncio.TaskGroup() as group:
                async for request in requests:
                    group.create_task(answer(request))
        finally:
            await answers.put(None)

    def _must_drop(self, n_answered: int) -> bool:
        limit = self.faults.drop_after_messages
        if limit is None or n_answered <= limit or self.faults.drops_left == 0:
            return False
        self.faults.drops_left -= 1
        return True

    async def _block(self, request: Any, sequence: int, context: Any) -> prediction_pb2.ResultBlock:
        unknown = set(request.options.properties) - set(UNITS)
        if unknown:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"unknown property {sorted(unknown)[0]}")
        await asyncio.sleep(self.faults.delay_seconds)
        names = list(request.options.properties) or list(UNITS)
        results = [
            self._answer(item_id, content, names, request.options) for item_id, content in contents(request.structures)
        ]
        self.faults.seen_kinds.update(structure.WhichOneof("source") for structure in request.structures)
        block = prediction_pb2.ResultBlock(
            sequence=sequence, model=self._stamp(), properties=[_property_stamp(name) for name in names]
        )
        if self.faults.knows_columns and request.options.answer_form == prediction_pb2.ANSWER_FORM_COLUMNS:
            block.columns.CopyFrom(columns_of(results, len(names)))
        else:
            block.results.extend(reversed(results))
        return block

    def _answer(self, item_id: str, content: bytes, names: list[str], options: Any) -> prediction_pb2.StructureResult:
        error = self._error(item_id, content)
        self.faults.seen_ids[item_id] += 1
        if error is not None:
            return prediction_pb2.StructureResult(id=item_id, error=error)
        values = [_value(content, name, index, options.coverage) for index, name in enumerate(names)]
        domain = prediction_pb2.DomainAssessment(score=0.25, verdict=prediction_pb2.DOMAIN_VERDICT_IN_DOMAIN)
        prediction = prediction_pb2.StructurePrediction(
            reduced_formula=_formula_of(item_id),
            n_sites=2,
            values=values,
            domain=domain,
            cache_hit=crc32(content) % 2 == 0,
        )
        return prediction_pb2.StructureResult(id=item_id, prediction=prediction)

    def _error(self, item_id: str, content: bytes) -> structure_pb2.ItemError | None:
        if item_id.startswith("bad") or content == b"":
            return structure_pb2.ItemError(reason="PARTIAL_OCCUPANCY", message="order the sites")
        if item_id.startswith("lost") or (item_id.startswith("flaky") and not self.faults.seen_ids[item_id]):
            return structure_pb2.ItemError(reason="REPLICA_LOST", message="try again", retryable=True)
        return None

    def _stamp(self, name: str = "substrate") -> model_pb2.ModelStamp:
        version = self.faults.model_version
        return model_pb2.ModelStamp(name=name, version=version, digest=f"sha256:{version * 64}")

    def _card(self, name: str) -> models_pb2.ModelCard:
        properties = [
            models_pb2.PropertyCard(
                definition=_property_stamp(prop).definition,
                calibration=_property_stamp(prop).calibration,
                metrics={"test_mae": 0.1},
            )
            for prop in UNITS
        ]
        data = models_pb2.TrainingData(name="Materials Project", license="CC-BY 4.0", n_train=10, split="by formula")
        old = models_pb2.BaseModel(name="substrate", version="1", weights_digest="sha256:old", is_current=False)
        return models_pb2.ModelCard(
            base=old if name == "film" else None,
            stamp=self._stamp(name),
            aliases=["champion"],
            properties=properties,
            training_data=data,
            n_members=5,
            kinds=[structure_pb2.MATERIAL_KIND_MOLECULE, structure_pb2.MATERIAL_KIND_POLYMER],
            card_json=json.dumps(
                {"properties": [{"definition": {"name": n}, "errors_by_group": GROUPS, **WELL_KNOWN} for n in UNITS]}
            ),
        )


def _formula_of(item_id: str) -> str:
    return "KCl" if item_id.startswith("kcl") else "NaCl"


def contents(structures: Any) -> Iterator[tuple[str, bytes]]:
    """Id and bytes of each structure."""
    for structure in structures:
        if structure.WhichOneof("source") != "packed":
            yield structure.id, getattr(structure, structure.WhichOneof("source")).encode()
            continue
        block = structure.packed
        n_sites = np.frombuffer(block.n_sites, dtype="<u4")
        lattices = np.frombuffer(block.lattices_angstrom, dtype="<f8").reshape(-1, 9)
        ends = np.cumsum(n_sites)
        for item_id, lattice, begin, end in zip(block.ids, lattices, ends - n_sites, ends, strict=True):
            coords = block.frac_coords[24 * begin : 24 * end]
            assert len(coords) == 24 * (end - begin)
            yield item_id, lattice.tobytes() + block.atomic_numbers[begin:end] + coords


def value_of(content: bytes, name: str) -> float:
    return crc32(content + name.encode()) / 2**32


def _value(content: bytes, name: str, index: int, coverage: float) -> prediction_pb2.PropertyValue:
    value = value_of(content, name)
    interval = property_pb2.PredictionInterval(lower=value - 0.5, upper=value + 0.5, coverage=coverage or 0.9)
    return prediction_pb2.PropertyValue(
        property_index=index, value=value, epistemic_std=0.1, aleatoric_std=0.2, interval=interval
    )


def _property_stamp(name: str) -> prediction_pb2.PropertyStamp:
    definition = property_pb2.PropertyDefinition(
        name=name, unit=UNITS[name], fidelity=property_pb2.FIDELITY_PBE, level_of_theory="PBE, 2018", lower_bound=0.0
    )
    calibration = property_pb2.CalibrationStamp(
        method="split-conformal", n_calibration=100, measured_coverage=0.91, nominal_coverage=0.9, n_measured=200
    )
    return prediction_pb2.PropertyStamp(definition=definition, calibration=calibration)


@asynccontextmanager
async def serving(
    faults: Faults, port: int = 0, is_healthy: bool = True, credentials: Any = None
) -> AsyncIterator[str]:
    """Runs the server in this loop and gives its address."""
    server = grpc.aio.server()
    servicer = SmallServicer(faults)
    prediction_pb2_grpc.add_PredictionServiceServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]  # generated
    structures_pb2_grpc.add_StructureServiceServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]  # generated
    models_pb2_grpc.add_ModelServiceServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]  # generated
    status = health_pb2.HealthCheckResponse.SERVING if is_healthy else health_pb2.HealthCheckResponse.NOT_SERVING
    checks = health.aio.HealthServicer()
    await checks.set("", status)
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    address = f"127.0.0.1:{port}"
    bound = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    await server.start()
    try:
        yield f"127.0.0.1:{bound}"
    finally:
        await server.stop(0)


@contextmanager
def in_thread(server: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """Runs what serves in a loop beside a blocking client."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="server-of-a-test")
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result()
        asyncio.run_coroutine_threadsafe(_end_all_others(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end_all_others() -> None:
    """Ends what calls that were broken off have left: a task that outlives its loop fails some later test."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def serving_in_thread(
    faults: Faults, port: int = 0, is_healthy: bool = True, credentials: Any = None
) -> AbstractContextManager[str]:
    """Runs the server beside a blocking client and gives its address."""
    return in_thread(serving(faults, port, is_healthy, credentials))
