"""Features that all members compute alike, at public sizes of the order of 1: what is added up has a known bound."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.compositions import Composition
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.structures.elements import SYMBOLS
from epitaxy_models.transfer.conditions.condition import Values, known_rows
from epitaxy_models.transfer.descriptors.compositions import (
    COMPOSITION_DESCRIPTOR_VERSION,
    describe_compositions,
    fractions_of,
)

Array = NDArray[np.float64]
FEATURE_VERSION = f"federated-features-1 {COMPOSITION_DESCRIPTOR_VERSION}"
"""Part of every agreement: members with other features cannot add up."""
LARGEST_FEATURE = 10.0


@dataclass(frozen=True, slots=True)
class AgreedRange:
    """A number that members bring in: a condition or the property.

    Attributes:
        name: In all members' tables.
        unit: In all members' tables.
        low: Least value that is believed.
        high: Largest value that is believed.
    """

    name: str
    unit: str
    low: float
    high: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.low) and np.isfinite(self.high) and self.low < self.high):
            message = f"{self.name}: the range {self.low:g} to {self.high:g} {self.unit} holds no values"
            raise ConfigurationError(message, reason="INVALID_RANGE")

    def scaled(self, values: Array) -> Array:
        """To -1 at the low end and 1 at the high end. Raises ConfigurationError (VALUE_OUT_OF_RANGE)."""
        known = values[~np.isnan(values)]
        bad = known[~((known >= self.low) & (known <= self.high))]
        if len(bad):
            message = (
                f"{self.name} is {bad[0]:g} {self.unit} in {len(bad)} of {len(values)} rows: the consortium agreed on "
                f"{self.low:g} to {self.high:g}. Correct these rows, or leave them out"
            )
            raise ConfigurationError(message, reason="VALUE_OUT_OF_RANGE")
        return np.asarray((values - self.middle) / self.half_width)

    @property
    def middle(self) -> float:
        """Centre of the range."""
        return (self.low + self.high) / 2

    @property
    def half_width(self) -> float:
        """Half of its width."""
        return (self.high - self.low) / 2


@dataclass(frozen=True, slots=True)
class AgreedCategory:
    """A condition in words.

    Attributes:
        name: In all members' tables.
        values: All words that occur, in order.
    """

    name: str
    values: tuple[str, ...]


AgreedCondition = AgreedRange | AgreedCategory


def features_of(
    compositions: Sequence[Composition],
    agreed: Sequence[AgreedCondition],
    conditions: dict[str, Values],
) -> Array:
    """Descriptors, fractions of elements and conditions, float64 ``[n_rows, n_features]``.

    Args:
        compositions: Materials of the rows.
        agreed: Conditions of the consortium.
        conditions: Values by name, ``[n_rows]`` each; NaN or None where unknown.

    Raises:
        ConfigurationError: A value lies outside of what was agreed.
    """
    parts = [describe_compositions(compositions) / _descriptor_sizes(), fractions_of(compositions)]
    parts += [_condition_columns(condition, conditions[condition.name]) for condition in agreed]
    return np.clip(np.concatenate(parts, axis=1), -LARGEST_FEATURE, LARGEST_FEATURE)


def _condition_columns(condition: AgreedCondition, values: Values) -> Array:
    """The value, 0 where unknown, and whether it is known."""
    is_known = known_rows(values)
    if isinstance(condition, AgreedRange):
        scaled = condition.scaled(values.astype(np.float64))
        return np.column_stack([np.where(is_known, scaled, 0.0), is_known]).astype(np.float64)
    unknown = set(values[is_known].tolist()) - set(condition.values)
    if unknown:
        message = f"{condition.name} is {min(unknown)!r}: the consortium agreed on {', '.join(condition.values)}"
        raise ConfigurationError(message, reason="VALUE_OUT_OF_RANGE")
    columns = [[value == word for value in values.tolist()] for word in condition.values]
    return np.column_stack([*columns, is_known]).astype(np.float64)


@cache
def _descriptor_sizes() -> Array:
    """Largest descriptors among all pairs of elements: public, and of no member's rows."""
    n_elements = len(SYMBOLS)
    pairs = [Composition.of({first: 1.0, second: 1.0}) for first, second in _pairs(n_elements)]
    largest = np.abs(describe_compositions(pairs)).max(axis=0)
    return np.asarray(np.maximum(largest, 1.0))


def _pairs(n_elements: int) -> list[tuple[int, int]]:
    """A sixth of all pairs is enough: every element meets light and heavy ones."""
    step = 6
    return [
        (first, second)
        for first in range(1, n_elements + 1)
        for second in range(first + 1 + first % step, n_elements + 1, step)
    ]
