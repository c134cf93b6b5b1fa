"""What a search looks for: a goal, conditions, how many, and at which recall."""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from epitaxy.chassis.errors import FieldViolation, InvalidRequestError

DEFAULT_RECALL = 0.99
MIN_RECALL, MAX_RECALL = 0.5, 0.999


class Direction(StrEnum):
    """Which values of a property are best."""

    MAX = "max"
    MIN = "min"
    MATCH = "match"


class End(StrEnum):
    """What of an answer is meant: its value, or an end of its interval."""

    VALUE = "value"
    LOWER = "lower"
    UPPER = "upper"


class Comparison(StrEnum):
    """How a condition compares."""

    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="
    EQUAL = "="


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number of an answer: ``band_gap``'s value, or the lower end of its interval."""

    property_name: str
    end: End = End.VALUE

    def __str__(self) -> str:
        return self.property_name if self.end is End.VALUE else f"{self.property_name}:{self.end}"


@dataclass(frozen=True, slots=True)
class Goal:
    """What makes one answer better than another.

    Attributes:
        quantity: The number by which answers are ranked.
        direction: Whether large numbers, small ones, or those near ``target`` are best.
        target: The number to match, in the property's unit; it has no meaning for other directions.
    """

    quantity: Quantity
    direction: Direction
    target: float = 0.0

    def merits(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """How good the values are, same shape, higher is better; NaN for NaN."""
        exact = np.asarray(values, dtype=np.float64)
        if self.direction is Direction.MAX:
            return exact
        return -exact if self.direction is Direction.MIN else -np.abs(exact - self.target)

    def __str__(self) -> str:
        end = "" if self.quantity.end is End.VALUE else f":{self.quantity.end}"
        how = f"{self.direction}:{self.target:g}" if self.direction is Direction.MATCH else str(self.direction)
        return f"{self.quantity.property_name}:{how}{end}"


@dataclass(frozen=True, slots=True)
class Condition:
    """A candidate counts only if its answer meets the condition: ``formation_energy < -0.5``.

    Attributes:
        quantity: The number of the answer that is compared.
        comparison: How.
        bound: With what, in the property's unit.
    """

    quantity: Quantity
    comparison: Comparison
    bound: float

    def are_met(self, values: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Which values meet it, same shape; NaN meets nothing."""
        compare = {
            Comparison.LESS: np.less,
            Comparison.LESS_OR_EQUAL: np.less_equal,
            Comparison.GREATER: np.greater,
            Comparison.GREATER_OR_EQUAL: np.greater_equal,
            Comparison.EQUAL: np.equal,
        }[self.comparison]
        return np.asarray(compare(values, self.bound), dtype=bool)

    def __str__(self) -> str:
        return f"{self.quantity}{self.comparison}{self.bound:g}"


@dataclass(frozen=True, slots=True)
class SearchOrder:
    """All that a caller asks of a search. Raises InvalidRequestError, one violation for each wrong field.

    Attributes:
        best: How many candidates are wanted (K).
        goal: By what they are ranked.
        where: Conditions that each of them must meet.
        recall: Share of the ensemble's own best K among all candidates that the result must hold.
        in_domain: Whether only answers inside the model's domain count.
        per_formula: How many of one reduced formula count at most; 0: any number.
        seed: Of the random draws of the audit.
    """

    best: int
    goal: Goal
    where: tuple[Condition, ...] = ()
    recall: float = DEFAULT_RECALL
    in_domain: bool = False
    per_formula: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        wrong = tuple(FieldViolation(name, text) for name, text in self._faults())
        if wrong:
            raise InvalidRequestError("; ".join(f"{one.field}: {one.description}" for one in wrong), violations=wrong)

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """The numbers that the search needs of each candidate, the goal's first."""
        return tuple(dict.fromkeys([self.goal.quantity, *(condition.quantity for condition in self.where)]))

    def _faults(self) -> list[tuple[str, str]]:
        faults = []
        if self.best < 1:
            faults.append(("best", f"is {self.best}; give 1 or more"))
        if not MIN_RECALL <= self.recall <= MAX_RECALL:
            faults.append(("recall", f"is {self.recall:g}; give {MIN_RECALL:g} to {MAX_RECALL:g}"))
        if self.per_formula < 0:
            faults.append(("per_formula", f"is {self.per_formula}; give 1 or more, or 0 for any number"))
        if not math.isfinite(self.goal.target):
            faults.append(("by.match", f"is {self.goal.target}; give a finite number"))
        faults += [
            (f"where[{place}].bound", f"is {condition.bound}; give a finite number")
            for place, condition in enumerate(self.where)
            if not math.isfinite(condition.bound)
        ]
        return faults
