"""Labels that are bounds: "< 1e-8" says that the value is at most that, and nothing more."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Sides = NDArray[np.int8]


class Side(IntEnum):
    """Where the true value lies, seen from the label."""

    BELOW = -1
    """At most the label: the label is an upper bound."""
    AT = 0
    """The label is the value."""
    ABOVE = 1
    """At least the label: the label is a lower bound."""


def sides_of(sides: Sides | None, n_rows: int) -> Sides:
    """One side a row, ``[n_rows]``; all labels are values where nothing is said."""
    return np.zeros(n_rows, dtype=np.int8) if sides is None else sides


def compared(values: Array, labels: Array, sides: Sides | None) -> Array:
    """Predictions as they are held against labels, ``[n_rows]``: one on the possible side of a bound is right.

    It then counts as equal to the bound, so that errors and residuals are zero there, and the distance from the bound
    on the wrong side. All on one scale.
    """
    if sides is None:
        return values
    at_least = np.where(sides == Side.BELOW, np.maximum(values, labels), values)
    return np.where(sides == Side.ABOVE, np.minimum(at_least, labels), at_least)


@dataclass(frozen=True, slots=True)
class MergedLabel:
    """What several labels of one crystal say together.

    Attributes:
        label: The value, or the bound.
        side: What it is.
        excess: By how much the labels contradict each other, in their unit; 0 where all can be true.
    """

    label: float
    side: Side
    excess: float


def merged(labels: Sequence[float], sides: Sequence[int]) -> MergedLabel:
    """Values count before bounds, and among bounds the tightest; both bounds make a value, their middle.

    Values contradict each other by their range, and a bound contradicts what lies beyond it.
    """
    pairs = list(zip(labels, sides, strict=True))
    values = [label for label, side in pairs if side == Side.AT]
    upper = min((label for label, side in pairs if side == Side.BELOW), default=np.inf)
    lower = max((label for label, side in pairs if side == Side.ABOVE), default=-np.inf)
    if values:
        middle = float(np.median(values))
        beyond = max(middle - upper, lower - middle, 0.0)
        return MergedLabel(middle, Side.AT, max(max(values) - min(values), beyond))
    if np.isfinite(upper) and np.isfinite(lower):
        return MergedLabel((upper + lower) / 2, Side.AT, max(lower - upper, 0.0))
    if np.isfinite(upper):
        return MergedLabel(float(upper), Side.BELOW, 0.0)
    return MergedLabel(float(lower), Side.ABOVE, 0.0)


def label_text(label: float, side: int) -> str:
    """``"< 1e-08"`` for an upper bound, ``"> 5"`` for a lower one, the number for a value."""
    return f"{ {Side.BELOW: '< ', Side.ABOVE: '> '}.get(Side(side), '') }{label:g}"
