"""Conditions under which structures are asked about: where they stand in tables, and their values."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from epitaxy.api.common.v1 import structure_pb2
from epitaxy.client.errors import InvalidRequestError
from epitaxy.client.inputs.item import ConditionValue, InputItem, Source, refuse
from epitaxy.client.results import ItemError
from epitaxy.tables.conditions import condition_cell
from epitaxy.tables.numbers import read_number

Conditions = Sequence["ConditionColumn | str"] | Mapping[str, Any]
"""Conditions as they are given: columns of the tables, or values by name, one for all or one for each structure."""


@dataclass(frozen=True, slots=True)
class ConditionColumn:
    """Where a condition stands in a table.

    Attributes:
        name: Name of the condition, as the model's card states it.
        column: Column of the table.
        unit: Unit of the numbers; empty: the model's.
        is_required: Whether a table without the column is refused; else the condition is unknown of its rows.
    """

    name: str
    column: str
    unit: str = ""
    is_required: bool = True

    @classmethod
    def parse(cls, text: str) -> "ConditionColumn":
        """From ``NAME``, ``NAME=COLUMN`` or ``NAME=COLUMN:UNIT``. Raises InvalidRequestError."""
        name, equals, rest = text.partition("=")
        column, colon, unit = rest.rpartition(":") if ":" in rest else (rest, "", "")
        if not name or (equals and not column) or (colon and not unit):
            message = f"{text!r} is not a condition: write NAME, NAME=COLUMN or NAME=COLUMN:UNIT, as temperature=T:degC"
            raise InvalidRequestError(message, reason="INVALID_CONDITION")
        return cls(name, column or name, unit)


def condition_columns(conditions: Sequence[ConditionColumn | str]) -> tuple[ConditionColumn, ...]:
    """Columns that are given as such or as text. Raises InvalidRequestError."""
    if isinstance(conditions, str):
        conditions = (conditions,)
    return tuple(ConditionColumn.parse(entry) if isinstance(entry, str) else entry for entry in conditions)


def parse_value(text: str) -> tuple[str, float | str | tuple[float, str]]:
    """Name and value of ``NAME=VALUE`` or ``NAME=NUMBER:UNIT``. Raises InvalidRequestError."""
    name, _, value = text.partition("=")
    if not name or not value.strip():
        message = f"{text!r} is not a value: write NAME=VALUE or NAME=NUMBER:UNIT, as temperature=25:degC or route=flux"
        raise InvalidRequestError(message, reason="INVALID_CONDITION")
    number, _, unit = value.rpartition(":")
    try:
        return name, (read_number(number), unit) if number and unit else condition_cell(value) or value
    except ValueError:
        return name, value.strip()


def with_condition_cells(source: Source, cells: Mapping[str, Any], columns: Sequence[ConditionColumn]) -> Source:
    """The structure under the conditions of its row, or a refusal for a cell that holds none."""
    return with_conditions(source, [(entry.name, cells.get(entry.column), entry.unit) for entry in columns])


def with_conditions(source: Source, entries: Sequence[tuple[str, Any, str]]) -> Source:
    """The structure under conditions, each with its name, value and unit; those without a value are left out."""
    if isinstance(source, ItemError) or not entries:
        return source
    values = []
    for name, cell, unit in entries:
        try:
            value = condition_cell(cell)
        except ValueError as error:
            return refuse("INVALID_CONDITION", f"condition {name} is {error}")
        if value is not None:
            values.append(ConditionValue(name, value, unit if isinstance(value, float) else ""))
    named = {value.name for value in values}
    kept = tuple(value for value in source.conditions if value.name not in named)
    return replace(source, conditions=(*kept, *values))


def under(items: Iterator[InputItem], conditions: Mapping[str, Any]) -> Iterator[InputItem]:
    """Items under the given values: one for all of them, or one for each in their order."""
    # A series of pandas is indexed by its labels, not by position.
    values = {name: value.tolist() if hasattr(value, "tolist") else value for name, value in conditions.items()}
    for item in items:
        try:
            entries = [(name, *_value_at(value, item.index)) for name, value in values.items()]
        except IndexError:
            message = "the values of a condition are fewer than the structures: give one for each, or one for all"
            yield replace(item, source=refuse("INVALID_CONDITION", message))
            continue
        yield replace(item, source=with_conditions(item.source, entries))


def _value_at(value: Any, index: int) -> tuple[Any, str]:
    """Value and unit; a number with its unit is a pair of both."""
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], str) and not isinstance(value[0], str):
        return value[0], value[1]
    return (value[index], "") if isinstance(value, Sequence) and not isinstance(value, str) else (value, "")


def packed_conditions(sources: Sequence[Sequence[ConditionValue]]) -> list[structure_pb2.ConditionColumn]:
    """Columns of a packed block, one for each name and unit; ``sources`` holds the conditions of each structure.

    A name that comes under two units in one block keeps both apart from each other by rows.
    """
    by_row = [{(value.name, value.unit): value.value for value in values} for values in sources]
    names = dict.fromkeys(key for row in by_row for key in row)
    columns = []
    for name, unit in names:
        values = [row.get((name, unit)) for row in by_row]
        column = structure_pb2.ConditionColumn(name=name, unit=unit)
        if any(isinstance(value, float) for value in values):
            numbers = [value if isinstance(value, float) else np.nan for value in values]
            column.numbers = np.array(numbers, dtype="<f8").tobytes()
        if any(isinstance(value, str) for value in values):
            column.categories.extend(value if isinstance(value, str) else "" for value in values)
        columns.append(column)
    return columns


def condition_messages(values: Sequence[ConditionValue]) -> dict[str, structure_pb2.ConditionValue]:
    """Conditions of one structure that is sent as text."""
    return {
        value.name: structure_pb2.ConditionValue(number=value.value, unit=value.unit)
        if isinstance(value.value, float)
        else structure_pb2.ConditionValue(category=value.value)
        for value in values
    }
