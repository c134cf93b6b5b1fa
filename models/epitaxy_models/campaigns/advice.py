"""Whether the next batch pays: the chance that something better is left, what a batch gains, and what to repeat."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from epitaxy_models.campaigns.choice import Choice
from epitaxy_models.campaigns.knowledge import Knowledge
from epitaxy_models.campaigns.planner import Planner


@dataclass(frozen=True, slots=True)
class Best:
    """A measured candidate that is the best so far, or one of a front.

    Attributes:
        candidate: Its number in the pool.
        values: Posterior means of its true values by property, in the unit: not the luckiest reading.
        stds: Posterior standard deviations of its true values.
    """

    candidate: int
    values: Mapping[str, float]
    stds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do next, and why.

    Attributes:
        best: The best so far; the front if there are several objectives; empty without results.
        margin: By how much better counts as better, in the unit of each objective.
        chance_better: Chance that an open candidate is better than the best by the margin; NaN without a model.
        expected_gain: Of the next batch: of the objective in its unit, or of the hypervolume; NaN without a model.
        batch_cost: What the next batch costs.
        go_on: Whether to measure it.
        reason: Why, one line.
        replicates: Measured candidates to measure again, because noise decides which of them is the best.
    """

    best: tuple[Best, ...]
    margin: Mapping[str, float]
    chance_better: float
    expected_gain: float
    batch_cost: float
    go_on: bool
    reason: str
    replicates: tuple[int, ...] = field(default=())


def advise(
    planner: Planner,
    known: Knowledge,
    batch: Sequence[Choice] = (),
    margin: Mapping[str, float] | None = None,
    worth: float | None = None,
) -> Advice:
    """Advice before a batch is measured.

    Args:
        planner: Of the campaign.
        known: As of now.
        batch: What would be measured next; nothing is gained by an empty one.
        margin: By how much better counts, in units by property; default: what noise cannot tell apart.
        worth: What one unit of the objective is worth, in the unit of the costs; None: not stated.
    """
    raise NotImplementedError
