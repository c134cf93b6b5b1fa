"""Conditions for strategies that read one matrix: their columns, and the error that an unknown one adds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.transfer.inputs import TransferInputs
from epitaxy_models.transfer.strategies.block_scaling import BlockScale

Array = NDArray[np.float64]
_SETTING = "conditions"


@dataclass(frozen=True, slots=True)
class ConditionColumns:
    """Scaled conditions side by side; an unknown number is the mean of the labels, an unknown category none.

    Attributes:
        scales: Scale of each block, in the order of the columns; empty where there are no conditions.
        stds: Expected error that an unknown condition adds, by block, on the scale of the fit.
    """

    scales: Mapping[str, BlockScale] = field(default_factory=dict)
    stds: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def fit(cls, inputs: TransferInputs) -> "ConditionColumns":
        """Learns the scales from training rows."""
        return cls({name: BlockScale.of_condition(inputs.blocks[name]) for name in inputs.condition_blocks})

    def beside(self, block: NDArray[Any], inputs: TransferInputs) -> NDArray[Any]:
        """Columns of a block, then those of the conditions, ``[n_rows, width]``; the block itself if there are none."""
        if not self.scales:
            return block
        return np.column_stack([block, *(scale(inputs.blocks[name]) for name, scale in self.scales.items())])

    def measured(self, predict: Callable[[TransferInputs], Array], inputs: TransferInputs) -> "ConditionColumns":
        """With the errors of ``predict`` on training rows that an unknown condition adds: what it changes of values."""
        values = predict(inputs) if self.scales else np.zeros(0)
        stds = {}
        for name in self.scales:
            is_known = inputs.blocks[name][:, -1] > 0
            changes = (predict(_without(inputs, name)) - values)[is_known]
            stds[name] = float(np.sqrt(np.mean(changes**2)))
        return replace(self, stds=stds)

    def widened(self, stds: Array, inputs: TransferInputs) -> Array:
        """Expected errors ``[n_rows]`` with those of unknown conditions."""
        for name, std in self.stds.items():
            stds = np.where(inputs.blocks[name][:, -1] > 0, stds, np.hypot(stds, std))
        return stds

    def settings(self) -> dict[str, Any]:
        """For a strategy's state; nothing where there are no conditions."""
        return {_SETTING: [[name, self.stds[name]] for name in self.scales]} if self.scales else {}

    def tensors(self) -> dict[str, NDArray[Any]]:
        """For a strategy's state."""
        return {
            f"{part}.{name}": getattr(scale, part)
            for name, scale in self.scales.items()
            for part in ("centre", "factor")
        }

    @classmethod
    def restore(cls, settings: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> "ConditionColumns":
        """Rebuilds equal columns."""
        stds = {str(name): float(std) for name, std in settings.get(_SETTING, ())}
        return cls(
            {name: BlockScale(tensors[f"centre.{name}"], tensors[f"factor.{name}"], has_gaps=True) for name in stds},
            stds,
        )


def _without(inputs: TransferInputs, name: str) -> TransferInputs:
    """The same rows where one condition is unknown."""
    return replace(inputs, blocks={**inputs.blocks, name: np.zeros_like(inputs.blocks[name])})
