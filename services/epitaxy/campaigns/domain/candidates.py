"""Candidates as they are taken in: before anything is computed of them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_ID_CHARACTERS = 128
MAX_KNOWN_COLUMNS = 64
MAX_CONDITIONS = 16
INVALID_CONDITION = "INVALID_CONDITION"


@dataclass(frozen=True, slots=True)
class ConditionValue:
    """The value of one condition; ``unit`` is that of a number, empty if nobody stated it."""

    value: float | str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One candidate.

    Attributes:
        structure: The structure in its wire form, opaque here; empty if there is a fault.
        cost: What measuring it costs, positive.
        known: Values that are known already, by column.
        conditions: Under which it is to be measured, by name.
        fault: Why it cannot be used, reason and message; empty: it can, as far as is known.
    """

    id: str
    structure: bytes
    cost: float = 1.0
    group: str = ""
    known: Mapping[str, float] = field(default_factory=dict)
    fault: tuple[str, str] | None = None
    conditions: Mapping[str, ConditionValue] = field(default_factory=dict)


def fault_of_id(name: str) -> tuple[str, str] | None:
    """Reason and message of an id that cannot be kept."""
    if 1 <= len(name) <= MAX_ID_CHARACTERS and name.isprintable():
        return None
    return "INVALID_ID", f"an id must have 1 to {MAX_ID_CHARACTERS} printable characters"


def fault_of_numbers(cost: float, known: Mapping[str, float]) -> tuple[str, str] | None:
    """Reason and message of numbers that cannot be kept."""
    if not (math.isfinite(cost) and cost >= 0):
        return "INVALID_COST", f"a cost of {cost} is not a positive number"
    infinite = next((name for name, value in known.items() if math.isinf(value)), None)
    if infinite is not None:
        return "INVALID_KNOWN_VALUE", f"the known value {infinite!r} is infinite: correct it"
    if len(known) > MAX_KNOWN_COLUMNS:
        return "INVALID_KNOWN_VALUE", f"more than {MAX_KNOWN_COLUMNS} known values"
    return None


def fault_of_conditions(conditions: Mapping[str, ConditionValue]) -> tuple[str, str] | None:
    """Reason and message of conditions that cannot be kept."""
    if len(conditions) > MAX_CONDITIONS:
        return INVALID_CONDITION, f"{len(conditions)} conditions; at most {MAX_CONDITIONS} are possible"
    for name, given in conditions.items():
        if not (1 <= len(name) <= MAX_ID_CHARACTERS and name.isprintable()):
            return INVALID_CONDITION, f"a condition's name must have 1 to {MAX_ID_CHARACTERS} printable characters"
        if isinstance(given.value, float) and not math.isfinite(given.value):
            return INVALID_CONDITION, f"condition {name} is {given.value}: give a finite number, or leave it out"
        if isinstance(given.value, str) and len(given.value) > MAX_ID_CHARACTERS:
            return INVALID_CONDITION, f"condition {name} has more than {MAX_ID_CHARACTERS} characters: shorten it"
    return None


def told_under(formula: str, conditions: Mapping[str, ConditionValue]) -> str:
    """A material with its conditions, for a person: ``"AlCoCr, temperature 25 degC"``."""
    return ", ".join([formula, *(f"{name} {told(given)}" for name, given in conditions.items())])


def told(given: ConditionValue) -> str:
    """A condition's value, for a person: ``"25 degC"``."""
    if isinstance(given.value, str):
        return given.value
    return f"{given.value:g} {given.unit}".strip()
