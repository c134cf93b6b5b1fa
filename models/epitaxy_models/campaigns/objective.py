"""What a campaign looks for: objectives, and limits that other properties have to keep."""

import re
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import ConfigurationError

Array = NDArray[np.float64]
_LIMIT = re.compile(r"^\s*(?P<name>[^\s<>=]+)\s*(?P<sign><=|>=|<|>)\s*(?P<limit>\S+)\s*$")
_FORM = "PROPERTY:max, PROPERTY:min, PROPERTY:match:VALUE or PROPERTY:band:LOW:HIGH"


class Goal(StrEnum):
    """What is wanted of a property."""

    MAXIMIZE = "max"
    MINIMIZE = "min"
    MATCH = "match"
    BAND = "band"

    @property
    def n_values(self) -> int:
        """Numbers that the goal needs."""
        return {Goal.MATCH: 1, Goal.BAND: 2}.get(self, 0)

    @property
    def is_monotone(self) -> bool:
        """Whether more (or less) is always better, so that any monotone scale ranks alike."""
        return self in {Goal.MAXIMIZE, Goal.MINIMIZE}


@dataclass(frozen=True, slots=True)
class Objective:
    """One property and what is wanted of it.

    Attributes:
        name: Property, as the column is written.
        unit: Unit of its values.
        goal: What is wanted.
        low: Value to match, or lower end of the band, in the unit.
        high: Value to match, or upper end of the band.
    """

    name: str
    unit: str
    goal: Goal
    low: float = 0.0
    high: float = 0.0

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigurationError("an objective needs a property", reason="INVALID_OBJECTIVE")
        if not (np.isfinite([self.low, self.high]).all() and self.low <= self.high):
            raise ConfigurationError(
                f"{self.name}: a band from {self.low:g} to {self.high:g} holds nothing", reason="INVALID_OBJECTIVE"
            )

    @classmethod
    def parse(cls, text: str, unit: str) -> "Objective":
        """Reads the form of the command, such as ``band_gap:match:1.4``.

        Raises ConfigurationError (INVALID_OBJECTIVE) with the forms that exist.
        """
        name, goal, values = _parts_of(text)
        if len(values) != goal.n_values:
            raise ConfigurationError(
                f"{text!r}: {goal} takes {goal.n_values} numbers; write {_FORM}", reason="INVALID_OBJECTIVE"
            )
        low, high = (values[0], values[-1]) if values else (0.0, 0.0)
        return cls(name, unit, goal, low, high)

    def utility(self, values: Array) -> Array:
        """How good values in the unit are, in the unit: more is better, 0 is perfect for ``match`` and ``band``."""
        if self.goal is Goal.MAXIMIZE:
            return values.astype(np.float64)
        if self.goal is Goal.MINIMIZE:
            return -values.astype(np.float64)
        outside = np.maximum(self.low - values, values - self.high)
        return np.asarray(-np.maximum(outside, 0.0), dtype=np.float64)

    def values_above(self, utility: float) -> tuple[float, float]:
        """Ends of the values whose utility is at least that; may be infinite."""
        if self.goal is Goal.MAXIMIZE:
            return utility, np.inf
        if self.goal is Goal.MINIMIZE:
            return -np.inf, -utility
        return self.low + utility, self.high - utility

    def __str__(self) -> str:
        numbers = {Goal.MATCH: f":{self.low:g}", Goal.BAND: f":{self.low:g}:{self.high:g}"}
        return f"{self.name}:{self.goal}{numbers.get(self.goal, '')}"


def _parts_of(text: str) -> tuple[str, Goal, list[float]]:
    """Name, goal and numbers; the name may hold colons itself."""
    words = text.split(":")
    places = [place for place in range(1, len(words)) if words[place] in set(Goal)]
    try:
        place = places[-1]
        return ":".join(words[:place]), Goal(words[place]), [float(word) for word in words[place + 1 :]]
    except (IndexError, ValueError) as error:
        raise ConfigurationError(f"{text!r} is not an objective; write {_FORM}", reason="INVALID_OBJECTIVE") from error


@dataclass(frozen=True, slots=True)
class Limit:
    """A property that has to stay on one side of a value, such as ``energy_above_hull<0.1``.

    Attributes:
        name: Property.
        limit: In the property's unit.
        is_upper: True if values have to stay below.
    """

    name: str
    limit: float
    is_upper: bool

    @classmethod
    def parse(cls, text: str) -> "Limit":
        """Reads ``NAME<VALUE`` or ``NAME>VALUE``. Raises ConfigurationError (INVALID_LIMIT)."""
        found = _LIMIT.match(text)
        try:
            if found is None:
                raise ValueError(text)
            return cls(found["name"], float(found["limit"]), found["sign"].startswith("<"))
        except ValueError as error:
            raise ConfigurationError(
                f"{text!r} is not a limit; write NAME<VALUE or NAME>VALUE", reason="INVALID_LIMIT"
            ) from error

    def is_kept(self, values: Array) -> NDArray[np.bool_]:
        """Whether values in the unit keep the limit; NaN does not."""
        return np.asarray(values <= self.limit if self.is_upper else values >= self.limit)
