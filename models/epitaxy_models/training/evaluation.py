"""Held-out metrics of one property."""

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.ensembles.readout import EnsemblePrediction


def held_out_metrics(prediction: EnsemblePrediction, column: int, labels: NDArray[np.float64]) -> dict[str, float]:
    """Errors in the property's unit and quality of the intervals, over the rows with a label.

    Returns ``mae``, ``median_absolute_error``, ``rmse``, ``r2``, ``mean_absolute_deviation`` of the labels (what a
    constant would err), ``coverage``, ``mean_interval_width`` and ``rank_correlation`` of error and expected error.
    """
    known = np.isfinite(labels)
    truth, values = labels[known], prediction.values[known, column]
    errors = np.abs(truth - values)
    lower, upper = prediction.lower[known, column], prediction.upper[known, column]
    expected = np.hypot(prediction.epistemic_std[known, column], prediction.aleatoric_std[known, column])
    return {
        "mae": float(errors.mean()),
        "median_absolute_error": float(np.median(errors)),
        "rmse": float(np.sqrt(np.mean(errors**2))),
        "r2": float(1 - np.sum(errors**2) / np.sum((truth - truth.mean()) ** 2)),
        "mean_absolute_deviation": float(np.abs(truth - truth.mean()).mean()),
        "coverage": float(np.mean((truth >= lower) & (truth <= upper))),
        "mean_interval_width": float(np.mean(upper - lower)),
        "rank_correlation": _rank_correlation(errors, expected),
    }


def _rank_correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Spearman's coefficient; ties are broken by order, which is harmless for continuous values."""
    ranks = [np.argsort(np.argsort(values)) for values in (first, second)]
    correlations: NDArray[np.float64] = np.asarray(np.corrcoef(ranks))
    return float(correlations[0, 1])
