"""What conditions add to a law that reads the substrate alone: a line in each of them, the same for all crystals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.transfer.inputs import TransferInputs
from epitaxy_models.transfer.strategies.condition_columns import ConditionColumns

Array = NDArray[np.float64]
_TREND, _WEIGHTS = "trend", "trend.weights"
# Strengths of the penalty, in rows; conditions are scaled to unit spread.
_STRENGTHS = tuple(np.logspace(-2, 3, 16))
# Labels beyond these quantiles are moved there first, so that wild ones turn no trend.
_USUAL = (0.05, 0.95)


@dataclass(frozen=True, slots=True, eq=False)
class ConditionTrend:
    """A linear function of scaled conditions, 0 where there are none.

    Attributes:
        columns: Conditions that it reads.
        weights: Weight of each column, ``[width]``.
        intercept: Value where all columns are 0.
    """

    columns: ConditionColumns = field(default_factory=ConditionColumns)
    weights: Array = field(default_factory=lambda: np.zeros(0))
    intercept: float = 0.0

    @classmethod
    def fit(cls, columns: ConditionColumns, inputs: TransferInputs, rest: Array) -> "ConditionTrend":
        """Learns what a law leaves, ``rest`` ``[n_rows]``: ridge regression, its strength by rows left out."""
        from sklearn.linear_model import RidgeCV  # noqa: PLC0415 - only fits under conditions need it

        ridge = RidgeCV(alphas=_STRENGTHS).fit(_rows(columns, inputs), np.clip(rest, *np.quantile(rest, _USUAL)))
        return cls(columns, np.asarray(ridge.coef_, dtype=np.float64), float(ridge.intercept_))

    def __call__(self, inputs: TransferInputs) -> Array:
        """Values to add to the law, ``[n_rows]``; those at the middle of a condition where it is unknown."""
        if not self.columns.scales:
            return np.zeros(inputs.n_rows)
        return np.asarray(self.intercept + _rows(self.columns, inputs) @ self.weights)

    def settings(self) -> dict[str, Any]:
        """For a strategy's state; nothing where there are no conditions."""
        return {**self.columns.settings(), _TREND: self.intercept} if self.columns.scales else {}

    def tensors(self) -> dict[str, NDArray[Any]]:
        """For a strategy's state."""
        return {**self.columns.tensors(), _WEIGHTS: self.weights} if self.columns.scales else {}

    @classmethod
    def restore(cls, settings: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> "ConditionTrend":
        """Rebuilds an equal trend. Raises KeyError if the state is incomplete."""
        if _TREND not in settings:
            return cls()
        return cls(ConditionColumns.restore(settings, tensors), tensors[_WEIGHTS], float(settings[_TREND]))


def _rows(columns: ConditionColumns, inputs: TransferInputs) -> Array:
    return np.asarray(columns.beside(np.zeros((inputs.n_rows, 0)), inputs), dtype=np.float64)
