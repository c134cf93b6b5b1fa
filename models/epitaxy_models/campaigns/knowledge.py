"""What a campaign knows of its pool at one moment: results, failures, what is pending, what may be chosen."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.campaigns.prequential import Prequential
from epitaxy_models.errors import ConfigurationError

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]


def _none() -> Numbers:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Knowledge:
    """Results in units, and what is open.

    A candidate is its number in the pool, from 0. A candidate may have several results: repeats tell the noise.

    Attributes:
        candidates: Candidate of each result, int64 ``[n_results]``.
        values: Results by property, NaN where that property was not measured, ``[n_results]`` each.
        stds: Standard deviation of each reading by property, NaN where nobody stated it; a property may be missing.
        failed: Candidates whose synthesis or measurement failed, once for each failure.
        pending: Candidates that are recommended and have no result yet.
        allowed: Whether rules leave a candidate open, ``[n_candidates]``; None: all of them. What is measured, failed
            or pending is closed whatever this says.
        costs: Of measuring each candidate, positive, ``[n_candidates]``; None: all cost the same.
        groups: Equal numbers for copies of one material, ``[n_candidates]``; None: no copies. A result for one closes
            all of them.
        record: Predictions made before; those with a result correct the intervals of the next ones.
    """

    candidates: Numbers = field(default_factory=_none)
    values: Mapping[str, Array] = field(default_factory=dict)
    stds: Mapping[str, Array] = field(default_factory=dict)
    failed: Numbers = field(default_factory=_none)
    pending: Numbers = field(default_factory=_none)
    allowed: NDArray[np.bool_] | None = None
    costs: Array | None = None
    groups: Numbers | None = None
    record: Prequential = field(default_factory=Prequential)

    def __post_init__(self) -> None:
        for name, column in [*self.values.items(), *self.stds.items()]:
            if len(column) != len(self.candidates):
                _refuse(f"{name}: {len(column)} values for {len(self.candidates)} results")
            if np.isinf(column).any():
                _refuse(f"{name}: a result is infinite")
        for name, column in self.stds.items():
            if (column < 0).any():
                _refuse(f"{name}: a standard deviation is negative")
        if self.costs is not None and not (np.isfinite(self.costs).all() and (self.costs > 0).all()):
            _refuse("costs must be positive, finite numbers")

    def check(self, n_candidates: int) -> None:
        """Raises ConfigurationError (INVALID_KNOWLEDGE) if candidates or columns do not fit a pool of that size."""
        for numbers in (self.candidates, self.failed, self.pending):
            if len(numbers) and not (numbers.min() >= 0 and numbers.max() < n_candidates):
                _refuse(f"a candidate's number is not in 0 to {n_candidates - 1}")
        for column in (self.allowed, self.costs, self.groups):
            if column is not None and len(column) != n_candidates:
                _refuse(f"a column of {len(column)} entries for {n_candidates} candidates")

    def open(self, n_candidates: int) -> Numbers:
        """Candidates that may be chosen, ascending."""
        taken = np.concatenate([self.candidates, self.failed, self.pending])
        is_open = np.ones(n_candidates, dtype=bool) if self.allowed is None else self.allowed.copy()
        is_open[taken] = False
        if self.groups is not None and len(taken):
            is_open &= ~np.isin(self.groups, self.groups[taken])
        return np.flatnonzero(is_open)

    def results(self, name: str) -> tuple[Numbers, Array, Array]:
        """Candidates, values and stated standard deviations (NaN: not stated) of one property's results."""
        values = self.values.get(name, np.full(len(self.candidates), np.nan))
        has_value = np.isfinite(values)
        stds = self.stds.get(name, np.full(len(self.candidates), np.nan))
        return self.candidates[has_value], values[has_value], stds[has_value]

    def costs_of(self, numbers: Numbers) -> Array:
        """Costs of some candidates; all one if none were given."""
        return np.ones(len(numbers)) if self.costs is None else self.costs[numbers]

    def distinct(self, numbers: Numbers) -> Numbers:
        """The first of each group of copies among some candidates, in their order."""
        if self.groups is None or not len(numbers):
            return numbers
        _, first = np.unique(self.groups[numbers], return_index=True)
        return numbers[np.sort(first)]


def _refuse(problem: str) -> None:
    raise ConfigurationError(problem, reason="INVALID_KNOWLEDGE")
