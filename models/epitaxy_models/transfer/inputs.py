"""What is known of structures before any label: graphs for networks, blocks of features for everything else."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.structures.structure import Structure
from epitaxy_models.transfer.conditions.blocks import CONDITION_PREFIX
from epitaxy_models.transfer.conditions.condition import Values

# Names of blocks. Values of a lower fidelity that the caller knows are ``low_fidelity/<column>``, another substrate's
# features ``substrate/<name>``, conditions ``condition/<name>``.
DESCRIPTORS, EMBEDDING, SUBSTRATE = "descriptors", "embedding", "substrate_predictions"
ESTIMATES = "textbook_estimates"
# Counts of fragments of a molecule, and what the crystal substrate says of cells of a composition's pairs of elements.
COUNTS, PAIRS = "fragment_counts", "pair_cells"
# Shares of elements in a composition, and their logarithms.
FRACTIONS, TRACES = "element_fractions", "log_element_fractions"
# Estimates of further fidelities by heads that are shipped with the substrate; old and foreign substrates have none.
FIDELITIES = "fidelity_estimates"
LOW_FIDELITY_PREFIX, PEER_PREFIX = "low_fidelity/", "peer/"
# What follows from a value of a lower fidelity, or from its model where it is unknown.
FILLED_PREFIX = "filled/"


Block = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TransferInputs:
    """Inputs of ``n_rows`` structures, row by row.

    Attributes:
        structures: As read.
        graphs: Quotient graphs under the substrate's rule; empty for materials that no network reads.
        blocks: Features by the name of their block, float64 ``[n_rows, width]``; all finite.
        conditions: Raw values of conditions by name, ``[n_rows]``: float64 with NaN where unknown, or texts and None.
        sides: Of training rows whose labels are bounds, as in ``labels.censoring``, int8 ``[n_rows]``; None where all
            labels are values. No prediction reads them.
    """

    structures: tuple[Structure, ...]
    graphs: tuple[CrystalGraph, ...]
    blocks: Mapping[str, NDArray[np.float64]]
    conditions: Mapping[str, Values] = field(default_factory=dict)
    sides: NDArray[np.int8] | None = None

    def __post_init__(self) -> None:
        columns = (*self.blocks.values(), *self.conditions.values(), *([] if self.sides is None else [self.sides]))
        lengths = {len(self.graphs) or len(self.structures), *(len(column) for column in columns)}
        if lengths - {len(self.structures)}:
            raise ValueError(f"blocks and graphs of {sorted(lengths)} rows for {len(self.structures)} structures")

    @property
    def n_rows(self) -> int:
        """Number of structures."""
        return len(self.structures)

    @property
    def condition_blocks(self) -> tuple[str, ...]:
        """Names of the blocks of conditions, sorted."""
        return tuple(sorted(name for name in self.blocks if name.startswith(CONDITION_PREFIX)))

    @cached_property
    def formulas(self) -> tuple[str, ...]:
        """Reduced formula of each structure: the group that no split may tear."""
        return tuple(structure.reduced_formula for structure in self.structures)

    def with_sides(self, sides: NDArray[np.int8]) -> "TransferInputs":
        """The same rows, of whose labels some are bounds."""
        return replace(self, sides=sides)

    def take(self, rows: NDArray[np.int64]) -> "TransferInputs":
        """The chosen rows, in that order."""
        return TransferInputs(
            tuple(self.structures[row] for row in rows),
            tuple(self.graphs[row] for row in rows) if self.graphs else (),
            {name: block[rows] for name, block in self.blocks.items()},
            {name: values[rows] for name, values in self.conditions.items()},
            None if self.sides is None else self.sides[rows],
        )


def without_conditions(inputs: TransferInputs) -> TransferInputs:
    """The same inputs as a strategy reads them that knows of crystals alone."""
    hidden = set(inputs.condition_blocks)
    return replace(inputs, blocks={name: block for name, block in inputs.blocks.items() if name not in hidden})


def known_values(inputs: TransferInputs, column: str) -> NDArray[np.float64]:
    """Values of a lower fidelity that the caller knows, ``[n_rows]``, NaN where unknown. Raises KeyError."""
    block = inputs.blocks[f"{LOW_FIDELITY_PREFIX}{column}"]
    return np.where(block[:, 1] > 0, block[:, 0], np.nan)
