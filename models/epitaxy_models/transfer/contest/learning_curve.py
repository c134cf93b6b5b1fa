"""Errors at fewer labels than there are: what the next labels are worth."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import ConfigurationError
from epitaxy_models.transfer.contest.comparison import Comparison, Task
from epitaxy_models.transfer.contest.cross_validation import (
    CrossValidation,
    StrategyFailedError,
    absolute_errors,
    cross_validate,
)
from epitaxy_models.transfer.contest.probabilities import brier_errors
from epitaxy_models.transfer.records import CurvePoint, LearningCurve
from epitaxy_models.transfer.splits import Split, few_label_draws
from epitaxy_models.transfer.strategy import TransferStrategy

_SHARES, _N_MIN, _N_DRAWS = (0.25, 0.5), 8, 4
# Ends of the band over splits.
_BAND = (0.1, 0.9)


def learning_curves(
    task: Task, comparison: Comparison, strategies: Sequence[TransferStrategy], should_stop: Callable[[], bool]
) -> tuple[LearningCurve, ...]:
    """A curve for everything compared; those of ``strategies`` have points at fewer labels besides.

    Raises StoppedError when asked to stop.
    """
    few: dict[str, list[CurvePoint]] = {name: [] for name in comparison.errors}
    for draws in _draws(task):
        for strategy in strategies:
            if strategy.name in few:
                few[strategy.name] += _points(strategy, task, draws, should_stop)
    errors = _scored(task, comparison) if task.are_classes else comparison.errors
    return tuple(LearningCurve(name, (*few[name], _point(_size(task.splits), own))) for name, own in errors.items())


def _scored(task: Task, comparison: Comparison) -> dict[str, tuple[NDArray[np.float64], ...]]:
    """Squared errors of scores before any link: draws of few labels test the same rows, and leave none to fit one."""
    return {
        name: _errors(found, task, task.splits[: len(found.parts)]) for name, found in comparison.validations.items()
    }


def _errors(found: CrossValidation, task: Task, splits: Sequence[Split]) -> tuple[NDArray[np.float64], ...]:
    if task.are_classes:
        return brier_errors([np.clip(values, 0.0, 1.0) for values in found.values], task.labels, splits)
    return absolute_errors(found, task.labels, splits, task.to_unit, task.inputs.sides)


def _draws(task: Task) -> list[tuple[Split, ...]]:
    """Draws of each size that has formulas left to test on."""
    found = []
    for n in (int(share * _size(task.splits)) for share in _SHARES):
        try:
            draws = few_label_draws(task.inputs.formulas, n, _N_DRAWS, task.seed) if n >= _N_MIN else ()
        except ConfigurationError:  # a few large formulas: no rows of others
            draws = ()
        if draws:
            found.append(draws)
    return found


def _points(
    strategy: TransferStrategy, task: Task, draws: Sequence[Split], should_stop: Callable[[], bool]
) -> list[CurvePoint]:
    """One point, or none where the strategy cannot learn from so few."""
    try:
        found = cross_validate(strategy, task.inputs, task.targets, draws, task.seed, should_stop)
    except StrategyFailedError:
        return []
    return [_point(_size(draws), _errors(found, task, draws))]


def _point(n_labels: int, errors: Sequence[NDArray[np.float64]]) -> CurvePoint:
    means = [float(rows.mean()) for rows in errors]
    low, high = np.quantile(means, _BAND)
    return CurvePoint(n_labels, float(np.mean(np.concatenate(errors))), float(low), float(high))


def _size(splits: Sequence[Split]) -> int:
    return round(float(np.mean([len(split.train) for split in splits])))
