"""Labels of candidates on the scale of a fit: repeats are averaged, and tell the noise of a reading."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.transfer.labels.target import TargetTransform, TransformKind

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]
# Before any repeat a reading is believed to stray by a tenth of the labels' spread; this counts as one repeat.
_PRIOR_NOISE, _PRIOR_WEIGHT = 0.1, 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """One label a candidate.

    Attributes:
        candidates: Distinct numbers, ascending, int64 ``[n_labels]``.
        values: Mean reading, weighed by precision, float64 ``[n_labels]``.
        noise: Variance of that mean about the true value, as far as it is known, 0 if it is not, ``[n_labels]``.
        typical_noise: Variance of one reading, 0 if nothing tells it.
        is_noise_known: Whether repeats or stated deviations tell the noise.
    """

    candidates: Numbers
    values: Array
    noise: Array
    typical_noise: float = 0.0
    is_noise_known: bool = False

    @classmethod
    def of(cls, candidates: Numbers, values: Array, stds: Array, transform: TargetTransform) -> "Readings":
        """Averages readings in units, ``[n_readings]`` each; a standard deviation of NaN was not stated."""
        scaled = transform.forward(values)
        stated = (stds * _slopes(transform, values)) ** 2
        distinct, places = np.unique(candidates, return_inverse=True)
        pooled = _pooled_noise(scaled, places, len(distinct))
        is_stated = np.isfinite(stated)
        is_known = pooled is not None or bool(is_stated.any())
        typical = pooled if pooled is not None else float(np.median(stated[is_stated])) if is_known else 0.0
        variances = np.where(is_stated, stated, typical)
        # Equal weights where nothing is known; a stated deviation of zero must not divide by zero.
        weights = 1 / np.maximum(variances, 1e-12 + 1e-6 * float(np.var(scaled)))
        total = np.bincount(places, weights)
        means = np.bincount(places, weights * scaled) / total
        return cls(distinct, means, 1 / total if is_known else np.zeros(len(distinct)), typical, is_known)


def _pooled_noise(scaled: Array, places: NDArray[np.int64], n_distinct: int) -> float | None:
    """Variance within candidates over all repeats, shrunk to the prior by its weight; None without repeats."""
    counts = np.bincount(places, minlength=n_distinct)
    freedom = len(scaled) - n_distinct
    if not freedom:
        return None
    means = np.bincount(places, scaled) / counts
    within = float(((scaled - means[places]) ** 2).sum())
    prior = _PRIOR_NOISE**2 * float(np.var(scaled))
    return (within + _PRIOR_WEIGHT * prior) / (freedom + _PRIOR_WEIGHT)


def _slopes(transform: TargetTransform, values: Array) -> Array:
    """Derivative of the scale of the fit by the unit."""
    if transform.kind is TransformKind.LOG10:
        return np.asarray(1 / (np.maximum(values, 1e-300) * np.log(10)))
    if transform.kind is TransformKind.LOG1P:
        return np.asarray(1 / (1 + values))
    return np.ones(len(values))
