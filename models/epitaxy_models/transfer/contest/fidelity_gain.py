"""What each column of cheaper values buys: errors of the same rows with and without it, paired."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.transfer.contest.comparison import Task
from epitaxy_models.transfer.contest.cross_validation import absolute_errors, cross_validate
from epitaxy_models.transfer.contest.judge import VERDICT_CONFIDENCE, Estimate, estimate
from epitaxy_models.transfer.inputs import FILLED_PREFIX, LOW_FIDELITY_PREFIX
from epitaxy_models.transfer.strategy import TransferStrategy

Array = NDArray[np.float64]
Errors = tuple[Array, ...]


@dataclass(frozen=True, slots=True)
class FidelityGain:
    """One column.

    Attributes:
        name: Name of the column.
        n_known: Labels whose value is known.
        mae_with: Mean absolute error of these rows with the value, in the property's unit.
        mae_without: The same without.
        gain: Error without less error with, paired.
    """

    name: str
    n_known: int
    mae_with: float
    mae_without: float
    gain: Estimate


def fidelity_gains(
    task: Task,
    known: Mapping[str, NDArray[np.bool_]],
    with_all: Errors,
    without_any: Errors,
    strategy: TransferStrategy,
    should_stop: Callable[[], bool],
) -> tuple[FidelityGain, ...]:
    """Gain of each column on the rows where its value is known; columns that no labelled row knows have none.

    One column alone is judged by what serves with and without it. Of several, each is left out in turn of one
    strategy, as all strategies again for every column would take too long.

    Args:
        task: With all columns.
        known: Whether a value is known, ``[n_rows]`` by column.
        with_all: Absolute errors by split of what serves known rows.
        without_any: The same of what serves rows without any value.
        strategy: Fitted again without each column.
        should_stop: Asks to stop.
    """
    if len(known) == 1:
        return tuple(_gain(name, task, rows, with_all, without_any) for name, rows in known.items() if rows.any())
    whole = _errors(strategy, task, should_stop)
    return tuple(
        _gain(name, task, rows, whole, _errors(strategy, _without(task, name), should_stop))
        for name, rows in known.items()
        if rows.any()
    )


def mean_gain(task: Task, known: NDArray[np.bool_], with_it: Errors, without: Errors) -> float:
    """Mean error without less mean error with, on rows where ``known`` ``[n_rows]``; 0 if there are none."""
    return _gain("", task, known, with_it, without).gain.mean if known.any() else 0.0


def _without(task: Task, column: str) -> Task:
    dropped = {f"{LOW_FIDELITY_PREFIX}{column}", f"{FILLED_PREFIX}{column}"}
    blocks = {name: block for name, block in task.inputs.blocks.items() if name not in dropped}
    return replace(task, inputs=replace(task.inputs, blocks=blocks))


def _errors(strategy: TransferStrategy, task: Task, should_stop: Callable[[], bool]) -> Errors:
    splits = task.splits[: task.n_folds]
    found = cross_validate(strategy, task.inputs, task.targets, splits, task.seed, should_stop)
    return absolute_errors(found, task.labels, splits, task.to_unit)


def _gain(name: str, task: Task, known: NDArray[np.bool_], with_it: Errors, without: Errors) -> FidelityGain:
    pairs = []
    for split, one, other in zip(task.splits, with_it, without, strict=False):
        rows = known[split.test]
        if rows.any():
            pairs.append((one[rows], other[rows]))
    gain = estimate([other - one for one, other in pairs], task.test_ratio, VERDICT_CONFIDENCE)
    mae_with, mae_without = (float(np.mean(np.concatenate(side))) for side in zip(*pairs, strict=True))
    return FidelityGain(name, int(known.sum()), mae_with, mae_without, gain)
