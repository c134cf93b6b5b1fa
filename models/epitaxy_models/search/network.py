"""The student's network in NumPy: elements are looked up, all else is matrix products; one thread, no torch."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.compiled import compiled, read_only
from epitaxy_models.search.columns import CandidateColumns
from epitaxy_models.search.features import features

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class StudentNetwork:
    """Weights of ``n_members`` networks of one width; what they say is averaged. All float32.

    Attributes:
        elements: Weights of an element's share, of its root, and of its presence,
            ``[n_members, 3, n_numbers, width]``.
        inputs: Weights of the standardized features, ``[n_members, n_features, width]``.
        input_bias: ``[n_members, width]``.
        hidden: Two layers with shortcuts around them, ``[n_members, 2, width, width]``.
        hidden_bias: ``[n_members, 2, width]``.
        outputs: Values and logarithms of scales, ``[n_members, width, 2 * n_quantities]``.
        output_bias: ``[n_members, 2 * n_quantities]``.
        feature_mean: ``[n_features]``.
        feature_std: ``[n_features]``.
    """

    elements: Array
    inputs: Array
    input_bias: Array
    hidden: Array
    hidden_bias: Array
    outputs: Array
    output_bias: Array
    feature_mean: Array
    feature_std: Array

    @property
    def n_outputs(self) -> int:
        """Values and scales together."""
        return int(self.outputs.shape[-1])

    def __call__(self, columns: CandidateColumns) -> Array:
        """Values and logarithms of scales, standardized, ``[n, 2 * n_quantities]``."""
        states = self.states(columns)
        said = [state @ outputs for state, outputs in zip(states, self.outputs, strict=True)]
        return np.asarray(np.mean(said, axis=0) + self.output_bias.mean(axis=0), dtype=np.float32)

    def states(self, columns: CandidateColumns) -> list[Array]:
        """What the members know of candidates before the last layer, ``[n, width]`` each."""
        standard = (features(columns) - self.feature_mean) / self.feature_std
        np.clip(standard, -8, 8, out=standard)
        return [self._state(member, columns, standard) for member in range(len(self.elements))]

    def _state(self, member: int, columns: CandidateColumns, standard: Array) -> Array:
        state = standard @ self.inputs[member] + self.input_bias[member]
        _add_elements(
            read_only(columns.atomic_numbers),
            read_only(columns.shares),
            read_only(columns.offsets),
            read_only(self.elements[member]),
            state,
        )
        np.maximum(state, 0, out=state)
        for layer in range(self.hidden.shape[1]):
            inner = state @ self.hidden[member, layer]
            inner += self.hidden_bias[member, layer]
            state += np.maximum(inner, 0, out=inner)
        return np.asarray(state)

    def tensors(self) -> dict[str, Array]:
        """All weights by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@compiled(fastmath=True)
def _add_elements(
    numbers: NDArray[np.uint8], shares: Array, offsets: NDArray[np.int64], weights: Array, state: Array
) -> None:
    """Adds to ``state`` ``[n, width]`` what the elements of each candidate weigh."""
    width = state.shape[1]
    for row in range(len(state)):
        for entry in range(offsets[row], offsets[row + 1]):
            share, number = shares[entry], numbers[entry]
            root = np.sqrt(share)
            for k in range(width):
                state[row, k] += share * weights[0, number, k] + root * weights[1, number, k] + weights[2, number, k]
