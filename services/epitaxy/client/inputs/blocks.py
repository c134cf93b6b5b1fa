"""Crystals of a table as flat arrays: what goes into a packed block without an object for each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from epitaxy.client.inputs.item import Cell, InputItem


@dataclass(frozen=True, slots=True, eq=False)
class CellBlock:
    """Consecutive rows of a table.

    Attributes:
        ids: The rows' own ids.
        ends: Where the sites of each crystal end, int64, shape ``[n_structures]``.
        lattices: Row vectors in Angstrom, float64, shape ``[n_structures, 9]``.
        atomic_numbers: uint8, shape ``[n_sites_total]``.
        frac_coords: Fractional coordinates, float64, shape ``[n_sites_total, 3]``.
    """

    ids: Sequence[str] = field(repr=False)
    ends: NDArray[np.int64]
    lattices: NDArray[np.float64]
    atomic_numbers: NDArray[np.uint8]
    frac_coords: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def n_sites(self) -> NDArray[np.int64]:
        """Number of sites of each crystal."""
        return np.diff(self.ends, prepend=0)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Bytes of each crystal on the wire."""
        return 72 + 25 * self.n_sites

    def cut(self, start: int, end: int) -> "CellBlock":
        """Some of the rows."""
        first = int(self.ends[start - 1]) if start else 0
        last = int(self.ends[end - 1]) if end else 0
        return CellBlock(
            self.ids[start:end],
            self.ends[start:end] - first,
            self.lattices[start:end],
            self.atomic_numbers[first:last],
            self.frac_coords[first:last],
        )

    def cell(self, row: int) -> Cell:
        """One crystal."""
        start, end = int(self.ends[row - 1]) if row else 0, int(self.ends[row])
        lattice = self.lattices[row].reshape(3, 3)
        return Cell(lattice, self.atomic_numbers[start:end], self.frac_coords[start:end])


@dataclass(frozen=True, slots=True, eq=False)
class InputBlock:
    """Consecutive crystals of a screening.

    Attributes:
        cells: The crystals.
        start: Position of the first in the input.
    """

    cells: CellBlock
    start: int

    def __len__(self) -> int:
        return len(self.cells)

    @property
    def indices(self) -> NDArray[np.int64]:
        """Positions in the input."""
        return np.arange(self.start, self.start + len(self), dtype=np.int64)

    def cut(self, start: int, end: int) -> "InputBlock":
        """Some of the rows."""
        return InputBlock(self.cells.cut(start, end), self.start + start)

    def items(self) -> Iterator[InputItem]:
        """One object for each crystal."""
        for row, item_id in enumerate(self.cells.ids):
            yield InputItem(item_id, self.start + row, self.cells.cell(row))
