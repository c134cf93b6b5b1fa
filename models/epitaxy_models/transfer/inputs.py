"""What is known of structures before any label: graphs for networks, blocks of features for everything else."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.graphs.graph import CrystalGraph
from epitaxy_models.structures.structure import Structure

# Names of blocks. Values of a lower fidelity that the caller knows are ``low_fidelity/<column>``, another substrate's
# features ``substrate/<name>``.
DESCRIPTORS, EMBEDDING, SUBSTRATE = "descriptors", "embedding", "substrate_predictions"
ESTIMATES = "textbook_estimates"
# Estimates of further fidelities by heads that are shipped with the substrate; old and foreign substrates have none.
FIDELITIES = "fidelity_estimates"
LOW_FIDELITY_PREFIX, PEER_PREFIX = "low_fidelity/", "peer/"
# What follows from a value of a lower fidelity, or from its model where it is unknown.
FILLED_PREFIX = "filled/"


@dataclass(frozen=True, eq=False)
class TransferInputs:
    """Inputs of ``n_rows`` structures, row by row.

    Attributes:
        structures: As read.
        graphs: Quotient graphs under the substrate's rule.
        blocks: Features by the name of their block, float64 ``[n_rows, width]``; all finite.
    """

    structures: tuple[Structure, ...]
    graphs: tuple[CrystalGraph, ...]
    blocks: Mapping[str, NDArray[np.float64]]

    def __post_init__(self) -> None:
        lengths = {len(self.graphs), *(len(block) for block in self.blocks.values())}
        if lengths - {len(self.structures)}:
            raise ValueError(f"blocks and graphs of {sorted(lengths)} rows for {len(self.structures)} structures")

    @property
    def n_rows(self) -> int:
        """Number of structures."""
        return len(self.structures)

    @cached_property
    def formulas(self) -> tuple[str, ...]:
        """Reduced formula of each structure: the group that no split may tear."""
        return tuple(structure.reduced_formula for structure in self.structures)

    def take(self, rows: NDArray[np.int64]) -> "TransferInputs":
        """The chosen rows, in that order."""
        return TransferInputs(
            tuple(self.structures[row] for row in rows),
            tuple(self.graphs[row] for row in rows),
            {name: block[rows] for name, block in self.blocks.items()},
        )
