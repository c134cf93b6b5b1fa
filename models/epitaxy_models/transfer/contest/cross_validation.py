"""What a strategy predicts for rows that it was not fitted on."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import EpitaxyError
from epitaxy_models.transfer.inputs import TransferInputs
from epitaxy_models.transfer.labels.censoring import Sides, compared, sides_of
from epitaxy_models.transfer.strategy import TransferPrediction, TransferStrategy


class Split(Protocol):
    """Rows to fit on and rows to test on; no formula lies in both."""

    @property
    def train(self) -> NDArray[np.int64]:
        """Rows to fit on, ``[n_train]``."""

    @property
    def test(self) -> NDArray[np.int64]:
        """Rows to test on, ``[n_test]``."""


class StrategyFailedError(EpitaxyError):
    """A strategy cannot be fitted to these labels; the others may."""


class StoppedError(EpitaxyError):
    """The caller asked to stop, or time ran out, between two fits."""


@dataclass(frozen=True, slots=True, eq=False)
class CrossValidation:
    """Predictions out of fold, on the scale that the strategy was fitted on.

    Attributes:
        name: Name of the strategy.
        parts: One prediction a split, its rows in the order of the split's test rows.
        seconds: Wall time of all fits and predictions.
    """

    name: str
    parts: tuple[TransferPrediction, ...]
    seconds: float

    @property
    def values(self) -> tuple[NDArray[np.float64], ...]:
        """Predicted values of each split, ``[n_test]`` each."""
        return tuple(part.values for part in self.parts)


def cross_validate(
    strategy: TransferStrategy,
    inputs: TransferInputs,
    targets: NDArray[np.float64],
    splits: Sequence[Split],
    seed: int,
    should_stop: Callable[[], bool] = lambda: False,
) -> CrossValidation:
    """Fits on each split's training rows and predicts its test rows; ``targets`` ``[n_rows]`` on the scale to fit.

    Raises StrategyFailedError if a fit fails or answers with anything but finite numbers, StoppedError as soon as
    ``should_stop`` says so.
    """
    start, parts = time.perf_counter(), []
    for number, split in enumerate(splits):
        if should_stop():
            raise StoppedError(f"{strategy.name} was stopped after {number} of {len(splits)} splits", reason="STOPPED")
        parts.append(_predict_split(strategy, inputs, targets, split, seed + number))
    return CrossValidation(strategy.name, tuple(parts), time.perf_counter() - start)


def _predict_split(
    strategy: TransferStrategy, inputs: TransferInputs, targets: NDArray[np.float64], split: Split, seed: int
) -> TransferPrediction:
    try:
        fitted = strategy.fit(inputs.take(split.train), targets[split.train], seed)
        prediction = fitted.predict(inputs.take(split.test))
    except (EpitaxyError, ArithmeticError, ValueError, RuntimeError) as error:  # LinAlgError is a ValueError
        raise StrategyFailedError(f"{strategy.name}: {error}", reason="STRATEGY_FAILED") from error
    if not (np.isfinite(prediction.values).all() and np.isfinite(prediction.stds).all()):
        raise StrategyFailedError(f"{strategy.name} answers with values that are not numbers", reason="STRATEGY_FAILED")
    return prediction


def absolute_errors(
    validation: CrossValidation,
    labels: NDArray[np.float64],
    splits: Sequence[Split],
    to_unit: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    sides: Sides | None = None,
) -> tuple[NDArray[np.float64], ...]:
    """Errors of each split in the property's unit; ``labels`` ``[n_rows]`` in that unit, bounds by their ``sides``.

    A prediction on the possible side of a bound has no error.
    """
    known = sides_of(sides, len(labels))
    pairs = zip(validation.values, splits, strict=True)
    return tuple(
        np.abs(compared(to_unit(values), labels[split.test], known[split.test]) - labels[split.test])
        for values, split in pairs
    )
