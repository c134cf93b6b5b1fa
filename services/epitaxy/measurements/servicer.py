"""epitaxy.internal.v1.MeasurementBackendService: protobuf on one side, the use cases on the other.

The use cases block, so each runs in a thread; the call's context goes with it.
"""

import asyncio
from typing import Any

from epitaxy.api.common.v1.structure_pb2 import ItemError
from epitaxy.api.internal.v1 import measurement_backend_pb2 as backend_pb2
from epitaxy.api.internal.v1 import measurement_backend_pb2_grpc as backend_pb2_grpc
from epitaxy.api.measurements.v1 import measurements_pb2
from epitaxy.chassis.request_context import current_request
from epitaxy.chassis.short_text import shortened
from epitaxy.measurements.domain import Conflict, Outcome, PredictedMeasurement, PropertyHealth, Subject
from epitaxy.measurements.service import MeasurementService


class MeasurementServicer(backend_pb2_grpc.MeasurementBackendServiceServicer):
    """All methods of the service; the gateway names the tenant."""

    def __init__(self, service: MeasurementService) -> None:
        self._service = service

    async def RecordMeasurements(  # noqa: N802  # the RPC's name, as below
        self, request: backend_pb2.RecordMeasurementsRequest, context: Any
    ) -> backend_pb2.RecordMeasurementsResponse:
        """Keeps measurements beside their predictions."""
        subject = Subject(current_request().tenant, request.model.name, request.model.version, request.property)
        given = [_measurement(message) for message in request.measurements]
        outcomes, health = await asyncio.to_thread(self._service.record, subject, request.unit, given)
        return backend_pb2.RecordMeasurementsResponse(
            results=[_result(outcome) for outcome in outcomes], health=_health_message(health)
        )

    async def ReadModelHealth(  # noqa: N802
        self, request: backend_pb2.ReadModelHealthRequest, context: Any
    ) -> backend_pb2.ReadModelHealthResponse:
        """Health of the properties of a model version."""
        model = request.model
        healths = await asyncio.to_thread(self._service.health, current_request().tenant, model.name, model.version)
        return backend_pb2.ReadModelHealthResponse(
            model=model, properties=[_health_message(health) for health in healths]
        )


def _measurement(message: backend_pb2.PredictedMeasurement) -> PredictedMeasurement:
    return PredictedMeasurement(
        id=message.id,
        reduced_formula=message.reduced_formula,
        value=message.value,
        predicted=message.predicted,
        lower=message.lower,
        upper=message.upper,
        coverage=message.coverage,
    )


def _result(outcome: Outcome) -> measurements_pb2.MeasurementResult:
    if isinstance(outcome, Conflict):
        text = (
            f"{outcome.id} is known with {outcome.known_value:.10g}, and {outcome.value:.10g} is reported: "
            "give a repeated measurement an id of its own"
        )
        error = ItemError(reason="MEASUREMENT_CONFLICT", message=shortened(text))
        return measurements_pb2.MeasurementResult(id=outcome.id, error=error)
    kept = outcome.measurement
    recorded = measurements_pb2.RecordedMeasurement(
        predicted=kept.predicted,
        lower=kept.lower,
        upper=kept.upper,
        coverage=kept.coverage,
        is_inside=kept.is_inside,
        is_repeat=outcome.is_repeat,
    )
    return measurements_pb2.MeasurementResult(id=kept.id, recorded=recorded)


def _health_message(health: PropertyHealth) -> measurements_pb2.PropertyHealth:
    window = health.window
    message = measurements_pb2.PropertyHealth(
        property=health.subject.property,
        unit=health.unit,
        n_measurements=window.n_measurements,
        n_total=health.n_total,
        mean_absolute_error=window.mean_absolute_error,
        bias=window.bias,
        coverage=window.coverage,
        nominal_coverage=window.nominal_coverage,
        band_lower=window.band[0],
        band_upper=window.band[1],
        verdict=f"HEALTH_VERDICT_{window.verdict.value}",
    )
    if health.latest_measurement_at is not None:
        message.latest_measurement_time.FromDatetime(health.latest_measurement_at)
    return message
