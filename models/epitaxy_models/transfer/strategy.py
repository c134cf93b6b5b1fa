"""What every way to learn from few labels has in common."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.transfer.inputs import TransferInputs


@dataclass(frozen=True, slots=True, eq=False)
class TransferPrediction:
    """Values and expected errors, on the scale that the strategy was fitted on.

    Attributes:
        values: float64 ``[n_rows]``.
        stds: Expected error as a standard deviation, positive, float64 ``[n_rows]``.
    """

    values: NDArray[np.float64]
    stds: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class StrategyState:
    """All that is needed to predict again: plain numbers and texts, no code.

    Attributes:
        kind: Name under which ``strategies.restore`` finds the class.
        settings: What ``json`` can hold.
        tensors: Arrays by name.
    """

    kind: str
    settings: Mapping[str, Any]
    tensors: Mapping[str, NDArray[Any]]


class FittedStrategy(Protocol):
    """A strategy after its fit."""

    def predict(self, inputs: TransferInputs) -> TransferPrediction:
        """Predicts each row; an answer does not depend on the other rows."""

    def state(self) -> StrategyState:
        """What ``strategies.restore`` rebuilds an equal predictor from."""


class TransferStrategy(Protocol):
    """One way to learn a property from few labels."""

    @property
    def name(self) -> str:
        """Stable, snake case: ``block_gp``, ``descriptor_forest``, ``scratch_network``."""

    def fit(self, inputs: TransferInputs, targets: NDArray[np.float64], seed: int) -> FittedStrategy:
        """Learns from ``targets`` ``[n_rows]``, already on the scale to fit; the same seed gives the same fit."""
