"""Conditions for strategies that read one matrix: their columns, and answers where one is unknown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.transfer.inputs import TransferInputs
from epitaxy_models.transfer.strategies.block_scaling import BlockScale
from epitaxy_models.transfer.strategy import TransferPrediction

Array = NDArray[np.float64]
Predict = Callable[[TransferInputs], TransferPrediction]
_SETTING = "conditions"
# Values that an unknown condition may have: enough for the mean and the spread of what they do.
_N_GUESSES = 12


@dataclass(frozen=True, slots=True)
class ConditionColumns:
    """Scaled conditions side by side.

    Attributes:
        scales: Scale of each block, in the order of the columns; empty where there are no conditions.
        guesses: Rows of each block that stand for an unknown one, as often as the labels have them,
            ``[n_guesses, width]``.
    """

    scales: Mapping[str, BlockScale] = field(default_factory=dict)
    guesses: Mapping[str, Array] = field(default_factory=dict)

    @classmethod
    def fit(cls, inputs: TransferInputs) -> "ConditionColumns":
        """Learns from training rows."""
        blocks = {name: inputs.blocks[name] for name in inputs.condition_blocks}
        guesses = {name: _guesses(block, seed) for seed, (name, block) in enumerate(blocks.items())}
        return cls({name: BlockScale.of_condition(block) for name, block in blocks.items()}, guesses)

    def beside(self, block: NDArray[Any], inputs: TransferInputs) -> NDArray[Any]:
        """Columns of a block, then those of the conditions, ``[n_rows, width]``; the block itself if there are none."""
        if not self.scales:
            return block
        return np.column_stack([block, *(scale(inputs.blocks[name]) for name, scale in self.scales.items())])

    def averaged(self, predict: Predict, inputs: TransferInputs) -> TransferPrediction:
        """Answers of ``predict``; where a condition is unknown, over all that it may be.

        The value is the mean; the expected error is the largest, and the spread of the values besides: it is no smaller
        than under any condition.
        """
        own = predict(inputs)
        unknown = [inputs.blocks[name][:, -1] == 0 for name in self.scales]
        rows = np.flatnonzero(np.any(unknown, axis=0)) if unknown else np.zeros(0, dtype=np.int64)
        if not len(rows):
            return own
        some = inputs.take(rows)
        answers = [predict(self._guessed(some, number)) for number in range(_N_GUESSES)]
        guessed = np.stack([answer.values for answer in answers])
        squares = np.max([answer.stds**2 for answer in answers], axis=0) + guessed.var(axis=0)
        values, stds = own.values.copy(), own.stds.copy()
        values[rows], stds[rows] = guessed.mean(axis=0), np.sqrt(squares)
        return TransferPrediction(values, stds)

    def _guessed(self, inputs: TransferInputs, number: int) -> TransferInputs:
        """The same rows with one guess of what is unknown."""
        blocks = dict(inputs.blocks)
        for name, guesses in self.guesses.items():
            is_known = inputs.blocks[name][:, -1:] > 0
            blocks[name] = np.where(is_known, inputs.blocks[name], guesses[number % len(guesses)])
        return replace(inputs, blocks=blocks)

    def settings(self) -> dict[str, Any]:
        """For a strategy's state; nothing where there are no conditions."""
        return {_SETTING: list(self.scales)} if self.scales else {}

    def tensors(self) -> dict[str, NDArray[Any]]:
        """For a strategy's state."""
        tensors: dict[str, NDArray[Any]] = {}
        for name, scale in self.scales.items():
            tensors[f"guesses.{name}"] = self.guesses[name]
            tensors |= {f"centre.{name}": scale.centre, f"factor.{name}": scale.factor}
        return tensors

    @classmethod
    def restore(cls, settings: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> "ConditionColumns":
        """Rebuilds equal columns."""
        names = [str(name) for name in settings.get(_SETTING, ())]
        return cls(
            {name: BlockScale(tensors[f"centre.{name}"], tensors[f"factor.{name}"], has_gaps=True) for name in names},
            {name: tensors[f"guesses.{name}"] for name in names},
        )


def _guesses(block: Array, seed: int) -> Array:
    """Quantiles of the known rows, in an order of their own, so that two conditions are guessed independently."""
    known = block[block[:, -1] > 0]
    if not len(known):
        return np.zeros((1, block.shape[1]))
    ordered = known[np.lexsort(known.T)]
    places = ((np.arange(_N_GUESSES) + 0.5) / _N_GUESSES * len(ordered)).astype(np.int64)
    return np.asarray(ordered[np.random.default_rng(seed).permutation(places)], dtype=np.float64)
