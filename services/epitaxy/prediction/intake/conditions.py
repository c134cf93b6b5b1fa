"""Conditions under which a tenant's model is asked: what an item states, as the model reads it."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from epitaxy.prediction.domain import Answer, ConditionValue, Item, Refusal
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.structures import Note
from epitaxy_models.transfer.conditions.condition import Condition, Values
from epitaxy_models.transfer.conditions.scope import remark
from epitaxy_models.transfer.conditions.units import converted
from epitaxy_models.transfer.fitted.card import TransferCard

INVALID, MISSING, UNCOVERED = "INVALID_CONDITION", "MISSING_CONDITION", "UNCOVERED_CONDITION"


def with_conditions(answer: Answer, item: Item, card: TransferCard) -> Answer:
    """The answer with notes, or a refusal for a condition of a wrong type.

    A note tells of a condition that the item does not state, and of one that the model's labels do not cover.
    """
    if isinstance(answer.outcome, Refusal) or not card.conditions:
        return answer
    notes = []
    for condition in card.conditions:
        try:
            value = _read(condition, item.conditions.get(condition.name))
        except ConfigurationError as error:
            return Answer(answer.id, Refusal(INVALID, error.message))
        if value is None:
            notes.append(Note(MISSING, f"{condition.name} is not given: the interval holds for any of the labels'"))
        elif text := remark(condition, value):
            notes.append(Note(UNCOVERED, text))
    return replace(answer, outcome=replace(answer.outcome, notes=(*answer.outcome.notes, *notes)))


def conditions_of(card: TransferCard, items: Sequence[Item]) -> dict[str, Values]:
    """Values of each condition of a model, ``[n_rows]``, of items that `with_conditions` lets pass."""
    columns = {}
    for condition in card.conditions:
        read = [_read(condition, item.conditions.get(condition.name)) for item in items]
        if condition.is_category:
            column = np.empty(len(read), dtype=object)
            column[:] = read
        else:
            column = np.array([math.nan if value is None else value for value in read], dtype=np.float64)
        columns[condition.name] = column
    return columns


def _read(condition: Condition, given: ConditionValue | None) -> float | str | None:
    """The value in the model's unit, None for an unknown one. Raises ConfigurationError; says what to do."""
    if given is None or (isinstance(given.value, float) and math.isnan(given.value)):
        return None
    value = given.value
    if condition.is_category:
        # Categories may look like numbers, and a table's cell does not tell.
        text = f"{value:.15g}" if isinstance(value, float) else value
        if isinstance(value, float) and text not in condition.categories:
            raise _wrong(condition, f"is the number {value:g}, and the model knows categories: {condition.covered}")
        return text
    if isinstance(value, str):
        raise _wrong(condition, f"is {value[:40]!r}: give a number{f' in {condition.unit}' if condition.unit else ''}")
    if math.isinf(value):
        raise _wrong(condition, "is infinite: correct it")
    return float(converted(np.array([value]), given.unit, condition.unit, condition.name)[0])


def _wrong(condition: Condition, what: str) -> ConfigurationError:
    return ConfigurationError(f"condition {condition.name!r} {what}", reason=INVALID)
