"""What a client can do about measurements of what was predicted."""

from collections.abc import Sequence
from typing import Any

from epitaxy.api.measurements.v1 import measurements_pb2, measurements_pb2_grpc
from epitaxy.client.finetune.calls import FineTuneCalls
from epitaxy.client.measurements.batches import MeasurementQuery, ReportProgress, ReportTally
from epitaxy.client.measurements.results import MeasurementReport, ModelHealth
from epitaxy.client.selector import parse_model


class MeasurementCalls:
    """The calls of the measurement service, over a blocking channel; all of them are safe to repeat."""

    def __init__(self, channel: Any, calls: FineTuneCalls) -> None:
        self._calls = calls
        self._stub = measurements_pb2_grpc.MeasurementServiceStub(channel)  # type: ignore[no-untyped-call]  # generated

    def report(self, request: measurements_pb2.ReportMeasurementsRequest) -> Any:
        """Reports measurements, again where the connection was lost. Raises EpitaxyClientError."""
        return self._calls.repeat(self._stub.ReportMeasurements, request)

    def health(self, request: measurements_pb2.GetModelHealthRequest) -> Any:
        """How a model does, asked once. Raises EpitaxyClientError."""
        return self._calls.once(self._stub.GetModelHealth, request)


class MeasurementMethods:
    """The part of ``Client`` that holds models to what was measured."""

    _measurements: MeasurementCalls

    def report_measurements(
        self,
        data: Any,
        *,
        unit: str,
        value: str,
        model: str | None = None,
        property: str = "",  # noqa: A002 - as predictions call it
        id: str = "id",  # noqa: A002 - as predictions call it
        structure: str = "structure",
        known: Sequence[str] = (),
        on_progress: ReportProgress | None = None,
    ) -> MeasurementReport:
        """Tells the server what was measured, so that it can say whether the model's intervals still hold.

        Every row is known by its id: what was reported before counts once, so a report that was cut short is simply
        made again.

        Args:
            data: A data frame; rows as dicts; a dict of columns; a path of Parquet, CSV or JSON Lines, or of a folder
                with a table and CIF files.
            unit: Of the values: the property's own.
            value: Column of the values; rows without one are left out.
            model: As in ``predict``.
            property: That was measured; the model's first where left out.
            id: Column of ids, unique for a model and property, of at most 128 characters.
            structure: Column of the structures, as in ``finetune``.
            known: Columns of known values that a model of your own reads beside the structures.
            on_progress: Called with the rows done and the rows there are after every message.

        Raises:
            InvalidRequestError: a row has no id or no number, or the unit is not the property's; names which.
            QuotaExceededError: too many structures in a minute, or too many measurements kept.
        """
        rows = MeasurementQuery(model, property, unit, value, id, structure, tuple(known)).read(data)
        tally = ReportTally(rows, on_progress)
        for batch in rows.batches():
            request = batch.request
            tally.add(batch, None if request is None else self._measurements.report(request))
        return tally.report()

    def model_health(self, model: str | None = None) -> ModelHealth:
        """Coverage and error of a model on the tenant's latest measurements. Raises NotFoundError."""
        request = measurements_pb2.GetModelHealthRequest(model=parse_model(model))
        return ModelHealth.from_proto(self._measurements.health(request))
