"""Columns that tell which numbers of another column are bounds."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from epitaxy.tables.numbers import is_missing

_WORDS = {
    "": 0, "=": 0, "==": 0, "value": 0, "exact": 0, "measured": 0, "no": 0, "none": 0, "0": 0, "false": 0,
    "<": -1, "<=": -1, "\u2264": -1, "upper": -1, "upper bound": -1, "left": -1, "below": -1,
    ">": 1, ">=": 1, "\u2265": 1, "lower": 1, "lower bound": 1, "right": 1, "above": 1,
}  # fmt: skip
# True says that the number is a bound, and the column's name which one.
_YES = frozenset({"1", "true", "yes"})


@dataclass(frozen=True, slots=True)
class BoundColumn:
    """What a column says of each number.

    Attributes:
        sides: -1 for an upper bound, 1 for a lower bound, 0 for a value; one a cell.
        bad: Position and description of every cell that says neither.
    """

    sides: tuple[int, ...]
    bad: tuple[tuple[int, str], ...]


def read_bounds(cells: Iterable[Any], name: str) -> BoundColumn:
    """Bounds by truth values, or by words such as ``"<"``, ``"upper"``; an empty cell is a value.

    True is an upper bound, as of ``is_upper_bound`` or ``censored``, unless the name of the column says "lower".
    """
    is_true = 1 if "lower" in name.lower() else -1
    sides, bad = [], []
    for row, cell in enumerate(cells):
        side = _side(cell, is_true)
        sides.append(side or 0)
        if side is None:
            bad.append((row, f"{str(cell)[:40]!r}: write true or false, <, > or nothing"))
    return BoundColumn(tuple(sides), tuple(bad))


def _side(cell: Any, is_true: int) -> int | None:
    if isinstance(cell, bool | np.bool_):
        return is_true if cell else 0
    if is_missing(cell):
        return 0
    # 0 and 1 of a column that a data frame with gaps has made floats.
    word = str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip().lower()
    return is_true if word in _YES else _WORDS.get(word)
