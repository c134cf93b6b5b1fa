# Generated from async_methods.py by tools/generate_client.py: do not edit, run `make generate`.
"""What a client can do about measurements of what was predicted."""

from collections.abc import Sequence
from typing import Any

from epitaxy.api.measurements.v1 import measurements_pb2, measurements_pb2_grpc
from epitaxy.client.calls import Calls
from epitaxy.client.defaults import STRUCTURE_COLUMN
from epitaxy.client.inputs.conditions import ConditionColumn, condition_columns
from epitaxy.client.inputs.material_columns import MaterialColumn
from epitaxy.client.measurements.batches import MeasurementQuery, ReportProgress, ReportTally
from epitaxy.client.measurements.reading import read_model_health
from epitaxy.client.measurements.results import MeasurementReport, ModelHealth
from epitaxy.client.models.selector import parse_model
from epitaxy.client.transport import run_blocking


class MeasurementMethods:
    """The part of the client that compares models with measurements."""

    _calls: Calls
    _measurements: measurements_pb2_grpc.MeasurementServiceStub

    def report_measurements(
        self,
        data: Any,
        *,
        unit: str,
        value: str,
        model: str | None = None,
        property: str = "",  # noqa: A002 - as predictions call it
        id: str | None = None,  # noqa: A002 - as predictions call it
        structure: str | MaterialColumn = STRUCTURE_COLUMN,
        known: Sequence[str] = (),
        conditions: Sequence[ConditionColumn | str] = (),
        on_progress: ReportProgress | None = None,
    ) -> MeasurementReport:
        """Reports measured values, so that the server can say whether the model's intervals still hold.

        Every row is known by its id, and what was reported before counts once: if a report was cut short, make it
        again.

        Args:
            data: The measurements: a data frame; rows as dicts; a dict of columns; the path of a Parquet, CSV or JSON
                Lines file, or of a folder with a table and CIF files.
            unit: Unit of the values, which must be the property's own.
            value: Column of the values; rows without one are left out.
            model: ``NAME``, ``NAME@ALIAS`` or ``NAME:VERSION``, your own models included (default: the
                server's default model, of other materials that of their kind).
            property: Name of the property that was measured (default: the model's first).
            id: Column of ids (default: as in ``screen``), each unique for a model and property and of at most 128
                characters.
            structure: Column of the structures, as in ``finetune``, or where other materials are:
                ``polymer_column("smiles")``.
            known: Columns of known values that a model of your own reads beside the structures.
            conditions: Columns of conditions under which the values were measured: ``"NAME"``, ``"NAME=COLUMN"`` or
                ``"NAME=COLUMN:UNIT"``, with the names that the model's card states.
            on_progress: Called after every message with the number of rows that are done and of all rows.

        Raises:
            InvalidRequestError: A row has no id or no number, or the unit is not the property's; names which.
            QuotaExceededError: There are too many structures in a minute, or too many measurements kept.
        """
        under = condition_columns(conditions)
        query = MeasurementQuery(model, property, unit, value, id, structure, tuple(known), under)
        rows = run_blocking(query.read, data)
        tally = ReportTally(rows, on_progress)
        for batch in rows.batches():
            request = batch.request
            method = self._measurements.ReportMeasurements
            tally.add(batch, None if request is None else self._calls.repeat(method, request))
        return tally.report()

    def model_health(self, model: str | None = None) -> ModelHealth:
        """Returns coverage and error of a model on the tenant's latest measurements.

        Args:
            model: As in ``report_measurements``.

        Raises:
            NotFoundError: There is no such model.
        """
        request = measurements_pb2.GetModelHealthRequest(model=parse_model(model))
        return read_model_health(self._calls.once(self._measurements.GetModelHealth, request))
