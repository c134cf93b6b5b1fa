"""Conditions of a pool: what its candidates state, as columns that the models read."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from epitaxy.campaigns.domain.candidates import ConditionValue
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.transfer.conditions.condition import MAX_CATEGORIES, Condition, Values, known_rows
from epitaxy_models.transfer.conditions.units import converted

Given = Mapping[str, ConditionValue]


@dataclass(slots=True)
class _Seen:
    """What the candidates state of one condition."""

    unit: str = ""
    texts: Counter[str] = field(default_factory=Counter)
    has_words: bool = False


@dataclass(frozen=True, slots=True)
class ConditionColumn:
    """One condition of a pool.

    Attributes:
        name: Its name.
        unit: Of its numbers: the first that a candidate states.
        categories: The most frequent words, if it has words; a column of numbers has none.
    """

    name: str
    unit: str
    categories: frozenset[str]

    def read(self, given: ConditionValue | None) -> float | str | None:
        """The value in the column's unit, None for an unknown one. Raises ConfigurationError; says what to do."""
        if given is None:
            return None
        if not self.categories:
            assert isinstance(given.value, float)
            return float(converted(np.array([given.value]), given.unit, self.unit, self.name)[0])
        if _text(given) not in self.categories:
            text = f"condition {self.name} has more than {MAX_CATEGORIES} categories: merge some"
            raise ConfigurationError(text, reason="INVALID_CONDITION")
        return _text(given)


def columns_of(rows: Iterable[Given]) -> list[ConditionColumn]:
    """The conditions that any of the candidates states, by name; numbers are words where others are."""
    seen: dict[str, _Seen] = {}
    for row in rows:
        for name, given in row.items():
            one = seen.setdefault(name, _Seen())
            one.unit = one.unit or given.unit
            one.has_words |= isinstance(given.value, str)
            one.texts[_text(given)] += 1
    return [
        ConditionColumn(
            name,
            "" if one.has_words else one.unit,
            frozenset(text for text, _ in one.texts.most_common(MAX_CATEGORIES)) if one.has_words else frozenset(),
        )
        for name, one in sorted(seen.items())
    ]


def values_of(columns: Sequence[ConditionColumn], rows: Sequence[Given]) -> tuple[dict[str, list[Any]], dict[int, str]]:
    """Values by column, None where unknown, and why a row's conditions cannot be read."""
    values: dict[str, list[Any]] = {column.name: [] for column in columns}
    faults: dict[int, str] = {}
    for number, row in enumerate(rows):
        for column in columns:
            try:
                value = column.read(row.get(column.name))
            except ConfigurationError as error:
                value, faults[number] = None, error.message
            values[column.name].append(value)
    return values, faults


def learned(units: Mapping[str, str], values: Mapping[str, Values]) -> list[Condition]:
    """Conditions as models know them, by the unit of each; those that no usable candidate states are left out."""
    return [
        Condition.learned(name, values[name], unit) for name, unit in units.items() if known_rows(values[name]).any()
    ]


def _text(given: ConditionValue) -> str:
    return given.value if isinstance(given.value, str) else f"{given.value:.15g}"
