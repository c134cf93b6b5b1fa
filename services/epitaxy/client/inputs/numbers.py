"""Numbers in the cells of tables."""

import math
from typing import Any

import numpy as np


def read_number(cell: Any) -> float:
    """The number in a cell, NaN in an empty one. Raises ValueError for anything else, infinity included."""
    if is_empty(cell):
        return math.nan
    try:
        value = math.inf if isinstance(cell, bool | np.bool_) else float(cell)
    except (TypeError, ValueError):
        value = math.inf
    if math.isinf(value):
        raise ValueError(f"{str(cell)[:40]!r}, which is not a number: give one, or leave the cell empty")
    return value


def is_empty(cell: Any) -> bool:
    """True for None, NaN, blank text, and pandas' NA, of which no float can be made."""
    if isinstance(cell, str):
        return not cell.strip()
    is_nan = isinstance(cell, float) and math.isnan(cell)
    return cell is None or is_nan or type(cell).__name__ in ("NAType", "NaTType")
