"""Which of a short list to measure next, one after another, each conditioned on those before and on what is pending."""

from collections.abc import Callable, Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.campaigns import own_choice
from epitaxy_models.campaigns.listed import ShortList
from epitaxy_models.campaigns.objective import Objective

Array = NDArray[np.float64]
Places = NDArray[np.int64]


class AcquisitionName(StrEnum):
    """Names of the functions; ``auto`` takes what was measured best for the objectives."""

    AUTO = "auto"
    BEST_FEW = "best_few"
    EXPECTED_IMPROVEMENT = "expected_improvement"
    FRONT = "front"
    PROBABILITY = "probability"
    UPPER_BOUND = "upper_bound"
    THOMPSON = "thompson"
    UNCERTAINTY = "uncertainty"
    GREEDY = "greedy"
    RANDOM = "random"

    def resolved(self, objectives: Sequence[Objective]) -> "AcquisitionName":
        """Never ``auto``: a function that suits the objectives."""
        if self is AcquisitionName.AUTO:
            if len(objectives) > 1:
                return AcquisitionName.FRONT
            return AcquisitionName.BEST_FEW if objectives[0].goal.is_monotone else AcquisitionName.PROBABILITY
        if len(objectives) > 1 and self in {AcquisitionName.BEST_FEW, AcquisitionName.PROBABILITY}:
            return AcquisitionName.EXPECTED_IMPROVEMENT
        if len(objectives) == 1 and self is AcquisitionName.FRONT:
            return AcquisitionName.EXPECTED_IMPROVEMENT
        return self


Function = Callable[[ShortList, int, int], list[tuple[int, float]]]


def choose(listed: ShortList, name: AcquisitionName, n_wanted: int, seed: int) -> list[tuple[int, float]]:
    """Places of the chosen candidates with their scores, in the order of choice; the same seed chooses the same."""
    name = name.resolved(listed.objectives)
    n_wanted = min(n_wanted, len(listed.open))
    if n_wanted == 0:
        return []
    return _function(name)(listed, n_wanted, seed)


def _function(name: AcquisitionName) -> Function:
    own: dict[AcquisitionName, Function] = {
        AcquisitionName.RANDOM: own_choice.at_random,
        AcquisitionName.BEST_FEW: own_choice.best_few,
        AcquisitionName.PROBABILITY: own_choice.by_probability,
        AcquisitionName.THOMPSON: own_choice.thompson,
        AcquisitionName.GREEDY: own_choice.greedy,
        AcquisitionName.UNCERTAINTY: own_choice.by_uncertainty,
    }
    if name in own:
        return own[name]
    # BoTorch takes seconds to import, and the others do not need it.
    from epitaxy_models.campaigns import botorch_choice, ends_of_front  # noqa: PLC0415

    return {
        AcquisitionName.UPPER_BOUND: botorch_choice.by_upper_bound,
        AcquisitionName.EXPECTED_IMPROVEMENT: botorch_choice.by_expected_improvement,
        AcquisitionName.FRONT: ends_of_front.by_front,
    }[name]
