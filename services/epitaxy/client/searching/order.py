"""What a search looks for, from the words of a caller to the wire."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from epitaxy.api.prediction.v1 import prediction_pb2, search_pb2
from epitaxy.client.errors import InvalidRequestError

DEFAULT_RECALL = 0.99
_ENDS = {
    "value": search_pb2.VALUE_END_VALUE,
    "lower": search_pb2.VALUE_END_LOWER,
    "upper": search_pb2.VALUE_END_UPPER,
}
_COMPARISONS = {
    "<": search_pb2.CONDITION_COMPARISON_LESS,
    "<=": search_pb2.CONDITION_COMPARISON_LESS_OR_EQUAL,
    ">": search_pb2.CONDITION_COMPARISON_GREATER,
    ">=": search_pb2.CONDITION_COMPARISON_GREATER_OR_EQUAL,
    "=": search_pb2.CONDITION_COMPARISON_EQUAL,
    "==": search_pb2.CONDITION_COMPARISON_EQUAL,
}
_CONDITION = re.compile(r"\s*([^\s<>=:]+)\s*(?::\s*(\w+)\s*)?(<=|>=|==|<|>|=)\s*(\S+)\s*")
_GOAL_FORM = (
    "PROPERTY:max, PROPERTY:min or PROPERTY:match:VALUE, with :lower or :upper at the end for an interval's end"
)
_CONDITION_FORM = '"PROPERTY<NUMBER" or "PROPERTY:lower>=NUMBER", with <, <=, >, >= or ='


@dataclass(frozen=True, slots=True)
class Goal:
    """By what candidates are ranked.

    Attributes:
        property: Name of the property.
        direction: ``max``, ``min`` or ``match``.
        target: The number to match; it has no meaning for other directions.
        end: ``value``, or ``lower`` or ``upper`` for an end of the interval.
    """

    property: str
    direction: str
    target: float = 0.0
    end: str = "value"

    @classmethod
    def parse(cls, text: str) -> "Goal":
        """A goal from ``band_gap:max`` or ``band_gap:match:1.5:lower``. Raises InvalidRequestError."""
        name, *parts = [part.strip() for part in text.split(":")]
        direction = parts.pop(0) if parts else ""
        target = _number(parts.pop(0), "by", text, _GOAL_FORM) if direction == "match" and parts else math.nan
        end = parts.pop(0) if parts else "value"
        if not name or parts or direction not in ("max", "min", "match") or end not in _ENDS:
            raise _invalid("by", text, _GOAL_FORM)
        if direction == "match" and math.isnan(target):
            raise _invalid("by", text, _GOAL_FORM)
        return cls(name, direction, target if direction == "match" else 0.0, end)

    def message(self) -> search_pb2.SearchGoal:
        """The goal on the wire."""
        goal = search_pb2.SearchGoal(quantity=_quantity(self.property, self.end))
        if self.direction == "match":
            goal.match = self.target
        elif self.direction == "max":
            goal.maximize.SetInParent()
        else:
            goal.minimize.SetInParent()
        return goal


@dataclass(frozen=True, slots=True)
class Where:
    """A condition that each of the best must meet: ``formation_energy < -0.5``.

    Attributes:
        property: Name of the property.
        comparison: ``<``, ``<=``, ``>``, ``>=`` or ``=``.
        bound: With what the answer is compared.
        end: ``value``, or ``lower`` or ``upper`` for an end of the interval.
    """

    property: str
    comparison: str
    bound: float
    end: str = "value"

    @classmethod
    def parse(cls, text: str) -> "Where":
        """A condition from its text. Raises InvalidRequestError."""
        found = _CONDITION.fullmatch(text)
        if found is None or (found[2] or "value") not in _ENDS:
            raise _invalid("where", text, _CONDITION_FORM)
        return cls(found[1], found[3], _number(found[4], "where", text, _CONDITION_FORM), found[2] or "value")

    def message(self) -> search_pb2.SearchCondition:
        """The condition on the wire."""
        return search_pb2.SearchCondition(
            quantity=_quantity(self.property, self.end), comparison=_COMPARISONS[self.comparison], bound=self.bound
        )


def search_order(
    options: prediction_pb2.PredictionOptions,
    k: int,
    by: "str | Goal",
    where: "str | Where | Sequence[str | Where]",
    *,
    recall: float,
    in_domain: bool,
    per_formula: int | None,
    seed: int,
) -> search_pb2.SearchOrder:
    """The order on the wire.

    Raises:
        InvalidRequestError: A text cannot be read, or a number is out of range.
    """
    if k < 1:
        raise InvalidRequestError(f"k is {k}: give 1 or more", reason="INVALID_BEST")
    if not 0.5 <= recall <= 0.999:
        raise InvalidRequestError(f"recall is {recall:g}: give 0.5 to 0.999", reason="INVALID_RECALL")
    if per_formula is not None and per_formula < 1:
        raise InvalidRequestError(f"per_formula is {per_formula}: give 1 or more", reason="INVALID_PER_FORMULA")
    goal = by if isinstance(by, Goal) else Goal.parse(by)
    texts = [where] if isinstance(where, str | Where) else list(where)
    conditions = [one if isinstance(one, Where) else Where.parse(one) for one in texts]
    return search_pb2.SearchOrder(
        options=options,
        best=k,
        goal=goal.message(),
        where=[condition.message() for condition in conditions],
        recall=recall,
        in_domain=in_domain,
        per_formula=per_formula or 0,
        seed=seed,
    )


def _quantity(name: str, end: str) -> search_pb2.SearchQuantity:
    return search_pb2.SearchQuantity(property=name, end=_ENDS[end])


def _number(text: str, option: str, whole: str, form: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise _invalid(option, whole, form) from None
    if not math.isfinite(number):
        raise _invalid(option, whole, form)
    return number


def _invalid(option: str, text: str, form: str) -> InvalidRequestError:
    return InvalidRequestError(f"{option} {text!r} cannot be read: give {form}", reason=f"INVALID_{option.upper()}")
