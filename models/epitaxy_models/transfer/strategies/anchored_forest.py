"""What is known already, and trees on what it leaves: for labels that a cheaper fidelity nearly states."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesRegressor

from epitaxy_models.transfer.fidelities.identity_line import Line, robust_line
from epitaxy_models.transfer.inputs import DESCRIPTORS, FILLED_PREFIX, TransferInputs
from epitaxy_models.transfer.strategies.condition_columns import ConditionColumns
from epitaxy_models.transfer.strategies.condition_trend import ConditionTrend
from epitaxy_models.transfer.strategies.descriptor_forest import FittedForest
from epitaxy_models.transfer.strategies.laws import LawColumn, law_columns
from epitaxy_models.transfer.strategy import StrategyState, TransferPrediction

Array = NDArray[np.float64]
KIND = "anchored_forest"
# Labels at which trees count for half: on experimental gaps their median errs less than the anchor from there on.
_N_HALF = 100
# Share of the labels at the smallest one from which on that is a bound, as 0 is for gaps.
_SHARE_AT_BOUND = 0.1
_N_TREES, _LEAF, _SHARE_OF_FEATURES = 100, 3, 0.5
# Factors on the error of a line on another quantity, and of columns that follow from known values.
_PENALTY, _PREFERENCE = 1.15, 0.9
# Rows with the spread of all that every group of rows starts from.
_PRIOR_ROWS = 5.0
# Rounds in which anchor and trend are fitted to what the other leaves.
_N_ROUNDS = 3


@dataclass(frozen=True)
class AnchoredForest:
    """The column that is closest to the labels, a robust line on it, and the median of trees on the residuals.

    Labels that pile up at a bound stay there where the column does: a gap that is 0 by a cheaper level is predicted
    as 0, up to what the trees say.

    Attributes:
        kin: Columns that state the labels' own quantity on the scale of the fit: the closest of them as they stand is
            the anchor.
        is_open: Whether any column may be the anchor where none states the labels' own quantity.
        name: Name of the strategy.
    """

    kin: tuple[LawColumn, ...] = ()
    is_open: bool = True
    name: str = KIND

    def fit(self, inputs: TransferInputs, targets: Array, seed: int) -> "FittedAnchoredForest":
        """Learns from ``targets`` ``[n_rows]``. Raises ValueError if no column may be the anchor."""
        if not self.kin and not self.is_open:
            raise ValueError("no head of the substrate states this quantity in its unit")
        least = float(targets.min())
        bound = least if np.mean(targets == least) >= _SHARE_AT_BOUND else None
        columns = law_columns(inputs)
        conditions = ConditionColumns.fit(inputs)
        anchor = self._anchor(columns, inputs, targets, bound)
        for _ in range(_N_ROUNDS if conditions.scales else 0):
            law = anchor.on_line(anchor.column.read(inputs))
            trend = ConditionTrend.fit(conditions, inputs, targets - law)
            anchor = replace(self._anchor(columns, inputs, targets - trend(inputs), bound), trend=trend)
        start = anchor(inputs)
        rows = conditions.beside(_rows(inputs, columns), inputs)
        forest = ExtraTreesRegressor(
            _N_TREES, min_samples_leaf=_LEAF, max_features=_SHARE_OF_FEATURES, random_state=seed
        ).fit(rows, targets - start)
        share = len(targets) ** 2 / (len(targets) ** 2 + _N_HALF**2)
        trees = FittedForest.from_sklearn(forest, 1e-9, conditions)
        return FittedAnchoredForest(columns, anchor, trees, share, _stds(start, targets, bound))

    def _anchor(
        self, columns: Sequence[LawColumn], inputs: TransferInputs, targets: Array, bound: float | None
    ) -> "_Anchor":
        """On the column that is closest to the targets."""
        kin = [column for column in columns if column in self.kin]

        def distance(column: LawColumn) -> float:
            return _distance(column, column.read(inputs), targets, bound, is_kin=bool(kin))

        column = min(kin or columns, key=distance)
        return _Anchor.fit(column, column.read(inputs), targets, bound, is_kin=bool(kin))


@dataclass(frozen=True, slots=True, eq=False)
class _Anchor:
    """A line on one column and a trend in the conditions; it stays at the bound where the column is."""

    column: LawColumn
    line: Line
    bound: float | None
    trend: ConditionTrend = field(default_factory=ConditionTrend)

    @classmethod
    def fit(
        cls, column: LawColumn, values: Array, targets: Array, bound: float | None, *, is_kin: bool = False
    ) -> "_Anchor":
        rows = np.arange(len(targets)) if bound is None else np.flatnonzero(values > bound)
        line = robust_line(values[rows], targets[rows], is_kin=is_kin) if len(rows) > 1 else Line(1.0, 0.0)
        return cls(column, line, bound)

    def on_line(self, values: Array, added: Array | float = 0.0) -> Array:
        """Where values of the column lie on the line, ``[n_rows]``."""
        if self.bound is None:
            return self.line(values) + added
        return np.where(values <= self.bound, self.bound, np.maximum(self.line(values) + added, self.bound))

    def __call__(self, inputs: TransferInputs) -> Array:
        """Values of the line and the trend, ``[n_rows]``."""
        return self.on_line(self.column.read(inputs), self.trend(inputs))


@dataclass(frozen=True, slots=True, eq=False)
class FittedAnchoredForest:
    """A line and trees.

    Attributes:
        columns: What the trees read beside the descriptors.
        anchor: The line.
        forest: Trees on what it leaves.
        share: Weight of the trees.
        stds: Expected error where the anchor is at the bound, and elsewhere.
    """

    columns: tuple[LawColumn, ...]
    anchor: _Anchor
    forest: FittedForest
    share: float
    stds: tuple[float, float]

    def predict(self, inputs: TransferInputs) -> TransferPrediction:
        """The anchor and a share of the trees' median; errors as they were on rows at the bound and elsewhere."""
        return self.forest.columns.averaged(self._predict, inputs)

    def _predict(self, inputs: TransferInputs) -> TransferPrediction:
        start = self.anchor(inputs)
        by_tree = self.forest.by_tree(self.forest.columns.beside(_rows(inputs, self.columns), inputs))
        values = start + self.share * np.median(by_tree, axis=1)
        bound = self.anchor.bound
        if bound is not None:
            values = np.maximum(values, bound)
        at_bound = np.zeros(len(start), dtype=np.bool_) if bound is None else start <= bound
        own = np.where(at_bound, *self.stds)
        return TransferPrediction(values, np.hypot(own, self.share * by_tree.std(axis=1)))

    def state(self) -> StrategyState:
        """A few numbers, and the trees."""
        forest, trend = self.forest.state(), self.anchor.trend
        settings: dict[str, Any] = {
            "columns": [column.as_json() for column in self.columns],
            "anchor": [self.anchor.column.as_json(), self.anchor.line.slope, self.anchor.line.intercept],
            "bound": self.anchor.bound,
            "share": self.share,
            "stds": list(self.stds),
        }
        settings = {**forest.settings, **trend.settings(), **settings}
        return StrategyState(KIND, settings, {**forest.tensors, **trend.tensors()})

    @classmethod
    def restore(cls, state: StrategyState) -> "FittedAnchoredForest":
        """Rebuilds an equal predictor. Raises CheckpointError (INVALID_FOREST) where a tree is damaged."""
        settings = state.settings
        column, slope, intercept = settings["anchor"]
        bound = None if settings["bound"] is None else float(settings["bound"])
        trend = ConditionTrend.restore(settings, state.tensors)
        anchor = _Anchor(LawColumn.from_json(column), Line(float(slope), float(intercept)), bound, trend)
        low, high = settings["stds"]
        columns = tuple(LawColumn.from_json(entry) for entry in settings["columns"])
        return cls(columns, anchor, FittedForest.restore(state), float(settings["share"]), (float(low), float(high)))


def _distance(column: LawColumn, values: Array, targets: Array, bound: float | None, *, is_kin: bool) -> float:
    """Mean absolute error of a column as it stands, or of a line on it if it may state another quantity.

    A line through few labels is partly luck, and so is the best of many columns: a column as it stands comes before a
    line, and what follows from the tenant's own cheaper values before what is read of the structure alone.
    """
    floor = -np.inf if bound is None else bound
    error = float(np.abs(np.maximum(values, floor) - targets).mean())
    if not is_kin:
        fitted = float(np.abs(_Anchor.fit(column, values, targets, bound).on_line(values) - targets).mean())
        error = min(error, _PENALTY * fitted)
    return (_PREFERENCE if column.block.startswith(FILLED_PREFIX) else 1.0) * error


def _rows(inputs: TransferInputs, columns: Sequence[LawColumn]) -> Array:
    return np.column_stack([*(column.read(inputs) for column in columns), inputs.blocks[DESCRIPTORS]])


def _stds(start: Array, targets: Array, bound: float | None) -> tuple[float, float]:
    """Root mean square residuals of rows at the bound and of all others, each drawn towards that of all rows."""
    squares = (targets - start) ** 2
    least = 1e-3 * (float(np.std(targets)) or 1.0)
    overall = float(squares.mean())
    at_bound = np.zeros(len(start), dtype=np.bool_) if bound is None else start <= bound
    groups = (squares[at_bound], squares[~at_bound])
    low, high = (float(np.sqrt((group.sum() + _PRIOR_ROWS * overall) / (len(group) + _PRIOR_ROWS))) for group in groups)
    return max(low, least), max(high, least)
