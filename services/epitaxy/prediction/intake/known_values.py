"""Values that a tenant's model needs beside the structures."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from epitaxy.prediction.domain import Answer, Item, KnownValues, Refusal
from epitaxy_models.transfer.fitted.card import KnownColumn, TransferCard


def with_values(answer: Answer, item: Item, card: TransferCard) -> Answer:
    """The answer, or a refusal if a value that the model needs is missing or not a number."""
    if isinstance(answer.outcome, Refusal):
        return answer
    for column in card.known_columns:
        value = item.known_values.get(column.name, math.nan)
        if math.isinf(value):
            return _refused(answer, "INVALID_KNOWN_VALUE", f"the known value {column.name!r} is infinite: correct it")
        if column.is_required and math.isnan(value):
            return _refused(answer, "MISSING_KNOWN_VALUE", _remedy(column))
    return answer


def columns_of(card: TransferCard, values: Sequence[KnownValues]) -> dict[str, NDArray[np.float64]]:
    """The columns that the model reads, ``[n_rows]`` each, NaN if unknown."""
    return {
        column.name: np.array([entry.get(column.name, math.nan) for entry in values]) for column in card.known_columns
    }


def _refused(answer: Answer, reason: str, message: str) -> Answer:
    return Answer(answer.id, Refusal(reason, message))


def _remedy(column: KnownColumn) -> str:
    unit = f" in {column.unit}" if column.unit else ""
    theory = f" ({column.fidelity.value})" if column.fidelity else ""
    return f"the model reads the known value {column.name!r}{theory}: send it{unit} with the structure as known_values"
