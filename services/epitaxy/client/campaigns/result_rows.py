"""Results on their way to the server: rows of a table, a plate that came back, plain dicts."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from epitaxy.api.campaigns.v1 import campaigns_pb2
from epitaxy.client.campaigns.goals import Objective, plain_unit
from epitaxy.client.campaigns.pool import stated
from epitaxy.client.campaigns.results import ResultOutcome
from epitaxy.client.defaults import STRUCTURE_COLUMN
from epitaxy.client.errors import InvalidRequestError
from epitaxy.client.finetune.columns import LabelCondition
from epitaxy.client.finetune.tables import RowTable, read_rows
from epitaxy.client.inputs.cells import read_cell
from epitaxy.client.inputs.columns import Columns
from epitaxy.client.inputs.conditions import with_conditions
from epitaxy.client.inputs.item import InputItem, refuse
from epitaxy.client.inputs.material_columns import MaterialColumn
from epitaxy.client.results import ItemError
from epitaxy.client.screening.packing import pack_items
from epitaxy.tables.ids import id_text, own_id
from epitaxy.tables.numbers import is_missing, read_number

MAX_RESULTS = 1000
"""Most results that the server takes in one request."""
STATUSES = {
    "measured": campaigns_pb2.RESULT_STATUS_MEASURED,
    "failed": campaigns_pb2.RESULT_STATUS_FAILED,
    "abandoned": campaigns_pb2.RESULT_STATUS_ABANDONED,
}
RETRACTED = "retracted"
_TEXT_COLUMNS = ("ticket", "status", "std", "unit", "measurement_id", "note", "reason")


@dataclass(frozen=True, slots=True)
class ResultColumns:
    """Which columns of a table hold results.

    Attributes:
        objectives: What the campaign is after, with units.
        columns: Column by property; empty: the columns are named as the properties.
        unit: Unit of all values; empty: those of the objectives, or of a column ``unit``.
        structure: Column of the structures of samples outside of the pool, or where other materials are.
        id: Column of the ids; None for ``id``, ``material_id`` and the like.
        conditions: Columns of conditions of those samples.
    """

    objectives: Sequence[Objective]
    columns: Mapping[str, str]
    unit: str = ""
    structure: str | MaterialColumn = STRUCTURE_COLUMN
    id: str | None = None
    conditions: tuple[LabelCondition, ...] = ()

    @property
    def where(self) -> Columns:
        """Where the samples are."""
        return Columns.of(self.structure, self.id)

    def column_of(self, objective: Objective) -> str:
        """The column of an objective's values."""
        return self.columns.get(objective.property, objective.property)

    def read(self, data: Any) -> "ResultRows":
        """The rows of a table.

        Raises:
            InvalidRequestError: The table cannot be read, or has neither ids nor tickets, or no column of values and
                no status.
        """
        values = [self.column_of(objective) for objective in self.objectives]
        spreads = [f"{name}_std" for name in values]
        first, *more = self.where.inputs
        under = [entry.name for entry in self.conditions]
        wanted = [*values, *spreads, *_TEXT_COLUMNS, *more, *under, *([self.id] if self.id else [])]
        table = read_rows(data, first, wanted)
        names = set(table.names)
        id_column = self.id or table.id_column or next((name for name in ("id",) if name in names), None)
        if "ticket" not in names and id_column is None and not any(own_id(cells, None) for _, cells in table.rows):
            raise _unreadable("the table has neither a column id nor a column ticket")
        if not names.intersection((*values, "status")):
            raise _unreadable(
                f"the table has no column {' or '.join(map(repr, values))} and no column 'status': a column is named "
                "as the property that it holds"
            )
        return ResultRows(self, table, id_column)


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One row that holds a result.

    Attributes:
        index: Position of the row in the table, from 0.
        result: What to send.
        is_retraction: True if the row takes a result back.
        reason: Why a result is corrected.
    """

    index: int
    result: campaigns_pb2.Result
    is_retraction: bool = False
    reason: str = ""

    def to_correction(self) -> campaigns_pb2.Correction:
        """The row as a correction of what was reported."""
        result = self.result
        return campaigns_pb2.Correction(
            ticket=result.ticket,
            id=result.id,
            measurement_id=result.measurement_id,
            is_retraction=self.is_retraction,
            result=None if self.is_retraction else result,
            reason=self.reason,
        )


@dataclass(frozen=True, slots=True)
class ResultRows:
    """A table of results that was read whole."""

    columns: ResultColumns
    table: RowTable
    id_column: str | None

    def read(self) -> tuple[list[ResultRow], list[ResultOutcome], int]:
        """Rows to send, rows that the client itself refuses, and the number of rows that hold no result yet."""
        rows: list[ResultRow] = []
        refused: list[ResultOutcome] = []
        n_empty = 0
        for index, (_, cells) in enumerate(self.table.rows):
            try:
                row = self._row(index, cells)
            except _RowError as error:
                name = own_id(cells, self.id_column) or ""
                refused.append(ResultOutcome(index, _text(cells, "ticket"), name, "REFUSED", error.error))
                continue
            n_empty += row is None
            if row is not None:
                rows.append(row)
        return rows, refused, n_empty

    def _row(self, index: int, cells: Mapping[str, Any]) -> ResultRow | None:
        status = _text(cells, "status").lower()
        if status and status not in (*STATUSES, RETRACTED):
            raise _refused("INVALID_STATUS", f"the status is {status!r}: give one of {', '.join(STATUSES)}")
        values = [] if status in (RETRACTED, "failed", "abandoned") else list(self._values(cells))
        if not values and status == "measured":
            values = list(self._not_numbers(cells))
        if not values and not status:
            return None
        result = campaigns_pb2.Result(
            ticket=_text(cells, "ticket"),
            id=own_id(cells, self.id_column) or "",
            structure=self._structure(index, cells),
            status=STATUSES.get(status, campaigns_pb2.RESULT_STATUS_MEASURED),
            values=values,
            measurement_id=_text(cells, "measurement_id"),
            note=_text(cells, "note"),
        )
        if not (result.ticket or result.id):
            raise _refused("NO_ID", "the row has neither an id nor a ticket")
        return ResultRow(index, result, status == RETRACTED, _text(cells, "reason"))

    def _values(self, cells: Mapping[str, Any]) -> Iterator[campaigns_pb2.MeasuredValue]:
        for objective in self.columns.objectives:
            column = self.columns.column_of(objective)
            value = _number(cells, column)
            if value is None:
                continue
            spread = _number(cells, f"{column}_std")
            if spread is None and len(self.columns.objectives) == 1:
                spread = _number(cells, "std")
            given = self.columns.unit or _text(cells, "unit")
            unit = plain_unit(given) if given else objective.unit
            yield campaigns_pb2.MeasuredValue(property=objective.property, unit=unit, value=value, std=spread or 0.0)

    def _not_numbers(self, cells: Mapping[str, Any]) -> Iterator[campaigns_pb2.MeasuredValue]:
        """Of a row that is called measured, values that are NaN: the server says that they are not finite."""
        for objective in self.columns.objectives:
            cell = cells.get(self.columns.column_of(objective))
            if isinstance(cell, float) and math.isnan(cell):
                yield campaigns_pb2.MeasuredValue(property=objective.property, unit=objective.unit, value=math.nan)

    def _structure(self, index: int, cells: Mapping[str, Any]) -> Any:
        """The material of a sample under its conditions; None if the row has none."""
        where = self.columns.where
        if all(is_missing(cells.get(name)) for name in where.inputs):
            return None
        material = where.material
        source = read_cell(cells.get(where.structure), self.table.files) if material is None else material.read(cells)
        source = with_conditions(source, [(one.name, cells.get(one.name), one.unit) for one in self.columns.conditions])
        if isinstance(source, ItemError):
            raise _RowError(source)
        source = replace(source, conditions=tuple(map(stated, source.conditions)))
        return pack_items([InputItem(own_id(cells, self.id_column) or "", index, source)])[0][0]


class _RowError(ValueError):
    """One row cannot be sent."""

    def __init__(self, error: ItemError) -> None:
        super().__init__(error.message)
        self.error = error


def _number(cells: Mapping[str, Any], column: str) -> float | None:
    """The number in a cell; None for a missing one, which is not a measurement.

    What a table says of a number that is not finite (the texts "inf" and "nan", an infinite float) goes to the server,
    which refuses it.
    """
    cell = cells.get(column)
    if isinstance(cell, str) and cell.strip().lower().lstrip("+-") in ("inf", "infinity", "nan"):
        return float(cell)
    if isinstance(cell, float) and math.isinf(cell):
        return cell
    try:
        value = read_number(cell)
    except ValueError as error:
        raise _refused("NOT_A_NUMBER", f"{column} holds {error}") from None
    return None if math.isnan(value) else value


def _text(cells: Mapping[str, Any], column: str) -> str:
    cell = cells.get(column)
    return "" if is_missing(cell) else (id_text(cell) or "").strip()


def _refused(reason: str, message: str) -> _RowError:
    return _RowError(refuse(reason, message))


def _unreadable(message: str) -> InvalidRequestError:
    return InvalidRequestError(message, reason="UNREADABLE_RESULTS")
