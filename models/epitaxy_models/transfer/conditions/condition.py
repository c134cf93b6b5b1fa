"""One condition as a model knows it: a number with a unit, or a category."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import ConfigurationError

Values = NDArray[Any]
"""Values of one condition, ``[n_rows]``: float64 with NaN where unknown, or objects, a text each or None."""

MAX_CATEGORIES = 32
INVALID_CONDITION = "INVALID_CONDITION"


@dataclass(frozen=True, slots=True)
class Condition:
    """What the labels say of a condition.

    Attributes:
        name: As the column of the labels.
        unit: Of a number; empty if it was not stated, and for a category.
        categories: All that the labels hold, in order; empty for a number.
        low: Smallest number that the labels cover; None for a category.
        high: Largest number that the labels cover; None for a category.
        n_missing: Labels without it.
    """

    name: str
    unit: str = ""
    categories: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    n_missing: int = 0

    @property
    def is_category(self) -> bool:
        """Whether it is a word, not a number."""
        return bool(self.categories)

    @property
    def covered(self) -> str:
        """What the labels cover, for a person: ``"300 to 900 K"``, ``"flux, sol-gel"``."""
        if self.is_category:
            return ", ".join(self.categories)
        return f"{self.low:g} to {self.high:g}{f' {self.unit}' if self.unit else ''}"

    @classmethod
    def learned(cls, name: str, values: Values, unit: str = "") -> "Condition":
        """From the values of the labels. Raises ConfigurationError where they are no condition, or none is known."""
        is_known = known_rows(values)
        if not is_known.any():
            raise _invalid(name, "no label has it: leave it out")
        known, n_missing = values[is_known], int((~is_known).sum())
        if values.dtype != np.float64:
            categories = tuple(sorted(set(known.tolist())))
            if len(categories) > MAX_CATEGORIES:
                raise _invalid(name, f"it has {len(categories)} categories, {MAX_CATEGORIES} are allowed: merge some")
            return cls(name, "", categories, n_missing=n_missing)
        if np.isinf(known).any():
            raise _invalid(name, "it holds an infinite value: give a finite number, or none")
        return cls(name, unit, (), float(known.min()), float(known.max()), n_missing)

    def as_json(self) -> dict[str, Any]:
        """Plain containers."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "Condition":
        """Rebuilds one. Raises TypeError or ValueError for anything else."""
        return cls(**(dict(record) | {"categories": tuple(record["categories"])}))


@dataclass(frozen=True, slots=True, eq=False)
class ConditionColumn:
    """Values that a tenant states beside labels.

    Attributes:
        values: One a row.
        unit: Of numbers; empty if it is not stated.
    """

    values: Values
    unit: str = ""

    def __post_init__(self) -> None:
        if self.values.dtype.kind in "biu":
            raise ConfigurationError(
                f"values of a condition are {self.values.dtype}: give float64 for numbers, texts for a category",
                reason=INVALID_CONDITION,
            )


def known_rows(values: Values) -> NDArray[np.bool_]:
    """Which values are known, ``[n_rows]``."""
    if values.dtype == np.float64:
        return ~np.isnan(values)
    return np.array([value is not None for value in values], dtype=np.bool_)


def value_keys(columns: Sequence[Values], n_rows: int) -> list[tuple[object, ...]]:
    """For each row what is equal for rows under equal conditions; an unknown value equals another unknown one."""
    parts = [[_key(value) for value in values.tolist()] for values in columns]
    return list(zip(*parts, strict=True)) if parts else [()] * n_rows


def _key(value: object) -> object:
    """Numbers that differ by rounding, as after a conversion of units, are equal."""
    if isinstance(value, float):
        return None if np.isnan(value) else float(f"{value:.9g}")
    return value


def _invalid(name: str, what: str) -> ConfigurationError:
    return ConfigurationError(f"condition {name!r}: {what}", reason=INVALID_CONDITION)
