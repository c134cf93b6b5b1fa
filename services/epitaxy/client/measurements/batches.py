"""Measurements on their way to the server: rows of a table, cut into requests."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy.api.measurements.v1 import measurements_pb2
from epitaxy.client.defaults import STRUCTURE_COLUMN
from epitaxy.client.errors import InvalidRequestError
from epitaxy.client.finetune.columns import LabelCondition
from epitaxy.client.finetune.labels import Labels, read_labels
from epitaxy.client.inputs.conditions import ConditionColumn, with_condition_cells
from epitaxy.client.inputs.item import InputItem, with_known_values
from epitaxy.client.inputs.material_columns import MaterialColumn
from epitaxy.client.measurements.reading import read_health, read_result
from epitaxy.client.measurements.results import MeasurementReport, MeasurementResult
from epitaxy.client.models.selector import parse_model
from epitaxy.client.screening.chunks import Chunk, Chunker
from epitaxy.client.screening.packing import pack_items

MAX_MEASUREMENTS = 64
"""Most measurements that the server takes in one request."""
_MAX_ID_CHARACTERS = 128

ReportProgress = Callable[[int, int], None]
"""Called with the number of rows that are done and of all rows."""


@dataclass(frozen=True, slots=True)
class MeasurementQuery:
    """Which columns hold the measurements, and which property was measured.

    Attributes:
        model: As in ``Client.predict``.
        property: Name of the property; empty: the model's first.
        unit: Unit of the values.
        value: Column of the values; rows without one are left out.
        id: Column of the rows' ids; None for ``id``, ``material_id`` and the like, or a data frame's index.
        structure: Column of the structures, or where other materials are, as in ``finetune.labels.read_labels``.
        known: Columns of known values that the model reads beside the structures.
        conditions: Columns of conditions under which the values were measured.
    """

    model: str | None
    property: str
    unit: str
    value: str
    id: str | None = None
    structure: str | MaterialColumn = STRUCTURE_COLUMN
    known: tuple[str, ...] = ()
    conditions: tuple[ConditionColumn, ...] = ()

    def read(self, data: Any) -> "MeasurementRows":
        """The rows that hold a value. Raises InvalidRequestError for a bad row; names it."""
        parse_model(self.model)
        columns = tuple(dict.fromkeys((self.value, *self.known)))
        # Read as they are: what is a number and what is a category, the model knows.
        under = [LabelCondition(entry.column) for entry in self.conditions]
        labels = read_labels(data, columns, self.structure, self.id, under, needs_ids=True)
        values = labels.values[self.value]
        items = [self._item(labels, item) for item in labels.items if not np.isnan(values[item.index])]
        if not items:
            raise InvalidRequestError(f"no row has a value in {self.value!r}", reason="NO_MEASUREMENTS")
        _check_ids(items, labels)
        return MeasurementRows(self, items, values)

    def _item(self, labels: Labels, item: InputItem) -> InputItem:
        cells = {name: labels.values[name][item.index] for name in self.known}
        known = with_known_values(item.source, cells)
        under = {name: values[item.index] for name, values in labels.conditions.items()}
        return replace(item, source=with_condition_cells(known, under, self.conditions))


@dataclass(frozen=True, slots=True, eq=False)
class MeasurementRows:
    """Rows that have an id and a value.

    Attributes:
        query: Which property was measured.
        items: Structures of the rows; one that cannot be read has the reason in its place.
        values: Measured values in the query's unit, float64, by the items' index.
    """

    query: MeasurementQuery
    items: Sequence[InputItem]
    values: NDArray[np.float64]

    def batches(self) -> Iterator["MeasurementBatch"]:
        """Rows cut into requests."""
        chunker = Chunker(iter(self.items), MAX_MEASUREMENTS)
        while not chunker.is_exhausted:
            chunk = chunker.draw()
            if chunk.to_send or chunk.refused:
                yield MeasurementBatch(self, chunk)


@dataclass(frozen=True, slots=True, eq=False)
class MeasurementBatch:
    """Rows that are sent together."""

    rows: MeasurementRows
    chunk: Chunk

    @property
    def request(self) -> measurements_pb2.ReportMeasurementsRequest | None:
        """What to send; None if no row's structure can be read."""
        if not self.chunk.to_send:
            return None
        query, values = self.rows.query, self.rows.values
        measurements = [
            measurements_pb2.Measurement(id=item.id, structure=pack_items([item])[0][0], value=values[item.index])
            for item in self.chunk.to_send
        ]
        return measurements_pb2.ReportMeasurementsRequest(
            model=parse_model(_model_of(query)), property=query.property, unit=query.unit, measurements=measurements
        )

    def read(self, response: measurements_pb2.ReportMeasurementsResponse | None) -> Iterator[MeasurementResult]:
        """Results in the order of the rows."""
        values = self.rows.values
        by_index = {
            item.index: MeasurementResult(item.id, item.index, float(values[item.index]), error=error)
            for item, error in self.chunk.refused
        }
        answers = {answer.id: answer for answer in response.results} if response else {}
        for item in self.chunk.to_send:
            answer = answers.get(item.id, measurements_pb2.MeasurementResult(id=item.id))
            by_index[item.index] = read_result(answer, item.index, float(values[item.index]))
        for index in sorted(by_index):
            yield by_index[index]


class ReportTally:
    """Gathers the answers to batches into one report."""

    def __init__(self, rows: MeasurementRows, on_progress: ReportProgress | None) -> None:
        self._n_rows, self._on_progress = len(rows.items), on_progress
        self._report = MeasurementReport(())

    def add(self, batch: MeasurementBatch, response: measurements_pb2.ReportMeasurementsResponse | None) -> None:
        """Notes the answer to one batch."""
        report = replace(self._report, results=(*self._report.results, *batch.read(response)))
        if response is not None:
            health = read_health(response.health)
            report = replace(report, model=response.model.name, version=response.model.version, health=health)
        self._report = report
        if self._on_progress is not None:
            self._on_progress(len(report.results), self._n_rows)

    def report(self) -> MeasurementReport:
        """All results so far, in the order of the rows."""
        ordered = sorted(self._report.results, key=lambda result: result.index)
        return replace(self._report, results=tuple(ordered))


def _model_of(query: MeasurementQuery) -> str | None:
    """The model; without one that of the materials' kind, None: the server's default."""
    return query.model or (query.structure.substrate if isinstance(query.structure, MaterialColumn) else None)


def _check_ids(items: Sequence[InputItem], labels: Labels) -> None:
    seen: dict[str, InputItem] = {}
    for item in items:
        if not item.id.isprintable() or len(item.id) > _MAX_ID_CHARACTERS:
            message = f"{labels.place(item)}: an id has at most {_MAX_ID_CHARACTERS} printable characters"
            raise InvalidRequestError(message, reason="INVALID_MEASUREMENT_ID")
        if item.id in seen:
            first = seen[item.id]
            numbers = f"rows {first.index} and {item.index}"
            if labels.lines is not None:
                numbers = f"lines {labels.lines[first.index]} and {labels.lines[item.index]}"
            message = f"{numbers} have the id {item.id[:80]!r}: give each its own"
            raise InvalidRequestError(message, reason="REPEATED_MEASUREMENT_ID")
        seen[item.id] = item
