"""Intervals that keep their promise: the width of the process's intervals, corrected by what it got wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from epitaxy_models.campaigns.prequential import Prediction
from epitaxy_models.campaigns.process import PoolProcess

Array = NDArray[np.float64]
NOMINAL = 0.9
# From so many judged predictions on, left-out labels count for nothing.
_N_JUDGED = 30
# Only so many of the latest predictions count: older ones were made by a worse model.
_N_LATEST = 60


@dataclass(frozen=True, slots=True)
class IntervalScale:
    """Half-width of a 90 % interval in predictive standard deviations.

    Attributes:
        factor: That.
        n_left_out: Left-out labels that it rests on.
        n_judged: Predictions with a later result that it rests on.
    """

    factor: float
    n_left_out: int
    n_judged: int

    @classmethod
    def of(cls, process: PoolProcess, judged: Sequence[Prediction], found: Array) -> "IntervalScale":
        """The conformal quantile of standardized errors, of left-out labels and of predictions made before.

        Those made before their result were of chosen candidates, as the next ones will be, so that they take over as
        they become many: the weight of the left-out labels falls to 0 at 30 of them. With too few of both for a
        quantile it is Student's. Barber et al. 2023 for weighted quantiles.

        Args:
            process: That speaks.
            judged: Predictions of the property with results, oldest first.
            found: Those results on the scale of the fit, ``[n_judged]``.
        """
        residuals, variances = process.left_out()
        left_out = np.abs(residuals) / np.sqrt(variances)
        values = np.array([entry.z_value for entry in judged[-_N_LATEST:]])
        stds = np.array([entry.z_std for entry in judged[-_N_LATEST:]])
        before = np.abs(found[-_N_LATEST:] - values) / np.maximum(stds, 1e-12)
        share = min(1.0, len(before) / _N_JUDGED)
        weights = np.concatenate([np.full(len(left_out), 1 - share), np.ones(len(before))])
        factor = _quantile(np.concatenate([left_out, before]), weights)
        if not np.isfinite(factor):
            factor = float(t.ppf((1 + NOMINAL) / 2, max(2, len(left_out) - 1)))
        return cls(factor, len(left_out) if share < 1 else 0, len(before))

    @property
    def inflation(self) -> float:
        """By how much standard deviations are too small (above 1) or too large."""
        return self.factor / float(norm.ppf((1 + NOMINAL) / 2))


def _quantile(scores: Array, weights: Array) -> float:
    """Smallest score that holds the nominal share, a new one of weight 1 at infinity included."""
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum(weights[order]) / (weights.sum() + 1.0)
    place = int(np.searchsorted(reached, NOMINAL - 1e-12))
    return float(scores[order][place]) if place < len(scores) else float("inf")
