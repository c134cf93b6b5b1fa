"""Numbers in the cells of tables."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

MISSING_WORDS = frozenset(
    {"", "na", "n/a", "n.a.", "#n/a", "#na", "nan", "<na>", "nat", "null", "none", "-", "--", "\u2013", "\u2014", "?"}
)
"""What people write into a cell that has no value, in lower case."""

# Python's float also takes "1_5", "nan", "infinity" and digits of other scripts.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WITH_COMMA = re.compile(r"[+-]?(?:[0-9]+,[0-9]*|,[0-9]+)(?:[eE][+-]?[0-9]+)?")
# "1,234" is one thousand or one and a bit; "0,234" and "1,23" can only be decimals.
_COMMA_OR_GROUP = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")
_GROUPED = re.compile(
    r"[+-]?[0-9]{1,3}(?:(?P<mark>[,.'\u2019 \u00a0\u2009\u202f])[0-9]{3})(?:(?P=mark)[0-9]{3})*(?:[.,][0-9]*)?"
)
_SIDES = {"<": -1, "\u2264": -1, "\u2a7d": -1, ">": 1, "\u2265": 1, "\u2a7e": 1}
_BOUND = re.compile(r"\s*([<>\u2264\u2265\u2a7d\u2a7e])=?\s*(?=\S)")
_MINUS = str.maketrans({"\u2212": "-"})
_REMEDY = "give one, or leave the cell empty"


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """The numbers of one column.

    Attributes:
        values: One value a cell; NaN for a missing one, and for one that holds no number.
        bad: Position and description of every cell that holds no number.
        has_decimal_commas: Whether values with decimal commas were read.
        sides: -1 for an upper bound, 1 for a lower one, 0 for anything else, one a cell; empty if none was read.
    """

    values: tuple[float, ...]
    bad: tuple[tuple[int, str], ...]
    has_decimal_commas: bool = False
    sides: tuple[int, ...] = ()


def is_missing(cell: Any) -> bool:
    """True for None, NaN, pandas' NA, blank text, and the usual words for a missing value in any case."""
    if isinstance(cell, str):
        return (len(cell) < 16 and cell.strip().lower() in MISSING_WORDS) or not cell.strip()
    is_nan = isinstance(cell, float | np.floating) and math.isnan(cell)
    return cell is None or is_nan or type(cell).__name__ in ("NAType", "NaTType")


def read_number(cell: Any, *, decimal_comma: bool = False) -> float:
    """The number in a cell, NaN in a missing one.

    Args:
        cell: What the table holds.
        decimal_comma: Whether a comma in a text stands for the decimal point.

    Raises:
        ValueError: The cell holds anything else, infinity included; the text says what and what to do.
    """
    if is_missing(cell):
        return math.nan
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", "replace")
    if isinstance(cell, str):
        return _of_text(cell.strip().translate(_MINUS), decimal_comma=decimal_comma)
    try:
        value = math.inf if isinstance(cell, bool | np.bool_) else float(cell)
    except (TypeError, ValueError, OverflowError):
        value = math.inf
    if math.isinf(value):
        raise ValueError(f"{str(cell)[:40]!r}, which is not a number: {_REMEDY}")
    return value


def read_bounded_column(cells: Iterable[Any]) -> NumberColumn:
    """The numbers of a column of which some may be bounds: ``"< 1e-8"``, ``">= 5"``. Otherwise as ``read_column``."""
    split = [split_bound(cell) for cell in cells]
    return replace(read_column(rest for _, rest in split), sides=tuple(side for side, _ in split))


def split_bound(cell: Any) -> tuple[int, Any]:
    """-1 and the rest of ``"<= 3"``, 1 and the rest of ``"> 3"``, 0 and the cell for anything else."""
    found = _BOUND.match(cell) if isinstance(cell, str) else None
    return (_SIDES[found[1]], cell[found.end() :]) if found else (0, cell)


def read_column(cells: Iterable[Any]) -> NumberColumn:
    """The numbers of a column, with all cells that hold none. Decimal commas are read if the column is clear of doubt.

    A column is in doubt if it also holds decimal points, or if every comma could as well group thousands.
    """
    cells = list(cells)
    texts = [cell.strip().translate(_MINUS) for cell in cells if isinstance(cell, str) and ("," in cell or "." in cell)]
    commas = [text for text in texts if _WITH_COMMA.fullmatch(text)]
    has_points = any("." in text and _NUMBER.fullmatch(text) for text in texts)
    is_clear = any(not _COMMA_OR_GROUP.fullmatch(text) for text in commas)
    values, bad = [], []
    for row, cell in enumerate(cells):
        try:
            values.append(read_number(cell, decimal_comma=is_clear and not has_points))
        except ValueError as error:
            values.append(math.nan)
            mixes = has_points and is_clear and isinstance(cell, str) and "," in cell
            bad.append((row, _mixed(cell) if mixes else str(error)))
    return NumberColumn(tuple(values), tuple(bad), bool(commas) and is_clear and not has_points)


def _of_text(text: str, *, decimal_comma: bool) -> float:
    shown = repr(text[:40])
    if _NUMBER.fullmatch(text):
        value = float(text)
        if math.isinf(value):
            raise ValueError(f"{shown}, which is too large for a number: {_REMEDY}")
        return value
    if _WITH_COMMA.fullmatch(text):
        pointed = text.replace(",", ".")
        if decimal_comma:
            return float(pointed)
        if _COMMA_OR_GROUP.fullmatch(text):
            raise ValueError(f"{shown}, which is {pointed} or {text.replace(',', '')}: write it without a comma")
        raise ValueError(f"{shown}, which has a decimal comma: write {pointed}")
    if _GROUPED.fullmatch(text):
        raise ValueError(f"{shown}, which has thousands separators: write the digits without them")
    raise ValueError(f"{shown}, which is not a number: {_REMEDY}")


def _mixed(cell: str) -> str:
    return f"{cell.strip()[:40]!r} in a column that mixes decimal commas with decimal points: write points"
