"""What a campaign looks for: objectives, and limits that candidates have to keep."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from epitaxy.api.campaigns.v1 import campaigns_pb2
from epitaxy.client.errors import InvalidRequestError

OBJECTIVE_FORM = "PROPERTY:max, PROPERTY:min, PROPERTY:match:VALUE or PROPERTY:band:LOW:HIGH"
_GOALS = {
    "max": campaigns_pb2.GOAL_MAXIMIZE,
    "min": campaigns_pb2.GOAL_MINIMIZE,
    "match": campaigns_pb2.GOAL_MATCH,
    "band": campaigns_pb2.GOAL_BAND,
}
_N_NUMBERS = {"max": 0, "min": 0, "match": 1, "band": 2}
_LIMIT = re.compile(r"\s*(?P<name>[^\s<>=]+)\s*(?P<sign><=|>=|<|>)\s*(?P<limit>\S+)\s*")
_MAX_OBJECTIVES = 3
DIMENSIONLESS = "1"
"""The unit of a property without one."""
_NO_UNITS = ("", "-", "dimensionless", "none", "unitless")


@dataclass(frozen=True, slots=True)
class Objective:
    """One property and what is wanted of it.

    Attributes:
        property: Name of the property, as the column of the results is written.
        unit: Unit of all its values.
        goal: ``"max"``, ``"min"``, ``"match"`` or ``"band"``.
        low: Value to match, or lower end of the band, in ``unit``.
        high: Value to match, or upper end of the band, in ``unit``.
    """

    property: str
    unit: str
    goal: str
    low: float = 0.0
    high: float = 0.0

    @classmethod
    def parse(cls, text: str, unit: str) -> "Objective":
        """From ``PROPERTY:max``, ``PROPERTY:min``, ``PROPERTY:match:VALUE`` or ``PROPERTY:band:LOW:HIGH``.

        Raises InvalidRequestError (INVALID_OBJECTIVE). The property's name may hold colons itself.
        """
        words = text.split(":")
        places = [place for place in range(1, len(words)) if words[place] in _GOALS]
        try:
            place = places[-1]
            goal, numbers = words[place], [float(word) for word in words[place + 1 :]]
        except (IndexError, ValueError):
            raise _invalid(f"{text!r} is not an objective: write {OBJECTIVE_FORM}") from None
        name = ":".join(words[:place]).strip()
        if not name or len(numbers) != _N_NUMBERS[goal] or not all(map(math.isfinite, numbers)):
            raise _invalid(f"{text!r} is not an objective: write {OBJECTIVE_FORM}")
        if goal == "band" and not numbers[0] < numbers[1]:
            raise _invalid(f"{text!r}: the lower end of the band must be below the upper end")
        low, high = (numbers[0], numbers[-1]) if numbers else (0.0, 0.0)
        return cls(name, unit, goal, low, high)

    @classmethod
    def of_proto(cls, message: campaigns_pb2.Objective) -> "Objective":
        """The objective as the server states it."""
        goal = next((name for name, value in _GOALS.items() if value == message.goal), "")
        low, high = (message.target, message.target) if goal == "match" else (message.low, message.high)
        return cls(message.property, message.unit, goal, low, high)

    def to_proto(self) -> campaigns_pb2.Objective:
        """The objective on the wire."""
        message = campaigns_pb2.Objective(property=self.property, unit=self.unit, goal=_GOALS[self.goal])
        if self.goal == "match":
            message.target = self.low
        elif self.goal == "band":
            message.low, message.high = self.low, self.high
        return message

    def __str__(self) -> str:
        numbers = {"match": f":{self.low:g}", "band": f":{self.low:g}:{self.high:g}"}
        return f"{self.property}:{self.goal}{numbers.get(self.goal, '')}"


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit that a candidate has to keep.

    Attributes:
        property: A measured property, a known column of the candidates, or a property that the substrate predicts.
        limit: The limit, in the property's unit.
        is_upper: True if values up to the limit are allowed, False if values from the limit on are.
    """

    property: str
    limit: float
    is_upper: bool

    @classmethod
    def parse(cls, text: str) -> "Limit":
        """From ``PROPERTY<VALUE`` or ``PROPERTY>VALUE``. Raises InvalidRequestError (INVALID_LIMIT)."""
        found = _LIMIT.fullmatch(text)
        try:
            limit = float(found["limit"]) if found else math.nan
        except ValueError:
            limit = math.nan
        if found is None or not math.isfinite(limit):
            message = f"{text!r} is not a limit: write PROPERTY<VALUE or PROPERTY>VALUE, as energy_above_hull<0.1"
            raise InvalidRequestError(message, reason="INVALID_LIMIT")
        return cls(found["name"], limit, found["sign"].startswith("<"))

    def to_proto(self) -> campaigns_pb2.Constraint:
        """The limit on the wire."""
        return campaigns_pb2.Constraint(property=self.property, is_upper=self.is_upper, limit=self.limit)

    def __str__(self) -> str:
        return f"{self.property}{'<' if self.is_upper else '>'}{self.limit:g}"


def objectives_of(objectives: Sequence["Objective | str"] | str, units: Sequence[str] | str) -> tuple[Objective, ...]:
    """One to three objectives; ``units`` are those of the ones given as text, in their order.

    Raises InvalidRequestError (INVALID_OBJECTIVE).
    """
    given = [objectives] if isinstance(objectives, str | Objective) else list(objectives)
    texts = [entry for entry in given if isinstance(entry, str)]
    named = [units] if isinstance(units, str) else list(units)
    if not 1 <= len(given) <= _MAX_OBJECTIVES:
        raise _invalid(f"a campaign has 1 to {_MAX_OBJECTIVES} objectives, not {len(given)}")
    if len(texts) != len(named):
        raise _invalid(
            f"there are {len(texts)} objectives and {len(named)} units: give one unit for each, in their order"
        )
    left = iter(named)
    found = tuple(
        Objective.parse(entry, plain_unit(next(left))) if isinstance(entry, str) else entry for entry in given
    )
    names = [entry.property for entry in found]
    if len(set(names)) != len(names):
        raise _invalid("two objectives are of the same property: give each property once")
    return found


def limits_of(limits: Sequence["Limit | str"] | str) -> tuple[Limit, ...]:
    """Limits that are given as such or as text. Raises InvalidRequestError (INVALID_LIMIT)."""
    given = [limits] if isinstance(limits, str) else limits
    return tuple(Limit.parse(entry) if isinstance(entry, str) else entry for entry in given)


def plain_unit(unit: str) -> str:
    """The unit as it is written to the server: ``"1"`` for a property without one, whatever word says so."""
    return DIMENSIONLESS if unit.strip().lower() in _NO_UNITS else unit.strip()


def _invalid(message: str) -> InvalidRequestError:
    return InvalidRequestError(message, reason="INVALID_OBJECTIVE")
