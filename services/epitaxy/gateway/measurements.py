"""MeasurementService: what was measured is held against what the model says of it, and kept by the backend."""

from typing import Any, Protocol

from epitaxy.api.measurements.v1 import measurements_pb2, measurements_pb2_grpc
from epitaxy.api.models.v1.models_pb2 import GetModelRequest, ModelCard
from epitaxy.gateway.domain import Chunk
from epitaxy.gateway.measurement_messages import (
    check_report,
    measured_property,
    record_request,
    results_in_order,
    screen_request,
)
from epitaxy.gateway.model_access import check_model_access
from epitaxy.gateway.service import GatewayService


class MeasurementBackend(Protocol):
    """Keeps measurements. Each method is one attempt and raises an EpitaxyError."""

    def check_configured(self) -> None:
        """Raises FailedPreconditionError where this server keeps none."""

    async def record(
        self, request: measurements_pb2.RecordMeasurementsRequest
    ) -> measurements_pb2.RecordMeasurementsResponse:
        """Keeps measurements beside their predictions; a repeat counts once."""

    async def read_health(
        self, request: measurements_pb2.ReadModelHealthRequest
    ) -> measurements_pb2.GetModelHealthResponse:
        """How a version does."""


class Measurements:
    """The use cases. Structures are metered as those of a prediction are."""

    def __init__(self, service: GatewayService, backend: MeasurementBackend) -> None:
        self._service, self._backend = service, backend

    async def report(
        self, request: measurements_pb2.ReportMeasurementsRequest
    ) -> measurements_pb2.ReportMeasurementsResponse:
        """Predicts each structure and keeps what the model answers; the others have their own error.

        Whatever can be refused is refused before anything is counted or predicted.
        """
        self._backend.check_configured()
        check_report(request)
        name = measured_property(await self._card(request.model), request).name
        answer = await self._service.predict(Chunk(len(request.measurements), screen_request(request, name)))
        kept, errors = record_request(request, answer.payload, name)
        recorded = await self._backend.record(kept)
        return measurements_pb2.ReportMeasurementsResponse(
            model=kept.model, results=results_in_order(request, recorded.results, errors), health=recorded.health
        )

    async def health(self, model: Any) -> measurements_pb2.GetModelHealthResponse:
        """How the version does that a selector means now."""
        self._backend.check_configured()
        stamp = (await self._card(model)).stamp
        return await self._backend.read_health(measurements_pb2.ReadModelHealthRequest(model=stamp))

    async def _card(self, model: Any) -> ModelCard:
        card: ModelCard = (await self._service.get_model(GetModelRequest(model=model))).model
        return card


class MeasurementServicer(measurements_pb2_grpc.MeasurementServiceServicer):
    """epitaxy.measurements.v1.MeasurementService."""

    def __init__(self, measurements: Measurements) -> None:
        self._measurements = measurements

    async def ReportMeasurements(  # noqa: N802  # the RPC's name, as below
        self, request: measurements_pb2.ReportMeasurementsRequest, context: Any
    ) -> measurements_pb2.ReportMeasurementsResponse:
        """Takes in what was measured."""
        check_model_access(request.model)
        return await self._measurements.report(request)

    async def GetModelHealth(  # noqa: N802
        self, request: measurements_pb2.GetModelHealthRequest, context: Any
    ) -> measurements_pb2.GetModelHealthResponse:
        """Says how a model does."""
        check_model_access(request.model)
        return await self._measurements.health(request.model)
