"""The public service of measurements: bytes on one side, the use cases on the other."""

from typing import Any

from epitaxy.api.measurements.v1 import measurements_pb2
from epitaxy.gateway.handlers import servicer_handler
from epitaxy.gateway.measurements.messages import encode_report_answer, read_health_request, read_report
from epitaxy.gateway.measurements.service import MeasurementService

MEASUREMENTS = measurements_pb2.DESCRIPTOR.services_by_name["MeasurementService"]


class MeasurementServicer:
    """epitaxy.measurements.v1.MeasurementService."""

    def __init__(self, service: MeasurementService) -> None:
        self._service = service

    async def ReportMeasurements(self, request: bytes, context: Any) -> bytes:  # noqa: N802  # the RPC's name, as below
        """Takes in what was measured."""
        return encode_report_answer(await self._service.report(read_report(request)))

    async def GetModelHealth(self, request: bytes, context: Any) -> bytes:  # noqa: N802
        """Says how a model does."""
        return await self._service.read_health(read_health_request(request))


def measurement_handler(service: MeasurementService) -> Any:
    """The handler of the service, for a server."""
    return servicer_handler(MEASUREMENTS, MeasurementServicer(service))
