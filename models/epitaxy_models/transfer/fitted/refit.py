"""The winner fitted again on all labels, as members, with intervals from its predictions out of fold."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.calibration.coverage import DEFAULT_COVERAGE
from epitaxy_models.calibration.out_of_fold import METHOD, OutOfFold, calibrate, measured_coverage
from epitaxy_models.transfer.classes.link import ProbabilityLink
from epitaxy_models.transfer.classes.quality import ClassQuality
from epitaxy_models.transfer.contest.comparison import Task
from epitaxy_models.transfer.contest.cross_validation import CrossValidation, StoppedError
from epitaxy_models.transfer.fitted.card import CalibrationRecord
from epitaxy_models.transfer.fitted.files import Member, Part
from epitaxy_models.transfer.labels.censoring import Side, sides_of
from epitaxy_models.transfer.splits import grouped_folds
from epitaxy_models.transfer.strategies.block_gp import FittedBlockGP
from epitaxy_models.transfer.strategies.gated_process import FittedGatedProcess
from epitaxy_models.transfer.strategy import FittedStrategy, TransferStrategy

N_MEMBERS = 5
# Each member leaves out another of so many parts of the formulas: they differ, and hardly any label is lost.
_N_PARTS = 20
COVERAGES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
# Beyond the noise of the measurement itself.
_TOLERANCE = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Refit:
    """What serves.

    Attributes:
        members: Fits on all labels but a few each.
        blocks: Share of each block of inputs, mean over the members; empty if the strategy has none.
    """

    members: tuple[Member, ...]
    blocks: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class ClassCalibration:
    """Probabilities and what they are worth.

    Attributes:
        link: From scores to probabilities.
        quality: Of the probabilities out of fold.
        probabilities: Of each row out of fold, ``[n_rows]``.
    """

    link: ProbabilityLink
    quality: ClassQuality
    probabilities: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Intervals and what they are worth.

    Attributes:
        record: For the card.
        measured: Coverage out of fold at each of ``COVERAGES``; empty for classes, of which no interval covers one.
        predictions: Out of fold.
        classes: Of labels that are 0 or 1; None for all others.
    """

    record: CalibrationRecord
    measured: tuple[float, ...]
    predictions: OutOfFold
    classes: ClassCalibration | None = None

    @property
    def is_kept(self) -> bool:
        """Whether coverage is within five points of nominal, beyond the noise of so many labels, up to 95 %.

        Of classes whether chance explains how far the probabilities are off.
        """
        if self.classes is not None:
            return self.classes.quality.is_calibrated
        n = self.record.n_measured
        pairs = [pair for pair in zip(COVERAGES, self.measured, strict=True) if pair[0] <= 0.95]
        return all(abs(share - c) <= _TOLERANCE + 2 * np.sqrt(c * (1 - c) / n) for c, share in pairs)


def refit(
    shares: Mapping[str, float],
    strategies: Mapping[str, TransferStrategy],
    task: Task,
    n_members: int,
    should_stop: Callable[[], bool],
) -> Refit:
    """Fits each strategy of the winner with its share. Raises StoppedError when asked to stop."""
    formulas = task.inputs.formulas
    n_folds = min(_N_PARTS, len(set(formulas)))
    folds = grouped_folds(formulas, task.seed, n_repeats=1, n_folds=n_folds, strata=task.strata)
    members: list[Member] = []
    blocks: list[Mapping[str, float]] = []
    for number, fold in enumerate(folds[:n_members]):
        rows = fold.train if n_members > 1 else np.arange(len(formulas))
        fitted: dict[str, FittedStrategy] = {}
        for name in shares:
            if should_stop():
                raise StoppedError(f"stopped while fitting member {number}", reason="STOPPED")
            fitted[name] = strategies[name].fit(task.inputs.take(rows), task.targets[rows], task.seed + number)
        members.append(Member(tuple(Part(share, fitted[name].state()) for name, share in shares.items())))
        blocks.append(_blocks(fitted))
    return Refit(tuple(members), {name: float(np.mean([entry[name] for entry in blocks])) for name in blocks[0]})


def calibrated(validation: CrossValidation, task: Task) -> Calibration:
    """Intervals of a strategy, or a stack of some, from what it predicts out of fold."""
    tested = [split.test for split in task.splits[: len(validation.parts)]]
    predictions = OutOfFold.gather(tested, validation.values, [part.stds for part in validation.parts], task.targets)
    # How far a truth lies beyond its bound is not known: bounds calibrate nothing.
    valued = np.flatnonzero(sides_of(task.inputs.sides, len(task.targets)) == Side.AT)
    scored = predictions.of_rows(valued)
    folds = [np.flatnonzero(np.isin(valued, fold)) for fold in tested[: task.n_folds]]
    measured = measured_coverage(scored, folds, COVERAGES)
    at = COVERAGES.index(DEFAULT_COVERAGE)
    record = CalibrationRecord(calibrate(scored), METHOD, float(measured[at]), DEFAULT_COVERAGE, len(valued))
    return Calibration(record, tuple(float(share) for share in measured), predictions)


def interval_ends(calibration: Calibration, task: Task) -> tuple[NDArray[np.float64], ...]:
    """Values, lower and upper ends out of fold in the property's unit, each ``[n_rows]``."""
    values, expected = calibration.predictions.means()
    if calibration.classes is not None:
        return _class_ends(calibration, calibration.classes, values)
    half = calibration.record.calibrator.half_widths(expected, DEFAULT_COVERAGE)
    return tuple(task.to_unit(end) for end in (values, values - half, values + half))


def _class_ends(
    calibration: Calibration, classes: ClassCalibration, scores: NDArray[np.float64]
) -> tuple[NDArray[np.float64], ...]:
    """Probabilities by links that have not seen the row; bounds as wide as those of what serves."""
    link, given = classes.link, classes.probabilities
    half = calibration.record.calibrator.half_widths(link.logit_stds(scores), DEFAULT_COVERAGE)
    logits = link.logits_of(given)
    return given, link.rates(logits - half), link.rates(logits + half)


def _blocks(fitted: Mapping[str, FittedStrategy]) -> dict[str, float]:
    """Of the Gaussian process among the parts that reads most of them: no other strategy weighs blocks."""
    kinds = FittedBlockGP | FittedGatedProcess
    weights = [strategy.block_weights() for strategy in fitted.values() if isinstance(strategy, kinds)]
    return max(weights, key=len, default={})
