"""Which of a short list to measure next: BoTorch's acquisition functions over our joint posterior.

One batch is chosen one candidate after another, each conditioned on those before it and on what is pending.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import torch
from botorch.acquisition import qLogNoisyExpectedImprovement, qUpperConfidenceBound
from botorch.acquisition.multi_objective import logei
from botorch.acquisition.multi_objective.objective import GenericMCMultiOutputObjective
from botorch.acquisition.objective import GenericMCObjective
from botorch.optim import optimize_acqf_discrete
from botorch.sampling import SobolQMCNormalSampler
from numpy.typing import NDArray
from torch import Tensor

from epitaxy_models.campaigns.indexed_model import IndexedModel
from epitaxy_models.campaigns.objective import Goal, Objective

Array = NDArray[np.float64]
Places = NDArray[np.int64]
_N_SAMPLES = 128
_UCB_BETA = 1.0

# The fused kernel would be compiled in the user's home by the first request that needs it; without it the same
# function runs in plain torch.
logei._load_attempted = True


class AcquisitionName(StrEnum):
    """Names of the functions; `auto` takes what was measured best for the objectives."""

    AUTO = "auto"

    BEST_SHARE = "best_share"
    EXPECTED_IMPROVEMENT = "expected_improvement"
    UPPER_BOUND = "upper_bound"
    THOMPSON = "thompson"
    UNCERTAINTY = "uncertainty"
    GREEDY = "greedy"
    RANDOM = "random"


@dataclass(frozen=True, eq=False)
class ShortList:
    """What is known of the candidates that are weighed against each other.

    Attributes:
        means: In the scale of the fits, ``[n_objectives, n]``.
        covariances: Joint, without noise, ``[n_objectives, n, n]``.
        to_units: From the scale of each fit to the property's unit, monotone; works on tensors.
        objectives: What is wanted of each.
        measured: Places that have been measured.
        pending: Places that are being measured.
        open: Places that may be chosen.
        n_best: How many candidates count as the best.
        costs: Of each place, positive, ``[n]``; all one if measuring costs the same everywhere.
        success: Probability that a candidate can be made and measured at all, ``[n]``.
    """

    means: Array
    covariances: Array
    to_units: Sequence[Callable[[Tensor], Tensor]]
    objectives: Sequence[Objective]
    measured: Places
    pending: Places
    open: Places
    costs: Array
    success: Array
    n_best: int = 1

    @property
    def has_one_price(self) -> bool:
        """Whether costs decide nothing."""
        return bool(np.ptp(self.costs[self.open]) == 0 and np.ptp(self.success[self.open]) == 0)


def choose(listed: ShortList, name: AcquisitionName, n_wanted: int, seed: int) -> list[tuple[int, float]]:
    """Places of the chosen candidates with their scores, in the order of choice; the same seed chooses the same."""
    n_wanted = min(n_wanted, len(listed.open))
    if n_wanted == 0:
        return []
    if name is AcquisitionName.RANDOM:
        order = np.random.default_rng(seed).permutation(listed.open)[:n_wanted]
        return [(int(place), 0.0) for place in order]
    if name is AcquisitionName.BEST_SHARE and len(listed.objectives) == 1:
        return _best_share(listed, n_wanted, seed)
    if name is AcquisitionName.THOMPSON:
        return _thompson(listed, n_wanted, seed)
    if name in {AcquisitionName.GREEDY, AcquisitionName.UNCERTAINTY}:
        return _one_by_one(listed, name, n_wanted)
    return _by_botorch(listed, name, n_wanted, seed)


def utilities(objective: Objective, values: Tensor) -> Tensor:
    """``Objective.utility`` on tensors, differentiable."""
    if objective.goal is Goal.MAXIMIZE:
        return values
    if objective.goal is Goal.MINIMIZE:
        return -values
    return -torch.relu(torch.maximum(objective.low - values, values - objective.high))


def _by_botorch(listed: ShortList, name: AcquisitionName, n_wanted: int, seed: int) -> list[tuple[int, float]]:
    model = IndexedModel(listed.means, listed.covariances)
    function = _function(listed, model, name, seed)
    choices = torch.from_numpy(listed.open.astype(np.float64)).unsqueeze(-1)
    pending = torch.from_numpy(listed.pending.astype(np.float64)).unsqueeze(-1)
    with torch.no_grad():
        if listed.has_one_price:
            function.set_X_pending(pending if len(pending) else None)
            found, scores = optimize_acqf_discrete(function, n_wanted, choices, max_batch_size=256)
            pairs = zip(found[:, 0].tolist(), scores.reshape(-1).tolist(), strict=True)
            return [(round(place), float(score)) for place, score in pairs]
        return _priced(function, listed, choices, pending, n_wanted)


def _priced(
    function: Any, listed: ShortList, choices: Tensor, pending: Tensor, n_wanted: int
) -> list[tuple[int, float]]:
    """The most gain for its cost: log gain plus log probability of success less log cost."""
    chosen: list[tuple[int, float]] = []
    worth = np.log(np.maximum(listed.success, 1e-6)) - np.log(listed.costs)
    offsets = torch.from_numpy(worth)
    for _ in range(n_wanted):
        function.set_X_pending(pending if len(pending) else None)
        scores = torch.cat([function(piece.unsqueeze(-2)) for piece in choices.split(256)])
        scores = scores + offsets[choices[:, 0].long()]
        best = int(torch.argmax(scores))
        chosen.append((int(choices[best, 0]), float(scores[best])))
        pending = torch.cat([pending, choices[best : best + 1]])
        choices = torch.cat([choices[:best], choices[best + 1 :]])
    return chosen


def _function(listed: ShortList, model: IndexedModel, name: AcquisitionName, seed: int) -> Any:
    sampler = SobolQMCNormalSampler(torch.Size([_N_SAMPLES]), seed=seed)
    baseline = torch.from_numpy(listed.measured.astype(np.float64)).unsqueeze(-1)
    if len(listed.objectives) > 1:
        return logei.qLogNoisyExpectedHypervolumeImprovement(
            model=model,
            ref_point=_reference(listed).tolist(),
            X_baseline=baseline,
            sampler=sampler,
            objective=GenericMCMultiOutputObjective(lambda samples, X=None: _all_utilities(listed, samples)),
            prune_baseline=True,
            cache_root=False,
        )
    objective = GenericMCObjective(lambda samples, X=None: _one_utility(listed, samples[..., 0]))
    if name is AcquisitionName.UPPER_BOUND:
        return qUpperConfidenceBound(model, beta=_UCB_BETA, sampler=sampler, objective=objective)
    return qLogNoisyExpectedImprovement(
        model=model, X_baseline=baseline, sampler=sampler, objective=objective, prune_baseline=True, cache_root=False
    )


def _one_utility(listed: ShortList, samples: Tensor) -> Tensor:
    """On the scale of the fit where that ranks alike, as expected gains of ratios would follow a single tail."""
    objective = listed.objectives[0]
    return utilities(objective, samples if objective.goal.is_monotone else listed.to_units[0](samples))


def _all_utilities(listed: ShortList, samples: Tensor) -> Tensor:
    pairs = zip(listed.objectives, listed.to_units, strict=True)
    return torch.stack([utilities(one, scale(samples[..., i])) for i, (one, scale) in enumerate(pairs)], dim=-1)


def _reference(listed: ShortList) -> Array:
    """A tenth of the range below the worst measured, so that the ends of a front count too."""
    means = torch.from_numpy(listed.means[:, listed.measured].T.copy())
    found = _all_utilities(listed, means).numpy()
    return np.asarray(found.min(axis=0) - 0.1 * (np.ptp(found, axis=0) + 1e-9), dtype=np.float64)


def _best_share(listed: ShortList, n_wanted: int, seed: int) -> list[tuple[int, float]]:
    """Expected gain of the mean utility of the ``n_best`` best, over joint samples.

    Expected improvement asks for one winner; who wants the best few improves the worst of them. Samples of a batch
    are those of one joint posterior, so that each choice is conditioned on those before.
    """
    n = listed.means.shape[1]
    root = _root(listed.covariances[0])
    draws = SobolQMCNormalSampler(torch.Size([2 * _N_SAMPLES]), seed=seed)
    base = draws(IndexedModel(np.zeros((1, n)), np.eye(n)[None]).posterior(torch.arange(n).double().unsqueeze(-1)))
    samples = torch.from_numpy(listed.means[0]) + base[..., 0] @ torch.from_numpy(root.T)
    found = _one_utility(listed, samples).numpy()
    held = np.concatenate([listed.measured, listed.pending])
    best = -np.sort(-found[:, held], axis=1)[:, : listed.n_best]
    worth = np.log(np.maximum(listed.success, 1e-6)) - np.log(listed.costs)
    left, chosen = list(listed.open), []
    for _ in range(n_wanted):
        # With fewer held than wanted, anything fills a free place: what counts is the worst held.
        gains = np.maximum(found[:, left] - best[:, -1:], 0.0).mean(axis=0)
        scores = np.log(gains + 1e-12 * (1 + np.abs(best).mean())) + worth[left]
        place = left.pop(int(np.argmax(scores)))
        chosen.append((int(place), float(scores.max())))
        both = np.concatenate([best, found[:, [place]]], axis=1)
        best = -np.sort(-both, axis=1)[:, : listed.n_best]
    return chosen


def _root(covariance: Array) -> Array:
    """A matrix square root, clipped where rounding made eigenvalues negative."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def _thompson(listed: ShortList, n_wanted: int, seed: int) -> list[tuple[int, float]]:
    """The best of one joint sample a choice."""
    generator = np.random.default_rng(seed)
    open_places = listed.open
    samples = np.stack(
        [
            generator.multivariate_normal(means[open_places], cov[np.ix_(open_places, open_places)], n_wanted, "ignore")
            for means, cov in zip(listed.means, listed.covariances, strict=True)
        ],
        axis=-1,
    )
    found = _all_utilities(listed, torch.from_numpy(samples)).numpy()
    weights = generator.dirichlet(np.ones(found.shape[-1]), n_wanted)
    scores = np.einsum("sno,so->sn", found, weights) + np.log(listed.success[open_places])
    chosen: list[tuple[int, float]] = []
    for row in scores:
        row[[int(np.flatnonzero(open_places == place)[0]) for place, _ in chosen]] = -np.inf
        best = int(np.argmax(row))
        chosen.append((int(open_places[best]), float(row[best])))
    return chosen


def _one_by_one(listed: ShortList, name: AcquisitionName, n_wanted: int) -> list[tuple[int, float]]:
    """Largest expected utility, or largest remaining uncertainty once those before are measured."""
    chosen: list[tuple[int, float]] = []
    covariances = listed.covariances.copy()
    for place in listed.pending:
        covariances = _conditioned(covariances, int(place))
    left = list(listed.open)
    for _ in range(n_wanted):
        if name is AcquisitionName.GREEDY:
            values = _all_utilities(listed, torch.from_numpy(listed.means[:, left].T.copy())).numpy()
            scores = values.sum(axis=1)
        else:
            spreads = np.diagonal(covariances, axis1=1, axis2=2)[:, left]
            scores = np.sqrt(np.maximum(spreads, 0.0)).sum(axis=0)
        best = int(np.argmax(scores))
        chosen.append((int(left[best]), float(scores[best])))
        covariances = _conditioned(covariances, left.pop(best))
    return chosen


def _conditioned(covariances: Array, place: int) -> Array:
    """Covariances once the value at a place is known."""
    column = covariances[:, :, place]
    own = np.maximum(column[:, place], 1e-12)
    return np.asarray(covariances - column[:, :, None] * column[:, None, :] / own[:, None, None])
