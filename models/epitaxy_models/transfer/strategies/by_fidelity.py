"""Two models in one: for rows whose cheaper value is known, and for all others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.transfer import strategies
from epitaxy_models.transfer.fidelities.filling import Filling, is_known, without_columns
from epitaxy_models.transfer.inputs import TransferInputs
from epitaxy_models.transfer.strategy import FittedStrategy, StrategyState, TransferPrediction, TransferStrategy

Array = NDArray[np.float64]
KIND, NETWORK_KIND = "by_fidelity", "network_by_fidelity"
_KNOWN, _UNKNOWN = "known", "unknown"
Shares = Sequence[tuple[float, StrategyState]]


@dataclass(frozen=True, slots=True)
class CellScale:
    """Factors on expected errors, by what is known before a measurement.

    Attributes:
        edge: Values up to it count as lying at the bound, such as those of predicted metals; None if there is no bound.
        factors: Of known rows off and at the bound, then of unknown rows off and at it.
    """

    edge: float | None
    factors: tuple[float, float, float, float]

    def cells(self, values: Array, known: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Cell of each row, 0 to 3, ``[n_rows]``."""
        at_bound = np.zeros(len(values), dtype=np.bool_) if self.edge is None else values <= self.edge
        of_state: NDArray[np.int64] = np.where(known, 0, 2).astype(np.int64)
        return of_state + at_bound.astype(np.int64)

    def __call__(self, prediction: TransferPrediction, known: NDArray[np.bool_]) -> TransferPrediction:
        """The prediction with scaled errors."""
        factors = np.array(self.factors)[self.cells(prediction.values, known)]
        return TransferPrediction(prediction.values, prediction.stds * factors)


@dataclass(frozen=True, slots=True, eq=False)
class FittedByFidelity:
    """What a model serves that was fitted with columns of cheaper values.

    Attributes:
        filling: Models of the cheaper values.
        known: Strategies, with their shares, for rows of which a cheaper value is known.
        unknown: Those for all others; they never saw one.
        scale: Factors on their expected errors.
        is_network: Whether one of them brings a backbone of its own.
    """

    filling: Filling
    known: tuple[tuple[float, FittedStrategy], ...]
    unknown: tuple[tuple[float, FittedStrategy], ...]
    scale: CellScale
    is_network: bool = False

    def predict(self, inputs: TransferInputs) -> TransferPrediction:
        """Each row by the model of its state."""
        known = is_known(inputs)
        values, stds = np.empty(inputs.n_rows), np.empty(inputs.n_rows)
        rows = np.flatnonzero(known)
        if len(rows):
            _answer(self.known, self.filling.fill(inputs.take(rows)), rows, values, stds)
        rows = np.flatnonzero(~known)
        if len(rows):
            _answer(self.unknown, without_columns(inputs.take(rows)), rows, values, stds)
        return self.scale(TransferPrediction(values, stds), known)

    def state(self) -> StrategyState:
        """States of all parts under their names."""
        sides = {_KNOWN: self.known, _UNKNOWN: self.unknown}
        states = {side: [(share, fitted.state()) for share, fitted in parts] for side, parts in sides.items()}
        return joined_state(self.filling, states[_KNOWN], states[_UNKNOWN], self.scale)

    @classmethod
    def restore(cls, state: StrategyState) -> "FittedByFidelity":
        """Rebuilds an equal predictor. Raises KeyError or ValueError if the state is incomplete."""
        settings, tensors = state.settings, state.tensors
        edge, factors = settings["edge"], [float(factor) for factor in settings["factors"]]
        if len(factors) != 4 or not all(np.isfinite(factor) and factor > 0 for factor in factors):
            raise ValueError(f"factors {factors!r:.80} are not four positive numbers")
        scale = CellScale(None if edge is None else float(edge), (factors[0], factors[1], factors[2], factors[3]))
        filling = Filling.restore(settings["filling"], tensors)
        known, unknown = (_restored(side, settings[side], tensors) for side in (_KNOWN, _UNKNOWN))
        return cls(filling, known, unknown, scale, state.kind == NETWORK_KIND)


@dataclass(frozen=True)
class Hiding:
    """A strategy that is fitted while some cheaper values are hidden, so that it can do with any of them.

    Attributes:
        strategy: The strategy.
        filling: Models of the cheaper values, which stand for those that are hidden.
        share: Share of the known values of each column that is hidden.
    """

    strategy: TransferStrategy
    filling: Filling
    share: float = 0.25

    @property
    def name(self) -> str:
        """Of the strategy."""
        return self.strategy.name

    def fit(self, inputs: TransferInputs, targets: Array, seed: int) -> FittedStrategy:
        """Learns from ``targets`` ``[n_rows]``; the last known value of a row is never hidden."""
        hidden = self.filling.hide(inputs, self.share, np.random.default_rng(seed))
        return self.strategy.fit(self.filling.fill(hidden), targets, seed)


def joined_state(filling: Filling, known: Shares, unknown: Shares, scale: CellScale) -> StrategyState:
    """State of a ``FittedByFidelity`` from those of its parts."""
    settings: dict[str, Any] = {"filling": filling.settings(), "edge": scale.edge, "factors": list(scale.factors)}
    tensors = filling.tensors()
    is_network = False
    for side, parts in ((_KNOWN, known), (_UNKNOWN, unknown)):
        settings[side] = [{"share": share, "kind": s.kind, "settings": dict(s.settings)} for share, s in parts]
        for number, (_, state) in enumerate(parts):
            tensors |= {f"{side}.{number}.{name}": array for name, array in state.tensors.items()}
            is_network = is_network or state.kind.startswith("network")
    return StrategyState(NETWORK_KIND if is_network else KIND, settings, tensors)


def _restored(
    side: str, listed: Sequence[Mapping[str, Any]], tensors: Mapping[str, NDArray[Any]]
) -> tuple[tuple[float, FittedStrategy], ...]:
    parts = []
    for number, entry in enumerate(listed):
        prefix = f"{side}.{number}."
        own = {name.removeprefix(prefix): array for name, array in tensors.items() if name.startswith(prefix)}
        parts.append((float(entry["share"]), strategies.restore(StrategyState(entry["kind"], entry["settings"], own))))
    if not parts:
        raise ValueError(f"there is no model for rows whose cheaper value is {side}")
    return tuple(parts)


def _answer(
    parts: Sequence[tuple[float, FittedStrategy]],
    inputs: TransferInputs,
    rows: NDArray[np.int64],
    values: Array,
    stds: Array,
) -> None:
    """Writes the weighted mean of the parts; they err together, so that expected errors are averaged."""
    found = [(share, fitted.predict(inputs)) for share, fitted in parts]
    values[rows] = np.sum([share * prediction.values for share, prediction in found], axis=0)
    stds[rows] = np.sum([share * prediction.stds for share, prediction in found], axis=0)
