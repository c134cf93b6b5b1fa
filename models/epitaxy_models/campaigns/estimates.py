"""What the models of a campaign say at one moment, one a property, in the units of the property."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from epitaxy_models.campaigns.belief import Belief
from epitaxy_models.campaigns.heads import HeadAnswer
from epitaxy_models.campaigns.intervals import IntervalScale
from epitaxy_models.campaigns.knowledge import Knowledge
from epitaxy_models.campaigns.objective import Limit, Objective
from epitaxy_models.campaigns.process import PoolProcess
from epitaxy_models.campaigns.rivalry import Speaker
from epitaxy_models.transfer.labels.target import TargetTransform, TransformKind

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """The model of one property.

    Attributes:
        name: Property.
        belief: Rivals, and who speaks.
        intervals: How wide a 90 % interval is.
        head: What the substrate itself says, if it says anything.
    """

    name: str
    belief: Belief
    intervals: IntervalScale
    head: HeadAnswer | None = None

    @classmethod
    def of(cls, name: str, belief: Belief, known: Knowledge, head: HeadAnswer | None = None) -> "Estimate":
        """With intervals corrected by what was predicted before."""
        kind = str(belief.transform.kind)
        judged = [entry for entry in known.record.judged(name) if entry.kind == kind]
        results = np.array([entry.result or 0.0 for entry in judged])
        found = belief.transform.forward(results) if len(results) else results
        return cls(name, belief, IntervalScale.of(belief.process, judged, found), head)

    @property
    def process(self) -> PoolProcess:
        """The one that speaks."""
        return self.belief.process

    @property
    def transform(self) -> TargetTransform:
        """Scale of the fit."""
        return self.belief.transform

    def to_unit(self, values: Array) -> Array:
        """From the scale of the fit to the property's unit."""
        return self.transform.inverse(values.reshape(-1)).reshape(values.shape)

    def on_scale(self, value: float) -> float:
        """A value on the scale of the fit; below all that have a place on it: minus infinity."""
        if not np.isfinite(value) or self.transform.kind is TransformKind.NONE:
            return value
        least = 0.0 if self.transform.kind is TransformKind.LOG10 else -1.0
        return float(self.transform.forward(np.array([value]))[0]) if value > least else -np.inf

    def reading_std(self, variances: Array) -> Array:
        """Deviation of a reading whose true value has some variance, on the scale of the fit."""
        return np.asarray(np.sqrt(np.maximum(variances, 0.0) + self.process.noise_variance))

    def likely(self, objective: Objective, numbers: Numbers) -> Array:
        """Probability that values lie where the goal is at all, ``[n]``: ones unless a head that is followed tells."""
        follows = self.belief.speaker in {Speaker.HEAD, Speaker.ANCHORED}
        chance = self.head.chance_of(objective) if self.head is not None and follows else None
        return np.ones(len(numbers)) if chance is None else chance[numbers]

    def utilities(self, objective: Objective, numbers: Numbers) -> Array:
        """Utilities of predicted values, in the unit, ``[n]``."""
        return objective.utility(self.to_unit(self.process.marginals(numbers, is_cheap=True)[0]))

    def chance_within(self, limit: Limit, numbers: Numbers) -> Array:
        """Probability that candidates keep a limit, ``[n]``."""
        means, stds = self.process.marginals(numbers)
        stds = stds * max(1.0, self.intervals.inflation)
        edge = self.on_scale(limit.limit)
        chance = norm.cdf((edge - means) / stds)
        return np.asarray(chance if limit.is_upper else 1 - chance)


def chance_of_limits(estimates: Sequence[Estimate], limits: Sequence[Limit], numbers: Numbers) -> Array:
    """Probability that candidates keep all limits whose property has a model, ``[n]``."""
    by_name = {entry.name: entry for entry in estimates}
    chance = np.ones(len(numbers))
    for limit in limits:
        if limit.name in by_name:
            chance *= by_name[limit.name].chance_within(limit, numbers)
    return chance
