"""Whether the next batch pays: the chance that something better is left, what a batch gains, and what to repeat."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.campaigns.best import Best, bests_of_readings
from epitaxy_models.campaigns.choice import Choice
from epitaxy_models.campaigns.knowledge import Knowledge
from epitaxy_models.campaigns.outlook import Outlook
from epitaxy_models.campaigns.planner import Planner

Numbers = NDArray[np.int64]
# Below this chance that something better is left, going on is not advised if nobody says what it is worth.
_LEAST_CHANCE = 0.05
_NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do next, and why.

    Attributes:
        best: The best so far; the front if there are several objectives; empty without results.
        margin: By how much better counts as better, in the unit of each objective; empty without a model.
        chance_better: Chance that an open candidate is better than the best by the margin; NaN without a model. With
            several objectives: that one lies beyond the front by the margins.
        expected_gain: Of the next batch: of the objective in its unit, or of the hypervolume in the product of the
            units; NaN without a model.
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
        margin: By how much better counts, in units by property; default: what noise cannot tell apart about the
            best, at least a tenth of the spread of the results.
        worth: What one unit of the objective is worth, in the unit of the costs; None: not stated.
    """
    numbers = np.array([choice.candidate for choice in batch], dtype=np.int64)
    cost = float(known.costs_of(numbers).sum())
    has_open = len(known.open(planner.pool.n_candidates)) > 0
    if not planner.has_model(known):
        best = bests_of_readings(planner.objectives, planner.limits, known)
        reason = "there are too few results for a model to say" if has_open else "no candidate is open"
        return Advice(best, {}, _NAN, _NAN, cost, has_open, reason)
    outlook = Outlook.of(planner, known, margin or {})
    chance, gain = outlook.chance_better(), outlook.gain(numbers)
    go_on, reason = _verdict(has_open, chance, gain, cost, worth)
    return Advice(outlook.best, outlook.margin, chance, gain, cost, go_on, reason, outlook.replicates())


def _verdict(has_open: bool, chance: float, gain: float, cost: float, worth: float | None) -> tuple[bool, str]:
    if not has_open:
        return False, "no candidate is open"
    if worth is not None:
        sign = "more" if gain * worth > cost else "not more"
        return (
            gain * worth > cost,
            f"the batch is expected to gain {gain * worth:.3g}, {sign} than its cost of {cost:.3g}",
        )
    if chance < _LEAST_CHANCE:
        return False, f"the chance that something better is left is {chance:.1%}, below {_LEAST_CHANCE:.0%}"
    return True, f"the chance that something better is left is {chance:.1%}"
