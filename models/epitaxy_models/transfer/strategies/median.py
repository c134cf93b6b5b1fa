"""The pool median: what any strategy has to beat."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.transfer.inputs import TransferInputs
from epitaxy_models.transfer.strategy import StrategyState, TransferPrediction

KIND = "pool_median"


@dataclass(frozen=True)
class PoolMedian:
    """Predicts the median of the labels for everything.

    Attributes:
        name: Name of the strategy.
        about_mean: Whether it predicts their mean instead: of labels that are 0 or 1 the share of ones.
    """

    name: str = KIND
    about_mean: bool = False

    def fit(self, inputs: TransferInputs, targets: NDArray[np.float64], seed: int) -> "FittedMedian":
        """Takes median or mean, and spread, of ``targets`` ``[n_rows]``."""
        centre = float(np.mean(targets) if self.about_mean else np.median(targets))
        return FittedMedian(centre, float(np.sqrt(np.mean((targets - centre) ** 2))) or 1.0)


@dataclass(frozen=True, slots=True)
class FittedMedian:
    """A constant.

    Attributes:
        value: The median.
        std: Spread of the labels about it.
    """

    value: float
    std: float

    def predict(self, inputs: TransferInputs) -> TransferPrediction:
        """The median of the training labels, and their spread, for each row."""
        return TransferPrediction(np.full(inputs.n_rows, self.value), np.full(inputs.n_rows, self.std))

    def state(self) -> StrategyState:
        """Two numbers."""
        return StrategyState(KIND, {"value": self.value, "std": self.std}, {})

    @classmethod
    def restore(cls, state: StrategyState) -> "FittedMedian":
        """Rebuilds an equal predictor."""
        return cls(float(state.settings["value"]), float(state.settings["std"]))
