"""Answers of the ensemble so far, and the best of them."""

import numpy as np
from numpy.typing import NDArray

from epitaxy.gateway.search.goal import SearchOrder
from epitaxy.gateway.search.scores import Evaluated


class Results:
    """What was recorded, in order of arrival; only evaluated candidates take memory here."""

    def __init__(self, order: SearchOrder) -> None:
        self._order = order
        self._formulas: dict[str, int] = {}
        self._blocks: list[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]]] = []

    def add(self, indices: NDArray[np.int64], evaluated: Evaluated) -> NDArray[np.bool_]:
        """Keeps answers; returns which candidates got one."""
        values = np.asarray(evaluated.values[self._order.goal.quantity], dtype=np.float64)
        are_answered = np.isfinite(values)
        are_eligible = are_answered.copy()
        for condition in self._order.where:
            are_eligible &= condition.are_met(evaluated.values[condition.quantity])
        if self._order.in_domain and evaluated.are_in_domain is not None:
            are_eligible &= evaluated.are_in_domain
        formulas = self._numbers(evaluated.formulas, len(indices))
        self._blocks.append(
            (indices[are_answered], values[are_answered], are_eligible[are_answered], formulas[are_answered])
        )
        return are_answered

    @property
    def indices(self) -> NDArray[np.int64]:
        """Candidates with an answer, ``[n_recorded]``."""
        return self._joined()[0]

    @property
    def values(self) -> NDArray[np.float64]:
        """The goal's quantity of each, eligible or not, ``[n_recorded]``."""
        return self._joined()[1]

    @property
    def merits(self) -> NDArray[np.float64]:
        """Their merits, ``[n_recorded]``."""
        return self._order.goal.merits(self.values)

    @property
    def are_eligible(self) -> NDArray[np.bool_]:
        """Which of them meet all conditions, ``[n_recorded]``."""
        return self._joined()[2]

    def best(self) -> NDArray[np.intp]:
        """Places of the best K in the columns above, best first; ties go to the earlier candidate."""
        indices, values, are_eligible, formulas = self._joined()
        merits = self._order.goal.merits(values)
        places = np.flatnonzero(are_eligible)
        ordered = places[np.lexsort((indices[places], -merits[places]))]
        if self._order.per_formula:
            ordered = ordered[_ranks_within(formulas[ordered]) < self._order.per_formula]
        return ordered[: self._order.best]

    def _numbers(self, formulas: tuple[str, ...] | None, n: int) -> NDArray[np.int64]:
        if not self._order.per_formula or formulas is None:
            return np.zeros(n, dtype=np.int64)
        return np.array([self._formulas.setdefault(one, len(self._formulas)) for one in formulas], dtype=np.int64)

    def _joined(self) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]]:
        if not self._blocks:
            nothing = np.zeros(0)
            return nothing.astype(np.int64), nothing, nothing.astype(bool), nothing.astype(np.int64)
        if len(self._blocks) > 1:
            indices, values, are_eligible, formulas = zip(*self._blocks, strict=True)
            self._blocks = [
                (
                    np.concatenate(indices),
                    np.concatenate(values),
                    np.concatenate(are_eligible),
                    np.concatenate(formulas),
                )
            ]
        return self._blocks[0]


def _ranks_within(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many earlier entries belong to the group of each, ``[n]``."""
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(groups) else np.zeros(0, dtype=np.int64)
    ranks = np.empty(len(groups), dtype=np.int64)
    ranks[order] = np.arange(len(groups)) - np.repeat(starts, np.diff(np.r_[starts, len(groups)]))
    return ranks
