"""Columns that a simple law may read: what the substrate, the cheaper fidelities and textbooks say of each crystal."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.transfer.inputs import (
    ESTIMATES,
    FIDELITIES,
    FILLED_PREFIX,
    LOW_FIDELITY_PREFIX,
    SUBSTRATE,
    TransferInputs,
)

Array = NDArray[np.float64]
_ALWAYS_KNOWN = (SUBSTRATE, FIDELITIES, ESTIMATES)
# The estimates hold logarithms of ratios; beyond this many decades a ratio is no longer a number to fit.
_MAX_DECADES = 12.0


@dataclass(frozen=True, slots=True)
class LawColumn:
    """One column of the inputs, or the ratio whose logarithm it is.

    Attributes:
        block: Block of the inputs.
        column: Place in it.
        is_ratio: Whether ten to the power of the column is meant: Penn's estimate is the logarithm of a ratio that
            falls with the square of the gap.
    """

    block: str
    column: int
    is_ratio: bool = False

    def read(self, inputs: TransferInputs) -> Array:
        """Its values, ``[n_rows]``; NaN where a value of a lower fidelity is not known."""
        block = inputs.blocks[self.block]
        values = block[:, self.column]
        if self.block.startswith(LOW_FIDELITY_PREFIX):
            return np.where(block[:, 1] > 0, values, np.nan)
        return np.power(10.0, np.clip(values, -_MAX_DECADES, _MAX_DECADES)) if self.is_ratio else values

    def as_json(self) -> list[Any]:
        """Plain containers, ready for ``json.dump``."""
        return [self.block, self.column, self.is_ratio]

    @classmethod
    def from_json(cls, record: list[Any]) -> "LawColumn":
        """Rebuilds the column. Raises ValueError or TypeError if the record is none."""
        block, column, is_ratio = record
        return cls(str(block), int(column), bool(is_ratio))


def law_columns(inputs: TransferInputs) -> tuple[LawColumn, ...]:
    """Columns known of every row, in a fixed order."""
    return tuple(_columns(inputs))


def known_columns(inputs: TransferInputs) -> tuple[LawColumn, ...]:
    """Values of lower fidelities that the tenant gave."""
    return tuple(LawColumn(name, 0) for name in sorted(inputs.blocks) if name.startswith(LOW_FIDELITY_PREFIX))


def _columns(inputs: TransferInputs) -> Iterator[LawColumn]:
    for name in (*_ALWAYS_KNOWN, *sorted(name for name in inputs.blocks if name.startswith(FILLED_PREFIX))):
        width = inputs.blocks[name].shape[1] if name in inputs.blocks else 0
        yield from (LawColumn(name, column) for column in range(width))
    if ESTIMATES in inputs.blocks and inputs.blocks[ESTIMATES].shape[1] > 1:
        yield LawColumn(ESTIMATES, 1, is_ratio=True)
