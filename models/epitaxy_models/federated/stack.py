"""A member's private stack: common and own models, weighed, calibrated and judged on the member's own rows."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from epitaxy_models.federated.local_models import LOCAL_MODELS, Fit, Predict
from epitaxy_models.federated.model import FederatedModel
from epitaxy_models.federated.rows import MemberRows
from epitaxy_models.federated.settings import MethodSettings
from epitaxy_models.transfer.verdict import Verdict

Array = NDArray[np.float64]
PRIOR = {"networks": 0.6, "ridge": 0.05, "forest": 0.35, "process": 0.05}
"""Weights before any row is seen, and the direction in which few rows are drawn; from other draws."""
# The prior counts as much as half of the rows: out of fold one network stands for the mean of all, which is better.
_PRIOR_SHARE = 0.5
# For the same reason a stack is kept although it looks a little worse than the own model out of fold.
_CLEARLY_WORSE = 1.06
_SUM_TO_ONE = 1e3
_N_RESAMPLES = 1000
_LEVEL = 0.9


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether the consortium helps this member.

    Attributes:
        verdict: HELPS or HURTS if the interval of the paired difference excludes 0, else NEUTRAL.
        own_best: Name of the member's best own model, out of fold.
        difference: Mean absolute error of the stack less that of the best own model, out of fold.
        low: Lower end of its 90 % interval.
        high: Upper end.
        serves: What the member uses: ``stack``, or its best own model.
    """

    verdict: Verdict
    own_best: str
    difference: float
    low: float
    high: float
    serves: str


@dataclass(frozen=True, slots=True, eq=False)
class PrivateStack:
    """The model that a member serves. It holds the member's rows in its own models, and never leaves.

    Attributes:
        common: The consortium's.
        own: The member's own models by name, on all of its rows.
        weights: Of all models by name; they add up to 1.
        half_width: Half-width of the interval at the nominal coverage, on the labels' scale.
        coverage: Nominal.
        judgement: Of the member's rows.
    """

    common: FederatedModel
    own: Mapping[str, Predict]
    weights: Mapping[str, float]
    half_width: float
    coverage: float
    judgement: Judgement

    def predict_by_model(self, features: Array) -> dict[str, Array]:
        """What each model says, ``[n_rows]`` each."""
        return self.common.predict(features) | {name: predict(features) for name, predict in self.own.items()}

    def predict(self, features: Array) -> Array:
        """What the member uses: the stack, or its own best model if that is better, ``[n_rows]``."""
        by_model = self.predict_by_model(features)
        if self.judgement.serves != "stack":
            return by_model[self.judgement.serves]
        return np.asarray(sum(weight * by_model[name] for name, weight in self.weights.items()))


def fit_stack(
    common: FederatedModel,
    rows: MemberRows,
    folds: NDArray[np.int64],
    settings: MethodSettings,
    seed: int,
    coverage: float = 0.9,
) -> PrivateStack:
    """Fits a member's own models, and weighs all by predictions out of fold.

    Args:
        common: The consortium's model.
        rows: The member's.
        folds: Those that the member's vectors left out.
        settings: Of the consortium.
        seed: The member's own.
        coverage: Nominal coverage of the interval.
    """
    out_of_fold = dict(common.predict_out_of_fold(rows.features, folds))
    for name, fit in LOCAL_MODELS.items():
        out_of_fold[name] = _own_out_of_fold(rows, folds, settings.n_networks, fit, seed)
    weights = _weights(out_of_fold, rows.labels)
    honest = _crossed(out_of_fold, rows.labels, folds)
    judgement = _judge(honest, out_of_fold, rows.labels, seed)
    served = honest if judgement.serves == "stack" else out_of_fold[judgement.serves]
    own = {name: fit(rows, seed) for name, fit in LOCAL_MODELS.items()}
    half_width = _conformal(np.abs(served - rows.labels), coverage)
    return PrivateStack(common, own, weights, half_width, coverage, judgement)


def _own_out_of_fold(rows: MemberRows, folds: NDArray[np.int64], n_folds: int, fit: Fit, seed: int) -> Array:
    found = np.zeros(len(rows))
    for fold in range(n_folds):
        held = folds == fold
        if held.any():
            found[held] = fit(rows.without(held), seed)(rows.features[held])
    return found


def _weights(predictions: Mapping[str, Array], labels: Array) -> dict[str, float]:
    """Non-negative least squares with weights that add up to 1, drawn to the prior."""
    names = [name for name in PRIOR if name in predictions]
    prior = np.array([PRIOR[name] for name in names])
    scale = float(labels.std()) or 1.0
    pull = np.sqrt(_PRIOR_SHARE * len(labels))
    columns = np.column_stack([predictions[name] for name in names]) / scale
    left = np.concatenate([columns, np.full((1, len(names)), _SUM_TO_ONE), pull * np.eye(len(names))])
    right = np.concatenate([labels / scale, [_SUM_TO_ONE], pull * prior / prior.sum()])
    found, _ = nnls(left, right)
    return {name: float(weight) for name, weight in zip(names, found / found.sum(), strict=True)}


def _crossed(predictions: Mapping[str, Array], labels: Array, folds: NDArray[np.int64]) -> Array:
    """The stack's predictions of rows that its weights never saw, ``[n_rows]``."""
    found = np.zeros(len(labels))
    for fold in np.unique(folds):
        held = folds == fold
        weights = _weights({name: column[~held] for name, column in predictions.items()}, labels[~held])
        found[held] = sum(weight * predictions[name][held] for name, weight in weights.items())
    return found


def _judge(stacked: Array, predictions: Mapping[str, Array], labels: Array, seed: int) -> Judgement:
    errors = {name: np.abs(predictions[name] - labels) for name in LOCAL_MODELS}
    best = min(errors, key=lambda name: float(errors[name].mean()))
    differences = np.abs(stacked - labels) - errors[best]
    picks = np.random.default_rng(seed).integers(0, len(labels), (_N_RESAMPLES, len(labels)))
    low, high = np.quantile(differences[picks].mean(axis=1), [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    verdict = Verdict.HELPS if high < 0 else Verdict.HURTS if low > 0 else Verdict.NEUTRAL
    is_worse = np.abs(stacked - labels).mean() > _CLEARLY_WORSE * errors[best].mean()
    serves = best if is_worse else "stack"
    return Judgement(verdict, best, float(differences.mean()), float(low), float(high), serves)


def _conformal(errors: Array, coverage: float) -> float:
    """The quantile that covers a new row with that probability; the largest error if there are too few."""
    rank = int(np.ceil((len(errors) + 1) * coverage))
    return float(np.sort(errors)[min(rank, len(errors)) - 1])
