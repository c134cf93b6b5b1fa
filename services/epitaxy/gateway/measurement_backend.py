"""The adapter to the MeasurementBackend, which the fine-tune service serves: over the forwarder's connection."""

from epitaxy.api.measurements.v1 import measurements_pb2
from epitaxy.chassis.errors import FailedPreconditionError
from epitaxy.gateway.finetune_forwarder import FineTuneForwarder

_SERVICE = measurements_pb2.DESCRIPTOR.services_by_name["MeasurementBackend"].full_name


class ForwardedMeasurements:
    """Implements the MeasurementBackend port."""

    def __init__(self, forwarder: FineTuneForwarder) -> None:
        self._forwarder = forwarder

    def check_configured(self) -> None:
        """Raises FailedPreconditionError without a fine-tune service."""
        if not self._forwarder.is_configured:
            raise FailedPreconditionError(
                "measurements are kept by the fine-tune service, which is not set up on this server: ask its operator",
                reason="MEASUREMENTS_NOT_CONFIGURED",
            )

    async def record(
        self, request: measurements_pb2.RecordMeasurementsRequest
    ) -> measurements_pb2.RecordMeasurementsResponse:
        """Keeps measurements beside their predictions."""
        answer = await self._forwarder.unary(f"/{_SERVICE}/RecordMeasurements", request.SerializeToString())
        return measurements_pb2.RecordMeasurementsResponse.FromString(answer)

    async def read_health(
        self, request: measurements_pb2.ReadModelHealthRequest
    ) -> measurements_pb2.GetModelHealthResponse:
        """How a version does."""
        answer = await self._forwarder.unary(f"/{_SERVICE}/ReadModelHealth", request.SerializeToString())
        return measurements_pb2.GetModelHealthResponse.FromString(answer)
