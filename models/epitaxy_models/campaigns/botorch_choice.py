"""BoTorch's acquisition functions over our joint posterior."""

from typing import Any

import numpy as np
import torch
from botorch.acquisition.logei import qLogNoisyExpectedImprovement
from botorch.acquisition.monte_carlo import qUpperConfidenceBound
from botorch.acquisition.multi_objective import logei
from botorch.acquisition.multi_objective.objective import GenericMCMultiOutputObjective
from botorch.acquisition.objective import GenericMCObjective
from botorch.sampling.normal import SobolQMCNormalSampler
from numpy.typing import NDArray
from torch import Tensor

from epitaxy_models.campaigns.front import reference_point
from epitaxy_models.campaigns.indexed_model import IndexedModel
from epitaxy_models.campaigns.listed import ShortList

# Of one objective, and of several: boxes of a hypervolume cost more than a difference.
_N_SAMPLES, _N_SAMPLES_OF_SEVERAL = 128, 64
_UCB_BETA = 1.0
_CHOICES_A_PIECE = 256

# The fused kernel would be compiled in the user's home by the first request that needs it; without it the same
# function runs in plain torch.
logei._load_attempted = True


def by_expected_improvement(listed: ShortList, n_wanted: int, seed: int) -> list[tuple[int, float]]:
    """qLogNoisyEI, or qLogNEHVI for several objectives."""
    if not n_wanted:
        return []
    return _one_by_one(listed, _expected_improvement(listed, seed), n_wanted)


def by_upper_bound(listed: ShortList, n_wanted: int, seed: int) -> list[tuple[int, float]]:
    """The upper confidence bound; several objectives count by their spread over the list."""
    spreads = torch.from_numpy(listed.utilities(listed.means.T).std(axis=0) + 1e-12)

    def sums(samples: Tensor, X: Tensor | None = None) -> Tensor:  # noqa: N803 - BoTorch's name
        return (_utilities(listed, samples) / spreads).sum(dim=-1)

    function = qUpperConfidenceBound(
        IndexedModel(listed.means, listed.covariances),
        beta=_UCB_BETA,
        sampler=_sampler(listed, seed),
        objective=GenericMCObjective(sums),
    )
    lowest = float(sums(torch.from_numpy(listed.means.T)).min())
    return _one_by_one(listed, function, n_wanted, lowest)


def _one_by_one(
    listed: ShortList, function: Any, n_wanted: int, lowest: float | None = None
) -> list[tuple[int, float]]:
    """The most for its cost: logarithm of the gain plus that of the probability of success less that of the cost.

    A function that has no logarithmic values gains over ``lowest``.
    """
    offsets = torch.from_numpy(listed.log_worth)
    pending = _points(listed.pending)
    left = listed.open.copy()
    chosen: list[tuple[int, float]] = []
    with torch.no_grad():
        for _ in range(n_wanted):
            function.set_X_pending(pending if len(pending) else None)
            points = _points(left).unsqueeze(-2)
            starts = range(0, len(points), _CHOICES_A_PIECE)
            scores = torch.cat([function(points[start : start + _CHOICES_A_PIECE]) for start in starts])
            if lowest is not None:
                scores = torch.log((scores - lowest).clamp_min(1e-12))
            scores = scores + offsets[left]
            place = int(torch.argmax(scores))
            chosen.append((int(left[place]), float(scores[place])))
            pending = torch.cat([pending, _points(left[place : place + 1])])
            left = np.delete(left, place)
    return chosen


def _points(places: NDArray[np.int64]) -> Tensor:
    return torch.from_numpy(places.astype(np.float64)).unsqueeze(-1)


def _sampler(listed: ShortList, seed: int) -> SobolQMCNormalSampler:
    n_samples = _N_SAMPLES if len(listed.objectives) == 1 else _N_SAMPLES_OF_SEVERAL
    return SobolQMCNormalSampler(torch.Size([n_samples]), seed=seed)


def _utilities(listed: ShortList, samples: Tensor) -> Tensor:
    found: Tensor = torch.from_numpy(listed.utilities(samples.numpy()))
    return found


def _expected_improvement(listed: ShortList, seed: int) -> Any:
    settings: dict[str, Any] = {
        "model": IndexedModel(listed.means, listed.covariances),
        "X_baseline": _points(listed.measured),
        "sampler": _sampler(listed, seed),
        "prune_baseline": True,
        "cache_root": False,
    }

    def utilities(samples: Tensor, X: Tensor | None = None) -> Tensor:  # noqa: N803 - BoTorch's name
        return _utilities(listed, samples)

    def utility(samples: Tensor, X: Tensor | None = None) -> Tensor:  # noqa: N803 - BoTorch's name
        return _utilities(listed, samples)[..., 0]

    if len(listed.objectives) > 1:
        reference = reference_point(listed.utilities(listed.means[:, listed.measured].T))
        return logei.qLogNoisyExpectedHypervolumeImprovement(
            ref_point=reference.tolist(), objective=GenericMCMultiOutputObjective(utilities), **settings
        )
    return qLogNoisyExpectedImprovement(objective=GenericMCObjective(utility), **settings)
