"""Columns of labels that are 0 or 1, also written as truth values or as yes and no."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from epitaxy.tables.numbers import NumberColumn, is_missing

_WORDS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}
_CODES = {"t": 1.0, "f": 0.0, "y": 1.0, "n": 0.0}


def is_boolean(cells: Iterable[Any]) -> bool:
    """Whether every cell that is filled is true or false, or says yes or no: numbers are not, even 0 and 1."""
    filled = [cell for cell in cells if not is_missing(cell)]
    return bool(filled) and all(isinstance(cell, bool | np.bool_) or _word(cell) in _WORDS for cell in filled)


def read_classes(cells: Iterable[Any]) -> NumberColumn:
    """0 or 1 of each cell, NaN of a missing one; any other cell is bad."""
    values, bad = [], []
    for row, cell in enumerate(cells):
        found = np.nan if is_missing(cell) else _class_of(cell)
        values.append(np.nan if found is None else found)
        if found is None:
            bad.append((row, f"{str(cell)[:40]!r}, which is no class: write 0 or 1, true or false, or leave it empty"))
    return NumberColumn(tuple(values), tuple(bad), sides=(0,) * len(values))


def all_classes(values: Iterable[float]) -> bool:
    """Whether numbers, NaN where missing, are all 0 or 1, and both occur."""
    return {value for value in values if not np.isnan(value)} == {0.0, 1.0}


def _class_of(cell: Any) -> float | None:
    if isinstance(cell, bool | np.bool_):
        return float(cell)
    word = _word(cell)
    if word in _WORDS or word in _CODES:
        return {**_WORDS, **_CODES}[word]
    try:
        value = float(word) if word else float(cell)
    except (TypeError, ValueError, OverflowError):
        return None
    return value if value in (0.0, 1.0) else None


def _word(cell: Any) -> str:
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", "replace")
    return cell.strip().lower() if isinstance(cell, str) else ""
