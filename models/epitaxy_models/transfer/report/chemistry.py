"""Errors out of fold by chemistry: number of elements, seen and unseen formulas, elements."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from epitaxy_models.structures.elements import symbol_of
from epitaxy_models.structures.structure import Structure
from epitaxy_models.transfer.contest.comparison import Task
from epitaxy_models.transfer.records import GroupErrors

# Smaller groups say nothing; of the elements only the most frequent are told.
_N_ROWS_MIN, _N_ELEMENTS_TOLD = 3, 12
_CONFIDENCE = 0.95

Array = NDArray[np.float64]
Members = NDArray[np.bool_]


def row_errors(by_split: Sequence[Array], task: Task) -> Array:
    """Mean absolute error of each row over the splits that test it, ``[n_rows]``."""
    rows = np.concatenate([split.test for split in task.splits[: len(by_split)]])
    counts = np.bincount(rows, minlength=len(task.labels))
    return np.bincount(rows, np.concatenate(by_split), len(task.labels)) / counts


def group_errors(
    structures: Sequence[Structure], errors: Array, simple_errors: Array, is_seen: Members | None
) -> tuple[GroupErrors, ...]:
    """Errors of every group of three rows or more that leaves as many out.

    Args:
        structures: ``n_rows`` of them.
        errors: Absolute error of each row, ``[n_rows]``.
        simple_errors: The same of the best simple law.
        is_seen: Rows whose formula the substrate was trained on; None if nobody knows.
    """
    return tuple(
        _errors_of(kind, name, members, errors, simple_errors)
        for kind, name, members in _groups(structures, is_seen)
        if _N_ROWS_MIN <= int(members.sum()) <= len(errors) - _N_ROWS_MIN
    )


def _groups(structures: Sequence[Structure], is_seen: Members | None) -> Iterator[tuple[str, str, Members]]:
    elements = [frozenset(structure.atomic_numbers.tolist()) for structure in structures]
    numbers = np.array([len(entry) for entry in elements])
    yield from (("elements", str(number), numbers == number) for number in np.unique(numbers).tolist())
    if is_seen is not None:
        yield from (("formula", "seen", is_seen), ("formula", "unseen", ~is_seen))
    every = sorted({element for entry in elements for element in entry})
    holds = {element: np.array([element in entry for entry in elements]) for element in every}
    frequent = sorted(every, key=lambda element: (-int(holds[element].sum()), element))[:_N_ELEMENTS_TOLD]
    yield from (("element", symbol_of(element), holds[element]) for element in frequent)


def _errors_of(kind: str, name: str, members: Members, errors: Array, simple_errors: Array) -> GroupErrors:
    inside, outside = errors[members], errors[~members]
    excess, reach = float(inside.mean() - outside.mean()), _reach(inside, outside)
    return GroupErrors(
        kind=kind,
        name=name,
        n_rows=len(inside),
        mae=float(inside.mean()),
        simple_mae=float(simple_errors[members].mean()),
        excess=excess,
        excess_low=excess - reach,
        excess_high=excess + reach,
        is_beyond_noise=abs(excess) > reach,
    )


def _reach(one: Array, two: Array) -> float:
    """Half of the confidence interval of a difference of means (Welch, Biometrika 34, 28 (1947))."""
    variances = np.array([one.var(ddof=1) / len(one), two.var(ddof=1) / len(two)])
    total = float(variances.sum())
    if total == 0:
        return 0.0
    freedom = total**2 / float((variances**2 / [len(one) - 1, len(two) - 1]).sum())
    return float(stdtrit(freedom, 0.5 + _CONFIDENCE / 2) * np.sqrt(total))
