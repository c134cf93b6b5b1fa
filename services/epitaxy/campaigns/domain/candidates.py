"""Candidates as they are taken in: before anything is computed of them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_ID_CHARACTERS = 128
MAX_KNOWN_COLUMNS = 64


@dataclass(frozen=True, slots=True)
class Candidate:
    """One candidate.

    Attributes:
        structure: The structure in its wire form, opaque here; empty if there is a fault.
        cost: What measuring it costs, positive.
        known: Values that are known already, by column.
        fault: Why it cannot be used, reason and message; empty: it can, as far as is known.
    """

    id: str
    structure: bytes
    cost: float = 1.0
    group: str = ""
    known: Mapping[str, float] = field(default_factory=dict)
    fault: tuple[str, str] | None = None


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
