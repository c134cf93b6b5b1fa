"""A small server of measurements on a real store: every structure is predicted as 1 K, with an interval of 0.5 to 1.5.

Ids steer it: ``bad*`` is refused. The API key is the tenant's name.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import small_server

from epitaxy.api.common.v1 import model_pb2, structure_pb2
from epitaxy.api.internal.v1 import measurement_backend_pb2 as backend_pb2
from epitaxy.api.measurements.v1 import measurements_pb2, measurements_pb2_grpc
from epitaxy.api.models.v1 import models_pb2_grpc
from epitaxy.chassis.call_scope import CallScope, RpcCall
from epitaxy.chassis.errors import InvalidRequestError, UnavailableError
from epitaxy.chassis.interceptors import ErrorScope, RequestContextScope
from epitaxy.chassis.request_context import bind_tenant
from epitaxy.database.tables import Database
from epitaxy.measurements.service import MeasurementService
from epitaxy.measurements.servicer import MeasurementServicer
from epitaxy.measurements.store import SqlMeasurementStore


@dataclass
class Seen:
    """What was asked, and what is to go wrong."""

    requests: list[Any] = field(default_factory=list)
    drops_left: int = 0
    """Reports that are recorded, and their answers lost."""


class KeyIsTenant(CallScope):
    @asynccontextmanager
    async def scope(self, call: RpcCall) -> AsyncIterator[None]:
        bind_tenant(call.header("authorization").removeprefix("Bearer ") or "local")
        yield


class SmallMeasurements(measurements_pb2_grpc.MeasurementServiceServicer):
    def __init__(self, seen: Seen, backend: MeasurementServicer) -> None:
        self._seen, self._backend = seen, backend

    async def ReportMeasurements(self, request: Any, context: Any) -> Any:
        self._seen.requests.append(request)
        if request.unit != "K":
            raise InvalidRequestError.of_field("unit", f"is {request.unit!r}, and tc is in 'K': convert the values")
        model = model_pb2.ModelStamp(name=request.model.name or "substrate", version=request.model.version or "1")
        good = [entry for entry in request.measurements if not entry.id.startswith("bad")]
        record = backend_pb2.RecordMeasurementsRequest(
            model=model, property=request.property or "tc", unit="K", measurements=[_predicted(entry) for entry in good]
        )
        answer = await self._backend.RecordMeasurements(record, context)
        if self._seen.drops_left:
            self._seen.drops_left -= 1
            raise UnavailableError("going away")
        error = structure_pb2.ItemError(reason="PARTIAL_OCCUPANCY", message="order the sites")
        refused = [
            measurements_pb2.MeasurementResult(id=entry.id, error=error)
            for entry in request.measurements
            if entry not in good
        ]
        results = [*reversed(answer.results), *refused]
        return measurements_pb2.ReportMeasurementsResponse(model=model, results=results, health=answer.health)

    async def GetModelHealth(self, request: Any, context: Any) -> Any:
        model = model_pb2.ModelStamp(name=request.model.name or "substrate", version=request.model.version or "1")
        answer = await self._backend.ReadModelHealth(backend_pb2.ReadModelHealthRequest(model=model), context)
        return measurements_pb2.GetModelHealthResponse(model=answer.model, properties=answer.properties)


def _predicted(entry: Any) -> backend_pb2.PredictedMeasurement:
    return backend_pb2.PredictedMeasurement(
        id=entry.id, reduced_formula="NaCl", value=entry.value, predicted=1.0, lower=0.5, upper=1.5, coverage=0.9
    )


@asynccontextmanager
async def serving(folder: Path, seen: Seen) -> AsyncIterator[str]:
    """Runs the server in this loop and gives its address."""
    database = Database(f"sqlite:///{folder / 'jobs.db'}")
    service = MeasurementService(SqlMeasurementStore(database), lambda tenant: 10_000)
    server = grpc.aio.server(interceptors=[RequestContextScope(), ErrorScope(), KeyIsTenant()])
    small = small_server.SmallServicer(small_server.Faults())
    models_pb2_grpc.add_ModelServiceServicer_to_server(small, server)  # type: ignore[no-untyped-call]  # generated
    measurements = SmallMeasurements(seen, MeasurementServicer(service))
    measurements_pb2_grpc.add_MeasurementServiceServicer_to_server(measurements, server)  # type: ignore[no-untyped-call]  # generated
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)
        database.close()


def serving_in_thread(folder: Path, seen: Seen) -> AbstractContextManager[str]:
    """Runs the server beside a blocking client and gives its address."""
    return small_server.in_thread(serving(folder, seen))


def rows(count: int, value: float = 1.0) -> list[dict[str, Any]]:
    """Measured crystals that differ."""
    lattices = [[[3 + index / 1000, 0, 0], [0, 3, 0], [0, 0, 3]] for index in range(count)]
    structures = [{"lattice": lattice, "species": [11], "frac": [[0, 0, 0]]} for lattice in lattices]
    return [{"id": f"s{index}", "structure": structure, "tc_k": value} for index, structure in enumerate(structures)]
