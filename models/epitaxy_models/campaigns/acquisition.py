"""Which of a short list to measure next, one after another, each conditioned on those before and on what is pending."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.campaigns.objective import Objective

Array = NDArray[np.float64]
Places = NDArray[np.int64]
_LEAST_CHANCE = 1e-6


class AcquisitionName(StrEnum):
    """Names of the functions; ``auto`` takes what was measured best for the objectives."""

    AUTO = "auto"
    BEST_FEW = "best_few"
    EXPECTED_IMPROVEMENT = "expected_improvement"
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
                return AcquisitionName.EXPECTED_IMPROVEMENT
            return AcquisitionName.BEST_FEW if objectives[0].goal.is_monotone else AcquisitionName.PROBABILITY
        if len(objectives) > 1 and self in {AcquisitionName.BEST_FEW, AcquisitionName.PROBABILITY}:
            return AcquisitionName.EXPECTED_IMPROVEMENT
        return self


@dataclass(frozen=True, eq=False)
class ShortList:
    """What is known of the candidates that are weighed against each other.

    Attributes:
        means: In the scale of the fits, ``[n_objectives, n]``.
        covariances: Joint, of true values, ``[n_objectives, n, n]``.
        to_units: From the scale of each fit to the property's unit, monotone.
        objectives: What is wanted of each.
        measured: Places that have been measured and keep all limits.
        pending: Places that are being measured.
        open: Places that may be chosen.
        costs: Of each place, positive, ``[n]``.
        success: Probability that a candidate can be made and keeps all limits, ``[n]``.
        n_best: How many candidates count as the best.
    """

    means: Array
    covariances: Array
    to_units: Sequence[Callable[[Array], Array]]
    objectives: Sequence[Objective]
    measured: Places
    pending: Places
    open: Places
    costs: Array
    success: Array
    n_best: int = 1

    @property
    def n(self) -> int:
        """Number of places."""
        return self.means.shape[1]

    @property
    def log_worth(self) -> Array:
        """What is added to the logarithm of a gain: log probability of success less log cost, ``[n]``."""
        return np.asarray(np.log(np.maximum(self.success, _LEAST_CHANCE)) - np.log(self.costs))

    def utilities(self, values: Array) -> Array:
        """Utilities of values on the scales of the fits, ``[..., n_objectives]``.

        A goal that is monotone ranks alike on the scale of the fit, where gains are those of ratios and do not follow
        a single tail; others need units.
        """
        columns = [
            objective.utility(values[..., i] if objective.goal.is_monotone else self.to_units[i](values[..., i]))
            for i, objective in enumerate(self.objectives)
        ]
        return np.stack(columns, axis=-1)


Function = Callable[[ShortList, int, int], list[tuple[int, float]]]


def choose(listed: ShortList, name: AcquisitionName, n_wanted: int, seed: int) -> list[tuple[int, float]]:
    """Places of the chosen candidates with their scores, in the order of choice; the same seed chooses the same."""
    # BoTorch takes seconds to import, and nothing but a model's choice needs it.
    from epitaxy_models.campaigns import botorch_choice, own_choice  # noqa: PLC0415

    name = name.resolved(listed.objectives)
    n_wanted = min(n_wanted, len(listed.open))
    if n_wanted == 0:
        return []
    functions: dict[AcquisitionName, Function] = {
        AcquisitionName.RANDOM: own_choice.at_random,
        AcquisitionName.BEST_FEW: own_choice.best_few,
        AcquisitionName.PROBABILITY: own_choice.by_probability,
        AcquisitionName.THOMPSON: own_choice.thompson,
        AcquisitionName.GREEDY: own_choice.greedy,
        AcquisitionName.UNCERTAINTY: own_choice.by_uncertainty,
        AcquisitionName.UPPER_BOUND: botorch_choice.by_upper_bound,
        AcquisitionName.EXPECTED_IMPROVEMENT: botorch_choice.by_expected_improvement,
    }
    return functions[name](listed, n_wanted, seed)
