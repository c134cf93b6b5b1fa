"""The adapter to the MeasurementBackendService, which the fine-tune service answers."""

from epitaxy.api.internal.v1 import measurement_backend_pb2
from epitaxy.chassis.errors import FailedPreconditionError
from epitaxy.gateway.measurements.domain import KeptBatch, MeasurementBatch, ModelVersion
from epitaxy.gateway.measurements.messages import encode_batch, read_kept_batch, stamp
from epitaxy.gateway.upstream.forwarding import ForwardingConnection

_SERVICE = measurement_backend_pb2.DESCRIPTOR.services_by_name["MeasurementBackendService"].full_name


class GrpcMeasurementKeeper:
    """Implements the MeasurementKeeper port."""

    def __init__(self, connection: ForwardingConnection) -> None:
        self._connection = connection

    def check_configured(self) -> None:
        """Raises FailedPreconditionError if there is no fine-tune service."""
        if not self._connection.is_configured:
            raise FailedPreconditionError(
                "measurements are kept by the fine-tune service, which is not set up on this server: ask its operator",
                reason="MEASUREMENTS_NOT_CONFIGURED",
            )

    async def record(self, batch: MeasurementBatch) -> KeptBatch:
        """Keeps measurements beside their predictions."""
        return read_kept_batch(await self._connection.call(f"/{_SERVICE}/RecordMeasurements", encode_batch(batch)))

    async def read_health(self, model: ModelVersion) -> bytes:
        """A ReadModelHealthResponse; its bytes are those of a GetModelHealthResponse, too."""
        request = measurement_backend_pb2.ReadModelHealthRequest(model=stamp(model)).SerializeToString()
        return await self._connection.call(f"/{_SERVICE}/ReadModelHealth", request)
