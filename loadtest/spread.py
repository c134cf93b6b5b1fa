"""Medians with their spread: no figure here stands alone."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure that was measured several times."""

    median: float
    lowest: float
    highest: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Raises ValueError where there is none."""
        if not values:
            raise ValueError("no measurement")
        return cls(median(values), min(values), max(values), len(values))

    def as_record(self) -> dict[str, float]:
        return {name: round(value, 4) for name, value in asdict(self).items()}


def ratios(over: Sequence[float], under: Sequence[float]) -> Spread:
    """Of what was measured in the same round: drift of the machine cancels, which it does not in a ratio of medians.

    Raises ValueError where the rounds differ in number.
    """
    return Spread.of([a / b for a, b in zip(over, under, strict=True)])


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all does not exceed: one that was measured, never one between.

    Raises ValueError where there is none.
    """
    if not values:
        raise ValueError("no measurement")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Of the least-squares line through the points; 0 where all x are equal."""
    centre_x, centre_y = sum(x) / len(x), sum(y) / len(y)
    width = sum((value - centre_x) ** 2 for value in x)
    if not width:
        return 0.0
    return sum((a - centre_x) * (b - centre_y) for a, b in zip(x, y, strict=True)) / width
