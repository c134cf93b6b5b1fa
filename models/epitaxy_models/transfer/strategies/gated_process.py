"""A gate, a line and a process on the rest: for labels of which many sit exactly at a bound, as gaps of metals do."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from epitaxy_models.transfer.inputs import TransferInputs, without_conditions
from epitaxy_models.transfer.strategies.block_gp import BlockGP, FittedBlockGP
from epitaxy_models.transfer.strategies.bound import Bound
from epitaxy_models.transfer.strategies.gate import Gate
from epitaxy_models.transfer.strategies.substrate_line import FittedLine, SubstrateLine
from epitaxy_models.transfer.strategy import StrategyState, TransferPrediction

Array = NDArray[np.float64]
KIND = "gated_process"
_GATE, _PROCESS = "gate", "process"
# Labels off the bound from which on they have a law of their own, and a process that corrects it.
_N_OWN_MIN = 16


@dataclass(frozen=True)
class GatedProcess:
    """The law where it holds, corrected by a process where labels say so, behind a gate where labels pile up.

    Without a mass at a bound there is no gate: the line and the process on what it leaves remain.

    Attributes:
        line: The law.
        process: Learns what the line leaves, without features of other substrates.
        name: Name of the strategy.
    """

    line: SubstrateLine = field(default_factory=SubstrateLine)
    process: BlockGP = field(default_factory=lambda: BlockGP(without_peers=True))
    name: str = KIND

    def fit(self, inputs: TransferInputs, targets: Array, seed: int) -> "FittedGatedProcess":
        """Learns from ``targets`` ``[n_rows]``. Raises ValueError if the inputs have no column that a law may read."""
        bound = Bound.find(targets)
        gate = self._gate(bound, inputs, targets, seed) if bound else None
        rows = np.flatnonzero(targets != bound.value) if bound else np.arange(len(targets))
        rest, values = inputs.take(rows), targets[rows]
        if gate and len(rows) < _N_OWN_MIN:
            return FittedGatedProcess(gate, gate.law, None)
        # What conditions do is the process's: it knows crystals under which they do another thing.
        line = self.line.fit(without_conditions(rest), values, seed)
        left = values - line.predict(rest).values
        process = self.process.fit(rest, left, seed) if np.ptp(left) > 0 else None
        return FittedGatedProcess(gate, line, process)

    def _gate(self, bound: Bound, inputs: TransferInputs, targets: Array, seed: int) -> Gate:
        # What labels are known to err by says nothing of classes.
        return Gate.fit(bound, replace(self.process, noise_std=0.0), self.line, inputs, targets, seed)


@dataclass(frozen=True, slots=True, eq=False)
class FittedGatedProcess:
    """A mixture of the bound and what a line and a process say of the rest.

    Attributes:
        gate: None where no labels pile up.
        line: The law of the rest.
        process: What corrects it; None where labels off the bound were few, or lie on the line.
    """

    gate: Gate | None
    line: FittedLine
    process: FittedBlockGP | None

    def predict(self, inputs: TransferInputs) -> TransferPrediction:
        """Medians of the mixture, which have the least expected absolute error, and its deviation about them."""
        rest = self._rest(inputs)
        if self.gate is None:
            return rest
        bound, at_bound = self.gate.bound, self.gate.probabilities(inputs)
        medians = _medians(bound, at_bound, rest)
        off = (1 - at_bound) * (rest.stds**2 + (rest.values - medians) ** 2)
        return TransferPrediction(medians, np.sqrt(off + at_bound * (bound.value - medians) ** 2))

    def _rest(self, inputs: TransferInputs) -> TransferPrediction:
        law = self.line.predict(inputs)
        if self.process is None:
            return law
        left = self.process.predict(inputs)
        return TransferPrediction(law.values + left.values, left.stds)

    def block_weights(self) -> dict[str, float]:
        """Share of each block in what the process adds to the line."""
        return self.process.block_weights() if self.process else {}

    def state(self) -> StrategyState:
        """Settings and tensors of the parts under their names."""
        settings: dict[str, Any] = {"laws": self.line.state().settings["laws"], "bound": None}
        tensors: dict[str, NDArray[Any]] = {}
        if self.gate is not None:
            gate = self.gate
            settings["bound"] = [gate.bound.value, gate.bound.is_lower]
            settings["curve"] = [gate.law.state().settings["laws"], gate.slope, gate.intercept]
        for name, process in self._processes().items():
            state = process.state()
            settings[name] = state.settings
            tensors |= {f"{name}.{key}": array for key, array in state.tensors.items()}
        return StrategyState(KIND, settings, tensors)

    def _processes(self) -> dict[str, FittedBlockGP]:
        found = {_GATE: self.gate.process if self.gate else None, _PROCESS: self.process}
        return {name: process for name, process in found.items() if process is not None}

    @classmethod
    def restore(cls, state: StrategyState) -> "FittedGatedProcess":
        """Rebuilds an equal predictor."""
        line = FittedLine.restore(StrategyState("", {"laws": state.settings["laws"]}, {}))
        processes = {name: _restored(name, state) for name in (_GATE, _PROCESS) if name in state.settings}
        gate = None
        if state.settings["bound"] is not None:
            value, is_lower = state.settings["bound"]
            laws, slope, intercept = state.settings["curve"]
            law = FittedLine.restore(StrategyState("", {"laws": laws}, {}))
            gate = Gate(Bound(float(value), bool(is_lower)), processes[_GATE], law, float(slope), float(intercept))
        return cls(gate, line, processes.get(_PROCESS))


def _restored(name: str, state: StrategyState) -> FittedBlockGP:
    start = f"{name}."
    tensors = {key.removeprefix(start): array for key, array in state.tensors.items() if key.startswith(start)}
    return FittedBlockGP.restore(StrategyState("", state.settings[name], tensors))


def _medians(bound: Bound, at_bound: Array, rest: TransferPrediction) -> Array:
    """Of a mass at the bound and a normal distribution that stays on its side of it."""
    off = np.maximum(1 - at_bound, 1e-12)
    level = (0.5 - at_bound) / off if bound.is_lower else 0.5 / off
    is_off = at_bound < 0.5
    values = rest.values + rest.stds * ndtri(np.where(is_off, np.clip(level, 1e-9, 1 - 1e-9), 0.5))
    values = np.maximum(values, bound.value) if bound.is_lower else np.minimum(values, bound.value)
    return np.where(is_off, values, bound.value)
