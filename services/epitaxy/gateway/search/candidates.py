"""All candidates of a search, a few bytes each: 13 bytes, so that ten million take 130 MB."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from epitaxy.gateway.search.chances import chances_to_beat, chances_to_meet
from epitaxy.gateway.search.goal import Quantity, SearchOrder
from epitaxy.gateway.search.residuals import ResidualTable
from epitaxy.gateway.search.scores import Scores

PENDING, IN_FLIGHT, RECORDED, REFUSED = 0, 1, 2, 3
_BLOCK = 1 << 19


class Candidates:
    """Columns that grow block by block until ``seal`` joins them.

    Attributes:
        values: What the student expects of the goal's quantity, float32 ``[n]``.
        scales: Expected size of its error, float32 ``[n]``.
        gates: Chance to meet all conditions, float32 ``[n]``.
        states: ``PENDING``, ``IN_FLIGHT``, ``RECORDED`` or ``REFUSED``, uint8 ``[n]``.
    """

    def __init__(self, order: SearchOrder, tables: Mapping[Quantity, ResidualTable]) -> None:
        self._order, self._tables = order, tables
        self._blocks: list[tuple[NDArray[np.float32], ...]] = []
        self.n = 0
        self.values = self.scales = self.gates = np.zeros(0, dtype=np.float32)
        self.states = np.zeros(0, dtype=np.uint8)

    def add(self, scores: Scores) -> range:
        """Keeps what the search needs of the scores; returns the indices of these candidates."""
        goal = self._order.goal.quantity
        values, scales = _column(scores, goal)
        gates = np.ones(len(values), dtype=np.float32)
        for condition in self._order.where:
            gates *= chances_to_meet(condition, *_column(scores, condition.quantity), self._tables[condition.quantity])
        self._blocks.append((values, scales, gates))
        self.n += len(values)
        return range(self.n - len(values), self.n)

    def seal(self) -> None:
        """Joins the blocks; nothing can be added any more."""
        if self._blocks:
            self.values, self.scales, self.gates = (
                np.concatenate([block[place] for block in self._blocks]) for place in range(3)
            )
        self._blocks = []
        self.states = np.zeros(self.n, dtype=np.uint8)

    def chances(self, merit: float, shift: float = 0.0, stretch: float = 1.0) -> NDArray[np.float32]:
        """Chance of every candidate to beat a merit and meet all conditions, float32 ``[n]``.

        Args:
            merit: The threshold.
            shift: What the student is short of on this pool, in units of its scale.
            stretch: How much wider its errors are on this pool.
        """
        goal, table = self._order.goal, self._tables[self._order.goal.quantity]
        found = np.empty(self.n, dtype=np.float32)
        for rows in self._rows():
            scales = self.scales[rows]
            values = self.values[rows] + np.float32(shift) * scales
            found[rows] = chances_to_beat(goal, merit, values, scales * np.float32(stretch), table) * self.gates[rows]
        return found

    def merits(self) -> NDArray[np.float64]:
        """Merits that the student expects, ``[n]``."""
        return self._order.goal.merits(self.values)

    def _rows(self) -> Iterator[slice]:
        return (slice(start, min(start + _BLOCK, self.n)) for start in range(0, self.n, _BLOCK))


def _column(scores: Scores, quantity: Quantity) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Values and scales; a score that is no number, or has no positive scale, tells nothing."""
    values = np.array(scores.values[quantity], dtype=np.float32)
    scales = np.array(scores.scales[quantity], dtype=np.float32)
    is_usable = np.isfinite(values) & np.isfinite(scales) & (scales > 0)
    return np.where(is_usable, values, np.float32(np.nan)), np.where(is_usable, scales, np.float32(1))
