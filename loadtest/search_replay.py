"""A search played again on crystals whose answers are known: what it evaluates, finds and promises."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy.gateway.search import (
    BestFirst,
    Evaluated,
    Quantity,
    ResidualTable,
    Scores,
    SearchOrder,
    SearchSummary,
)
from epitaxy_models.search import Stage, Students, StudentScores
from epitaxy_models.training.student_answers import EnsembleAnswers

_WINDOW = 512


@dataclass(frozen=True, slots=True, eq=False)
class Replayed:
    """One search, with what only the replay knows.

    Attributes:
        recall: Share of the ensemble's own best K that was found; ties at the K-th count as found.
        summary: What the search said of itself.
    """

    recall: float
    summary: SearchSummary

    @property
    def is_kept(self) -> bool:
        """Whether the recall that was asked for was reached."""
        return self.recall >= self.summary.recall_target - 1e-9

    @property
    def is_covered(self) -> bool:
        """Whether the search's own interval holds the recall that it reached."""
        return self.summary.recall_low - 1e-9 <= self.recall <= self.summary.recall_high + 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Crystals that were scored and answered, ready to be searched."""

    scores: StudentScores
    answers: EnsembleAnswers
    students: Students

    def part(self, rows: NDArray[np.int64]) -> "Pool":
        """The crystals of these rows, which ascend."""
        chosen = StudentScores(self.scores.values[rows], self.scores.scales[rows], self.scores.stages[rows])
        is_chosen = np.zeros(len(self.answers.wanted), dtype=bool)
        is_chosen[rows] = True
        return Pool(chosen, self.answers.rows(is_chosen), self.students)


def replay(pool: Pool, order: SearchOrder) -> Replayed:
    """Runs one search on a pool, with windows as a gateway has them."""
    columns = {one: pool.students.column(one.property_name, str(one.end)) for one in order.quantities}
    search = BestFirst(order, {one: _table(pool.students, one) for one in order.quantities})
    search.add(
        Scores(
            {one: pool.scores.values[:, column] for one, column in columns.items()},
            {one: pool.scores.scales[:, column] for one, column in columns.items()},
        )
    )
    search.seal()
    while not search.is_done:
        wanted = search.next_wanted(_WINDOW)
        if len(wanted):
            search.record(wanted, _evaluated(pool, columns, wanted))
    return Replayed(_recall(pool, columns, order, search.best()), search.summary())


def _table(students: Students, quantity: Quantity) -> ResidualTable:
    table = students.table(Stage.PACKING, quantity.property_name, str(quantity.end))
    lowest = -np.inf if quantity.property_name == "formation_energy" else 0.0
    return ResidualTable(table, lower_bound=lowest)


def _evaluated(pool: Pool, columns: dict[Quantity, int], rows: NDArray[np.int64]) -> Evaluated:
    return Evaluated(
        {one: pool.answers.wanted[rows, column].astype(np.float64) for one, column in columns.items()},
        pool.answers.are_in_domain[rows],
        tuple(pool.answers.formulas[rows].tolist()),
    )


def _recall(pool: Pool, columns: dict[Quantity, int], order: SearchOrder, best: NDArray[np.int64]) -> float:
    """Against a search that evaluates all."""
    whole = BestFirst(order, {one: _table(pool.students, one) for one in order.quantities})
    everyone = np.arange(len(pool.answers.wanted))
    n = len(everyone)
    whole.add(Scores(*({one: np.ones(n, dtype=np.float32) for one in order.quantities} for _ in range(2))))
    whole.seal()
    whole.record(everyone, _evaluated(pool, columns, everyone))
    true = whole.best()
    if not len(true):
        return 1.0
    merits = order.goal.merits(pool.answers.wanted[:, columns[order.goal.quantity]])
    return min(float(np.count_nonzero(merits[best] >= merits[true[-1]]) / len(true)), 1.0)
