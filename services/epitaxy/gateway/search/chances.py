"""From a student's opinion to a chance: that an answer beats a threshold, or that it meets a condition."""

import numpy as np
from numpy.typing import NDArray

from epitaxy.gateway.search.goal import Comparison, Condition, Direction, Goal
from epitaxy.gateway.search.residuals import ResidualTable

Column = NDArray[np.float32]

# A value that is predicted to this share of the student's scale counts as one that may be equal.
_EQUAL_WITHIN = 0.25


def chances_to_beat(goal: Goal, merit: float, values: Column, scales: Column, table: ResidualTable) -> Column:
    """Chance of each candidate to have a merit above ``merit``, ``[n]``; 1 where the student cannot tell (NaN)."""
    if merit == -np.inf:
        return np.ones(len(values), dtype=np.float32)
    if goal.direction is Direction.MAX:
        found = table.above((merit - values) / scales) if merit < table.upper_bound else np.zeros_like(values)
    elif goal.direction is Direction.MIN:
        found = table.below((-merit - values) / scales) if -merit > table.lower_bound else np.zeros_like(values)
    else:
        low, high = goal.target + merit, goal.target - merit
        found = table.between((low - values) / scales, (high - values) / scales)
    return np.where(np.isnan(values), np.float32(1), found)


def chances_to_meet(condition: Condition, values: Column, scales: Column, table: ResidualTable) -> Column:
    """Chance of each candidate to meet the condition, ``[n]``; 1 where the student cannot tell (NaN)."""
    z = (condition.bound - values) / scales
    if condition.comparison in (Comparison.GREATER, Comparison.GREATER_OR_EQUAL):
        found = table.above(z)
    elif condition.comparison in (Comparison.LESS, Comparison.LESS_OR_EQUAL):
        found = table.below(z)
    else:
        found = table.between(z - _EQUAL_WITHIN, z + _EQUAL_WITHIN)
    found = np.where(_is_impossible(condition, table), np.float32(0), found)
    return np.where(np.isnan(values), np.float32(1), found)


def _is_impossible(condition: Condition, table: ResidualTable) -> bool:
    """Whether no value within the quantity's bounds meets the condition."""
    return {
        Comparison.LESS: condition.bound <= table.lower_bound,
        Comparison.LESS_OR_EQUAL: condition.bound < table.lower_bound,
        Comparison.GREATER: condition.bound >= table.upper_bound,
        Comparison.GREATER_OR_EQUAL: condition.bound > table.upper_bound,
        Comparison.EQUAL: not table.lower_bound <= condition.bound <= table.upper_bound,
    }[condition.comparison]
