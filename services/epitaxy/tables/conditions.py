"""Conditions in the cells of tables: numbers, or categories."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy.tables.numbers import is_missing, read_column, read_number

CATEGORY = "category"
"""Stands in the place of a unit for a category whose cells look like numbers."""
MAX_CATEGORY_CHARACTERS = 128


@dataclass(frozen=True, slots=True, eq=False)
class ConditionCells:
    """The values of one column.

    Attributes:
        values: float64 with NaN where a cell is empty, or objects: a text each, or None.
        bad: Position and description of every cell that holds neither a number nor a category.
    """

    values: NDArray[Any]
    bad: tuple[tuple[int, str], ...] = ()


def read_conditions(cells: Iterable[Any], unit: str = "") -> ConditionCells:
    """The values of a column: numbers if a unit is stated or every cell holds one, categories if none does.

    Args:
        cells: What the table holds.
        unit: As stated; ``"category"`` reads numbers as words.
    """
    cells = list(cells)
    if unit and unit != CATEGORY:
        return _numbers(cells)
    read = [_text_of(cell) if unit == CATEGORY else _either(cell) for cell in cells]
    kinds = {type(value) for value in read if value is not None}
    if kinds <= {float}:
        return _numbers(cells)
    if float in kinds:
        mixed = [(row, f"{str(cells[row])[:40]!r}, {_MIXED}") for row, value in enumerate(read) if type(value) is str]
        return ConditionCells(np.full(len(cells), np.nan), tuple(mixed))
    values = np.empty(len(cells), dtype=object)
    values[:] = read
    long = [
        (row, f"a text of more than {MAX_CATEGORY_CHARACTERS} characters: shorten it")
        for row, value in enumerate(read)
        if isinstance(value, str) and len(value) > MAX_CATEGORY_CHARACTERS
    ]
    return ConditionCells(values, tuple(long))


def condition_cell(cell: Any) -> float | str | None:
    """The number or category in a cell, None in an empty one. Raises ValueError for anything else; says what to do."""
    value = _either(cell)
    if isinstance(value, str) and len(value) > MAX_CATEGORY_CHARACTERS:
        raise ValueError(f"a text of more than {MAX_CATEGORY_CHARACTERS} characters: shorten it")
    return value


_MIXED = (
    "in a column that also holds numbers: write numbers in all cells, or state the unit (NAME:UNIT), or make it a "
    f"category (NAME:{CATEGORY})"
)


def _numbers(cells: list[Any]) -> ConditionCells:
    column = read_column(cells)
    return ConditionCells(np.array(column.values, dtype=np.float64), column.bad)


def _either(cell: Any) -> float | str | None:
    if isinstance(cell, bool | np.bool_):
        return str(bool(cell))
    try:
        value = read_number(cell)
    except ValueError:
        if isinstance(cell, str | bytes):
            return _text_of(cell)
        raise
    return None if math.isnan(value) else value


def _text_of(cell: Any) -> str | None:
    if is_missing(cell):
        return None
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", "replace")
    if isinstance(cell, float | np.floating) and float(cell).is_integer():
        cell = int(cell)  # a column of integers with a gap becomes one of floats in pandas
    return " ".join(str(cell).split())
