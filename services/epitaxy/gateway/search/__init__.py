"""Best-first search: which candidates the ensemble evaluates, when to stop, and what recall that reached."""

from epitaxy.gateway.search.best_first import BestFirst
from epitaxy.gateway.search.goal import Comparison, Condition, Direction, End, Goal, Quantity, SearchOrder
from epitaxy.gateway.search.residuals import ResidualTable
from epitaxy.gateway.search.scores import Evaluated, Scores
from epitaxy.gateway.search.summary import Fate, SearchSummary, Why

__all__ = [
    "BestFirst",
    "Comparison",
    "Condition",
    "Direction",
    "End",
    "Evaluated",
    "Fate",
    "Goal",
    "Quantity",
    "ResidualTable",
    "Scores",
    "SearchOrder",
    "SearchSummary",
    "Why",
]
