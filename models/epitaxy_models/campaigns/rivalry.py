"""Which of several models speaks: the one that did, unless a rival predicts left-out labels clearly better."""

from collections.abc import Mapping
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.campaigns.process import PoolProcess

Array = NDArray[np.float64]
# By so much a rival has to be better before it speaks: in nats a label of density, or of the typical error.
_MARGIN_OF_DENSITY, _MARGIN_OF_ERROR = 0.1, 0.25
# Predictions of the labels vary by at least this share of how they vary over the pool where the labels are a fair test
# of a head against the mean: among candidates that all look alike the mean is as good as anything.
_FAIR = 0.5


class Speaker(StrEnum):
    """Rival models.

    ``HEAD`` is the substrate's own prediction of the property as it stands, ``ANCHORED`` learns what that leaves,
    ``TRANSFERRED`` learns all from the blocks of features, ``DESCRIPTOR`` from the descriptors alone, and ``MEAN`` is
    the running mean of the results.
    """

    HEAD = "head"
    ANCHORED = "anchored"
    TRANSFERRED = "transferred"
    DESCRIPTOR = "descriptor"
    MEAN = "mean"


def speaker_of(rivals: Mapping[Speaker, PoolProcess], said: Speaker, is_sharp: bool) -> Speaker:
    """Who speaks after ``said`` did; ``is_sharp`` where only values near a target count."""
    found = merits(rivals, is_sharp)
    if said is Speaker.HEAD and not _is_fair(rivals[Speaker.ANCHORED]):
        del found[Speaker.MEAN]
    best = max(found, key=lambda name: found[name])
    margin = _MARGIN_OF_ERROR if is_sharp else _MARGIN_OF_DENSITY
    return best if found[best] > found.get(said, -np.inf) + margin else said


def merits(rivals: Mapping[Speaker, PoolProcess], is_sharp: bool) -> dict[Speaker, float]:
    """How well each predicts left-out labels, more is better.

    The mean logarithm of the predictive density; where only values near a target count, the negative logarithm of the
    median error: a mean that is right within a tenth of an electronvolt for most and wrong by two for a few finds more
    than one that is wrong by half of an electronvolt for all, and its density is worse.
    """
    one = _median_error if is_sharp else _density
    found = {}
    for name, process in rivals.items():
        residuals, variances = process.left_out()
        found[name] = one(residuals * process.spread, variances * process.spread**2)
    found[Speaker.MEAN] = one(*_left_out_of_mean(rivals[Speaker.TRANSFERRED].readings.values))
    if Speaker.ANCHORED in rivals:
        found[Speaker.HEAD] = one(*_left_out_of_head(rivals[Speaker.ANCHORED].over_anchor))
    return found


def _density(residuals: Array, variances: Array) -> float:
    return float(np.mean(-0.5 * (np.log(2 * np.pi * variances) + residuals**2 / variances)))


def _median_error(residuals: Array, _variances: Array) -> float:
    return -float(np.log(np.median(np.abs(residuals)) + 1e-9))


def _left_out_of_mean(labels: Array) -> tuple[Array, Array]:
    """Residual and variance of each label under mean and variance of the others."""
    n_others = max(1, len(labels) - 1)
    means = (labels.sum() - labels) / n_others
    variances = ((labels**2).sum() - labels**2) / n_others - means**2
    return labels - means, np.maximum(variances, 1e-9) * (1 + 1 / n_others)


def _left_out_of_head(residuals: Array) -> tuple[Array, Array]:
    """Residual of each label, and its variance under those of the others."""
    n_others = max(1, len(residuals) - 1)
    return residuals, np.maximum(((residuals**2).sum() - residuals**2) / n_others, 1e-9)


def _is_fair(process: PoolProcess) -> bool:
    if process.anchor is None:
        return True
    return float(process.anchor[process.readings.candidates].std()) >= _FAIR * float(process.anchor.std())
