"""Probabilities of what serves: the link, bounds, and what they are worth out of fold."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from epitaxy_models.calibration.conformal import COVERAGES as KEPT_COVERAGES
from epitaxy_models.calibration.conformal import Calibrator
from epitaxy_models.calibration.out_of_fold import OutOfFold
from epitaxy_models.transfer.classes.quality import quality_of
from epitaxy_models.transfer.contest.comparison import Task
from epitaxy_models.transfer.contest.cross_validation import CrossValidation
from epitaxy_models.transfer.contest.probabilities import link_of, mean_by_row, probabilities
from epitaxy_models.transfer.fitted.card import CalibrationRecord
from epitaxy_models.transfer.fitted.refit import Calibration, ClassCalibration

METHOD = (
    "logistic link of the scores, fitted out of fold; the interval bounds the rate of ones among materials that are "
    "scored alike"
)
_LEAST_STD = 1e-6


def calibrated_classes(chosen: str, validations: Mapping[str, CrossValidation], task: Task) -> Calibration:
    """The link of what serves, its bounds, and its probabilities against the labels out of fold."""
    validation = validations[chosen]
    splits = task.splits[: len(validation.parts)]
    tested = [split.test for split in splits]
    predictions = OutOfFold.gather(tested, validation.values, [part.stds for part in validation.parts], task.targets)
    link = link_of(validation, task.labels, splits)
    rows = mean_by_row(probabilities(validation, task.labels, splits), splits, len(task.labels))
    aucs = {name: _auc(entry, task) for name, entry in validations.items()}
    record = CalibrationRecord(_normal(len(task.labels)), METHOD, 0.0, 0.0, len(task.labels))
    found = ClassCalibration(link, quality_of(rows, task.labels, aucs), rows)
    return Calibration(record, (), predictions, found)


def _auc(validation: CrossValidation, task: Task) -> float:
    # The share of ones of other rows is the lower the more ones a fold has, which ranks backwards.
    if all(np.ptp(values) == 0 for values in validation.values):
        return 0.5
    splits = task.splits[: len(validation.parts)]
    rows = mean_by_row(probabilities(validation, task.labels, splits), splits, len(task.labels))
    return quality_of(rows, task.labels, {}).auc


def _normal(n_labels: int) -> Calibrator:
    """Multipliers of a normal standard deviation on the scale of logits."""
    multipliers: NDArray[np.float64] = ndtri(0.5 + KEPT_COVERAGES / 2)
    return Calibrator(tuple(multipliers.tolist()), _LEAST_STD, n_labels)
