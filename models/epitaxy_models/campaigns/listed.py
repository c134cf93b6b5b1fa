"""The few hundred candidates that are weighed against each other, and what is known of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.campaigns.objective import Objective

Array = NDArray[np.float64]
Places = NDArray[np.int64]
_LEAST_CHANCE = 1e-6


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
        likely: Probability that a value lies where the goal is at all, as the substrate tells, ``[n]``; None: nothing
            tells it.
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
    likely: Array | None = None

    @property
    def n(self) -> int:
        """Number of places."""
        return int(self.means.shape[1])

    @property
    def log_worth(self) -> Array:
        """What is added to the logarithm of a gain: that of the probabilities less that of the cost, ``[n]``."""
        chance = self.success if self.likely is None else self.success * self.likely
        return np.asarray(np.log(np.maximum(chance, _LEAST_CHANCE)) - np.log(self.costs))

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

    def only(self, place: int) -> "ShortList":
        """The same list under one of the objectives."""
        one = slice(place, place + 1)
        parts = (self.means[one], self.covariances[one], self.to_units[one], self.objectives[one])
        return replace(self, means=parts[0], covariances=parts[1], to_units=parts[2], objectives=parts[3])

    def holding(self, chosen: Sequence[int]) -> "ShortList":
        """The same list with some of the open places pending."""
        taken = np.array(chosen, dtype=np.int64)
        return replace(self, open=np.setdiff1d(self.open, taken), pending=np.concatenate([self.pending, taken]))
