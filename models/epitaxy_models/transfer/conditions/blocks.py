"""Conditions as blocks of features."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import ConfigurationError
from epitaxy_models.transfer.conditions.condition import Condition, Values, known_rows

CONDITION_PREFIX = "condition/"


def condition_block(condition: Condition, values: Values) -> NDArray[np.float64]:
    """Value, 0 if unknown, and whether it is known, 1 or 0: ``[n_rows, 2]``.

    A category has one column for each that the labels hold instead of the value: ``[n_rows, n_categories + 1]``. One
    that no label holds is unknown.
    """
    is_known = known_rows(values)
    if condition.is_category:
        places = {category: place for place, category in enumerate(condition.categories)}
        found = np.array([places.get(value, -1) for value in values.tolist()], dtype=np.int64)
        one_hot = (found[:, None] == np.arange(len(places))).astype(np.float64)
        return np.column_stack([one_hot, found >= 0]).astype(np.float64)
    return np.column_stack([np.where(is_known, values, 0.0), is_known]).astype(np.float64)


def condition_blocks(
    conditions: Sequence[Condition], values: Mapping[str, Values], n_rows: int
) -> dict[str, NDArray[np.float64]]:
    """Blocks of all conditions by name, from the values of each.

    Raises ConfigurationError (INVALID_CONDITION) where values have another length, type, or are infinite.
    """
    blocks = {}
    for condition in conditions:
        check_values(condition, values[condition.name], n_rows)
        blocks[f"{CONDITION_PREFIX}{condition.name}"] = condition_block(condition, values[condition.name])
    return blocks


def unknown_values(condition: Condition, n_rows: int) -> Values:
    """Nothing known, of any row."""
    return np.full(n_rows, None, dtype=object) if condition.is_category else np.full(n_rows, np.nan)


def check_values(condition: Condition, values: Values, n_rows: int) -> None:
    """Raises ConfigurationError (INVALID_CONDITION)."""
    is_number = values.dtype == np.float64
    if values.shape != (n_rows,) or is_number == condition.is_category or (is_number and np.isinf(values).any()):
        kind = f"one of {condition.covered}" if condition.is_category else "a finite number"
        raise ConfigurationError(
            f"condition {condition.name!r}: give {kind} for each of {n_rows} rows, or none where it is unknown",
            reason="INVALID_CONDITION",
        )
