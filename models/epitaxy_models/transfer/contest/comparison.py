"""All strategies on the same splits: what each predicts out of fold, and what could not be compared."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.transfer.contest.cross_validation import (
    CrossValidation,
    StoppedError,
    StrategyFailedError,
    absolute_errors,
    cross_validate,
)
from epitaxy_models.transfer.contest.judge import Candidate
from epitaxy_models.transfer.contest.probabilities import brier_errors, probabilities
from epitaxy_models.transfer.contest.stacking import DEFAULT_PRIOR, StackPrior, stacked
from epitaxy_models.transfer.inputs import TransferInputs
from epitaxy_models.transfer.records import SkippedStrategy
from epitaxy_models.transfer.splits import Split
from epitaxy_models.transfer.strategies.block_gp import WITHOUT_SUBSTRATE
from epitaxy_models.transfer.strategies.median import KIND as MEDIAN
from epitaxy_models.transfer.strategy import TransferStrategy

FOREST, FRACTION_FOREST, SCRATCH = "descriptor_forest", "fraction_forest", "scratch_network"
NO_TRANSFER = frozenset({MEDIAN, FOREST, FRACTION_FOREST, WITHOUT_SUBSTRATE, SCRATCH})

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What all strategies have to learn.

    Attributes:
        inputs: Inputs of all usable rows.
        labels: Labels in the property's unit, ``[n_rows]``.
        targets: On the scale of the fits, ``[n_rows]``.
        to_unit: Converts from that scale back to the unit, cut at physical bounds.
        splits: Repeats follow each other; a costly strategy takes the first repeat only.
        n_folds: Splits of one repeat.
        seed: Seed of all fits.
        to_scale: Converts from the unit to the scale of the fits; None where they are the same.
        are_classes: Whether labels are 0 or 1: predictions are scores, and the error of a row is that of the
            probability, squared.
    """

    inputs: TransferInputs
    labels: Array
    targets: Array
    to_unit: Callable[[Array], Array]
    splits: tuple[Split, ...]
    n_folds: int
    seed: int
    to_scale: Callable[[Array], Array] | None = None
    are_classes: bool = False

    def within_bounds(self, values: Array) -> Array:
        """Values on the scale of the fits, cut where the property's bounds lie."""
        cut = self.to_unit(values)
        return cut if self.to_scale is None else self.to_scale(cut)

    @property
    def strata(self) -> NDArray[np.int64] | None:
        """Classes that folds spread evenly, ``[n_rows]``; None of other labels."""
        return self.labels.astype(np.int64) if self.are_classes else None

    @property
    def test_ratio(self) -> float:
        """Test rows over training rows of a split."""
        return float(np.mean([len(split.test) / len(split.train) for split in self.splits]))


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What the strategies predicted out of fold.

    Attributes:
        validations: Out-of-fold predictions by name of the strategy.
        errors: Absolute errors of each split in the property's unit, by name; of classes squared errors of the
            probabilities.
        skipped: What could not be compared, and why.
        fit_errors: Absolute errors of each split on the scale of the fits, by name.
    """

    validations: Mapping[str, CrossValidation]
    errors: Mapping[str, tuple[Array, ...]]
    skipped: tuple[SkippedStrategy, ...]
    fit_errors: Mapping[str, tuple[Array, ...]]

    def candidates(self, allows: Callable[[str], bool]) -> list[Candidate]:
        """The strategies as the judge compares them."""
        return [
            Candidate(name, errors, name not in NO_TRANSFER, allows(name), self.fit_errors[name])
            for name, errors in self.errors.items()
        ]

    def maes(self) -> dict[str, float]:
        """Mean absolute error by name, of classes the Brier score."""
        return {name: float(np.mean(np.concatenate(errors))) for name, errors in self.errors.items()}


class Contest:
    """Lets one strategy after another predict the task's splits."""

    def __init__(self, task: Task, deadline: float, should_stop: Callable[[], bool]) -> None:
        """``deadline`` is a time of ``time.monotonic``."""
        self._task, self._deadline, self._should_stop = task, deadline, should_stop
        self._validations: dict[str, CrossValidation] = {}
        self._skipped: list[SkippedStrategy] = []

    def add(self, strategy: TransferStrategy) -> None:
        """A strategy that always fits into the budget. Raises StoppedError when asked to stop."""
        self._try(strategy, self._task.splits, self._should_stop)

    def add_if_time_allows(self, strategy: TransferStrategy) -> None:
        """A costly strategy: on the first repeat, where the first fold says that there is time for all its folds."""
        splits = self._task.splits[: self._task.n_folds]
        started, left = time.monotonic(), self._seconds_left()
        if left <= 0 or not self._try(strategy, splits[:1], self._should_stop):
            return self._skip(strategy.name, "the time budget is spent") if left <= 0 else None
        expected = (time.monotonic() - started) * len(splits)
        self._validations.pop(strategy.name)
        if expected > left:
            return self._skip(strategy.name, f"it needs about {expected:.0f} s, {left:.0f} s of the budget were left")
        return self._within_budget(strategy, splits)

    def stack(self, names: Sequence[str], laws: Collection[str] = (), prior: StackPrior = DEFAULT_PRIOR) -> None:
        """A weighted mean of strategies compared on all splits, where two of them or more could be fitted.

        ``laws`` names those that rest on what is known without any label.
        """
        full = [self._validations[name] for name in names if name in self._validations]
        if len(full) > 1:
            task = self._task
            told = task.targets, task.splits, task.inputs.sides, laws
            combined = stacked(full, *told, are_classes=task.are_classes, prior=prior)
            self._validations[combined.name] = combined

    def errors(self) -> dict[str, tuple[Array, ...]]:
        """Absolute errors so far, in the property's unit; of classes squared errors of the probabilities."""
        if self._task.are_classes:
            return {name: self._brier(validation) for name, validation in self._validations.items()}
        return self._errors(self._task.labels, self._task.to_unit)

    def finish(self) -> Comparison:
        """All that was compared."""
        if self._task.are_classes:
            errors = self.errors()
            return Comparison(dict(self._validations), errors, tuple(self._skipped), errors)
        # Beyond a bound no label lies: what is cut there in the unit is cut on the scale of the fits too.
        on_scale = self._errors(self._task.targets, self._task.within_bounds)
        return Comparison(dict(self._validations), self.errors(), tuple(self._skipped), on_scale)

    def _errors(self, labels: Array, convert: Callable[[Array], Array]) -> dict[str, tuple[Array, ...]]:
        splits = self._task.splits
        return {
            name: absolute_errors(validation, labels, splits[: len(validation.parts)], convert, self._task.inputs.sides)
            for name, validation in self._validations.items()
        }

    def _brier(self, validation: CrossValidation) -> tuple[Array, ...]:
        labels, splits = self._task.labels, self._task.splits[: len(validation.parts)]
        return brier_errors(probabilities(validation, labels, splits), labels, splits)

    def _within_budget(self, strategy: TransferStrategy, splits: Sequence[Split]) -> None:
        try:
            self._try(strategy, splits, lambda: self._should_stop() or self._seconds_left() <= 0)
        except StoppedError:
            if self._should_stop():
                raise
            self._skip(strategy.name, "the time budget ended before it did")

    def _try(self, strategy: TransferStrategy, splits: Sequence[Split], should_stop: Callable[[], bool]) -> bool:
        task = self._task
        try:
            found = cross_validate(strategy, task.inputs, task.targets, splits, task.seed, should_stop)
        except StrategyFailedError as error:
            self._skip(strategy.name, error.message)
            return False
        self._validations[strategy.name] = found
        return True

    def _skip(self, name: str, reason: str) -> None:
        self._skipped.append(SkippedStrategy(name, reason))

    def _seconds_left(self) -> float:
        """Of the share that comparisons may take."""
        return self._deadline - time.monotonic()
