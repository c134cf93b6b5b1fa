"""A law of two parameters: the labels as a line on the one column that says most of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.transfer.inputs import TransferInputs
from epitaxy_models.transfer.strategies.condition_columns import ConditionColumns
from epitaxy_models.transfer.strategies.condition_trend import ConditionTrend
from epitaxy_models.transfer.strategies.laws import LawColumn, known_columns, law_columns
from epitaxy_models.transfer.strategies.robust_line import fit_lines
from epitaxy_models.transfer.strategy import StrategyState, TransferPrediction

Array = NDArray[np.float64]
KIND = "substrate_line"
# Rows on which a value of a lower fidelity must be known for a line on it.
_N_KNOWN_MIN = 8
# Of the labels' spread: a line through every label is no promise for others.
_LEAST_STD = 0.01
# Standard deviation over mean absolute error of a normal distribution.
STD_OF_MEAN_ERROR = 1.2533
# Factor on the error of a line on another quantity where some columns state the labels' own.
_PENALTY = 1.2
# Rounds in which law and trend are fitted to what the other leaves.
_N_ROUNDS = 3


@dataclass(frozen=True)
class SubstrateLine:
    """The line of least absolute error on the best column of what the substrate, fidelities and textbooks say.

    Attributes:
        kin: Columns that state the labels' own quantity on the scale of the fit; lines on them are shrunk to ``y = x``,
            and the closest of them as they stand is preferred to other columns.
        name: Name of the strategy.
    """

    kin: tuple[LawColumn, ...] = ()
    name: str = KIND

    def fit(self, inputs: TransferInputs, targets: Array, seed: int) -> "FittedLine":
        """Learns from ``targets`` ``[n_rows]``; under conditions, from what a trend in these leaves of them.

        Raises ValueError if the inputs have no column that a law may read.
        """
        columns = ConditionColumns.fit(inputs)
        fitted = FittedLine(self._laws(inputs, targets))
        for _ in range(_N_ROUNDS if columns.scales else 0):
            trend = ConditionTrend.fit(columns, inputs, targets - fitted.of_laws(inputs).values)
            fitted = FittedLine(self._laws(inputs, targets - trend(inputs)), trend)
        return fitted

    def _laws(self, inputs: TransferInputs, targets: Array) -> "tuple[Law, ...]":
        laws = [self._best(law_columns(inputs), inputs, targets)]
        for column in known_columns(inputs):
            rows = np.flatnonzero(np.isfinite(column.read(inputs)))
            if len(rows) >= _N_KNOWN_MIN:
                law = self._best((column,), inputs.take(rows), targets[rows])
                laws = [law, *laws] if law.std < laws[-1].std else [*laws, law]
        return tuple(laws)

    def _best(self, columns: Sequence[LawColumn], inputs: TransferInputs, targets: Array) -> "Law":
        values = np.stack([column.read(inputs) for column in columns])
        is_kin = np.array([column in self.kin for column in columns])
        lines = fit_lines(values, targets, is_kin)
        errors = np.array([line.error for line in lines])
        if is_kin.any():
            # A line through few labels is partly luck, and so is the best of several lines: columns that state the
            # labels' own quantity are compared as they stand, and no other one comes before them by luck alone.
            as_they_stand = np.where(is_kin, np.abs(values - targets).mean(axis=1), np.inf)
            is_closest = np.arange(len(columns)) == np.argmin(as_they_stand)
            errors = np.where(is_closest, errors, np.where(is_kin, np.inf, _PENALTY * errors))
        best = int(np.argmin(errors))
        least = _LEAST_STD * (float(np.std(targets)) or 1.0)
        std = max(STD_OF_MEAN_ERROR * lines[best].error, least)
        return Law(columns[best], lines[best].intercept, lines[best].slope, std)


@dataclass(frozen=True, slots=True)
class Law:
    """``intercept + slope * column``, with the error that is expected of it."""

    column: LawColumn
    intercept: float
    slope: float
    std: float


@dataclass(frozen=True, slots=True)
class FittedLine:
    """Laws by preference; the first whose column is known of a row answers it.

    Attributes:
        laws: The last reads what is known of every row.
        trend: What conditions add.
    """

    laws: tuple[Law, ...]
    trend: ConditionTrend = field(default_factory=ConditionTrend)

    def predict(self, inputs: TransferInputs) -> TransferPrediction:
        """Values, and the one error that the law has everywhere; a larger one where a condition is unknown."""
        return self.trend.columns.averaged(self._predict, inputs)

    def _predict(self, inputs: TransferInputs) -> TransferPrediction:
        found = self.of_laws(inputs)
        return TransferPrediction(found.values + self.trend(inputs), found.stds)

    def of_laws(self, inputs: TransferInputs) -> TransferPrediction:
        """The same without the trend."""
        values, stds = np.full(inputs.n_rows, np.nan), np.full(inputs.n_rows, self.laws[-1].std)
        for law in self.laws:
            column = law.column.read(inputs)
            is_open = np.isnan(values) & np.isfinite(column)
            values = np.where(is_open, law.intercept + law.slope * column, values)
            stds = np.where(is_open, law.std, stds)
        return TransferPrediction(values, stds)

    def state(self) -> StrategyState:
        """A few numbers a law."""
        laws = [[law.column.as_json(), law.intercept, law.slope, law.std] for law in self.laws]
        return StrategyState(KIND, {"laws": laws, **self.trend.settings()}, self.trend.tensors())

    @classmethod
    def restore(cls, state: StrategyState) -> "FittedLine":
        """Rebuilds an equal predictor."""
        laws = (
            Law(LawColumn.from_json(column), float(intercept), float(slope), float(std))
            for column, intercept, slope, std in state.settings["laws"]
        )
        return cls(tuple(laws), ConditionTrend.restore(state.settings, state.tensors))
