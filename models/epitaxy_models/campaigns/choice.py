"""One recommended candidate, with everything that explains it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from epitaxy_models.campaigns.prequential import Prediction


@dataclass(frozen=True, slots=True)
class Neighbor:
    """A measured candidate that is near.

    Attributes:
        candidate: Its number in the pool.
        distance: In scaled features, averaged over the blocks by their weight; two random candidates lie about 1 apart.
    """

    candidate: int
    distance: float


@dataclass(frozen=True, slots=True)
class Choice:
    """One candidate of a batch.

    Attributes:
        candidate: Its number in the pool.
        score: Of the acquisition function; comparable within a batch only.
        values: Predicted values by property, in its unit; empty before there is a model.
        lower: Lower ends of the calibrated 90 % intervals of a result.
        upper: Upper ends.
        exploitation: Share of the score that the predicted value earns, 0 to 1.
        exploration: Share that its uncertainty earns; both are 0 where no model chose.
        reason: Why it was chosen, one line.
        nearest: The nearest measured candidates, nearest first.
        blocks: Shares of the blocks of features in what the models say, by block; they add up to one.
        success: Probability that it can be made and measured.
        predictions: What goes on record before the result.
    """

    candidate: int
    score: float
    values: Mapping[str, float] = field(default_factory=dict)
    lower: Mapping[str, float] = field(default_factory=dict)
    upper: Mapping[str, float] = field(default_factory=dict)
    exploitation: float = 0.0
    exploration: float = 0.0
    reason: str = ""
    nearest: tuple[Neighbor, ...] = ()
    blocks: Mapping[str, float] = field(default_factory=dict)
    success: float = 1.0
    predictions: tuple[Prediction, ...] = ()
