"""What a law multiplies its parameters by, row by row, brought to one scale."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import ConfigurationError
from epitaxy_models.transfer.inputs import LOW_FIDELITY_PREFIX, TransferInputs, known_values
from epitaxy_models.transfer.physics.law import PhysicsLaw, require_determined
from epitaxy_models.transfer.strategies.block_kernel import Rows
from epitaxy_models.transfer.strategies.block_scaling import BlockScale
from epitaxy_models.transfer.strategies.law_terms import ALL

Array = NDArray[np.float64]


def conditions_of(law: PhysicsLaw, inputs: TransferInputs) -> Array:
    """What the law reads of each row, ``[n_rows]``: a condition or a column of known values; NaN where unknown.

    Raises ConfigurationError (NO_CONDITION) if the inputs have neither.
    """
    if not law.condition:
        return np.zeros(inputs.n_rows)
    if law.condition in inputs.conditions:
        return _numbers(law, inputs.conditions[law.condition])
    if f"{LOW_FIDELITY_PREFIX}{law.condition}" not in inputs.blocks:
        raise ConfigurationError(
            f"the law {law.name} reads {law.condition}, which is neither a condition nor a column of known values: "
            "name it with --condition or --low-fidelity",
            reason="NO_CONDITION",
        )
    return known_values(inputs, law.condition)


def _numbers(law: PhysicsLaw, values: NDArray[Any]) -> Array:
    if values.dtype != np.float64:
        raise ConfigurationError(
            f"the law {law.name} reads {law.condition} as a number, and it is a category", reason="NO_CONDITION"
        )
    return values


def basis_block(parameter: int) -> str:
    """Name of the rows' block that holds the basis of a parameter."""
    return f"basis/{parameter}"


@dataclass(frozen=True, slots=True, eq=False)
class LawBasis:
    """A basis whose columns, but for the level's, have mean 0 and spread 1 over the labels' conditions.

    At a reference inside the data level and slope are nearly independent, whereas a prefactor at infinite temperature
    and an activation energy compensate each other (Meyer & Neldel, Z. Tech. Phys. 18, 588 (1937)).

    Attributes:
        centres: Means, 0 for the level, ``[n_parameters]``.
        scales: Spreads, 1 for the level, ``[n_parameters]``.
    """

    centres: Array
    scales: Array

    @classmethod
    def fit(cls, law: PhysicsLaw, conditions: Array) -> "LawBasis":
        """From the conditions of the labels ``[n_rows]``. Raises ConfigurationError (LAW_UNDETERMINED)."""
        columns = law.basis(conditions)
        require_determined(law, columns)
        centres, scales = columns.mean(axis=0), columns.std(axis=0)
        centres[0], scales[0] = 0.0, 1.0
        return cls(centres, scales)

    def __call__(self, law: PhysicsLaw, conditions: Array) -> Array:
        """Centred columns, ``[n_rows, n_parameters]``."""
        return np.asarray((law.basis(conditions) - self.centres) / self.scales)

    @property
    def to_law(self) -> Array:
        """Matrix that turns centred parameters into the law's, ``[n_parameters, n_parameters]``."""
        matrix = np.diag(1 / self.scales)
        matrix[0, 1:] = -self.centres[1:] / self.scales[1:]
        return matrix


def scaled_rows(scales: Mapping[str, BlockScale], blocks: Mapping[str, Array], basis: Array) -> Rows:
    """Scaled rows by block; the law's bases ``[n_rows, n_parameters]`` beside them."""
    rows = {name: scale(blocks[name]) for name, scale in scales.items()}
    rows |= {basis_block(number): basis[:, [number]].astype(np.float32) for number in range(basis.shape[1])}
    return rows | {ALL: np.ones((len(basis), 1), dtype=np.float32)}
