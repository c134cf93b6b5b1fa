"""Intervals by group: what is known of a structure before any measurement decides how much wider its interval is.

Three things are known: the number of elements, the domain score, and whether the model takes the structure for a metal.
A cell is one combination of their levels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import ConfigurationError

# One level for each number of elements; the last one holds for all that have more.
N_ELEMENT_LEVELS = 5
# Upper ends of the bands of the domain score, but for the last one.
BAND_EDGES = (0.5, 0.8, 0.9, 0.95)
N_BANDS = len(BAND_EDGES) + 1
# eV. A crystal of a smaller predicted gap is taken for a metal.
METAL_BELOW = 0.05
N_CELLS = N_ELEMENT_LEVELS * N_BANDS * 2
# Fewer structures than this cannot give a 95 % interval: the largest of n residuals covers n / (n + 1).
MIN_SUPPORT = 19


def cells_of(
    n_elements: NDArray[np.int64], domain_scores: NDArray[np.float64], are_metals: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Cell of each structure, 0 to ``N_CELLS - 1``, ``[n]``; all arrays of shape ``[n]``."""
    elements = np.clip(n_elements, 1, N_ELEMENT_LEVELS) - 1
    bands = np.searchsorted(BAND_EDGES, domain_scores, side="right")
    return np.asarray((elements * N_BANDS + bands) * 2 + are_metals, dtype=np.int64)


def levels_of(cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """Levels of the number of elements, of the domain score and of metals that make a cell, ``[n, 3]``."""
    rest, are_metals = np.divmod(cells, 2)
    elements, bands = np.divmod(rest, N_BANDS)
    return np.stack([elements, bands, are_metals], axis=1)


@dataclass(frozen=True)
class GroupMultipliers:
    """Multipliers of a structure's difficulty by cell and nominal coverage.

    Attributes:
        coverages: Nominal coverages at which multipliers are kept, ascending; interpolated between them.
        log_multipliers: Their natural logarithms, ``[N_CELLS][n_coverages]``; ascending in each cell.
        support: Calibration structures in the smallest of the three groups that a cell belongs to, ``[N_CELLS]``.
    """

    coverages: tuple[float, ...]
    log_multipliers: tuple[tuple[float, ...], ...]
    support: tuple[int, ...]

    def __post_init__(self) -> None:
        shape = (N_CELLS, len(self.coverages))
        # Ragged rows make no array of numbers.
        found = [len(row) for row in self.log_multipliers]
        is_table = found == [shape[1]] * shape[0] and bool(np.isfinite(self.log_multipliers).all())
        is_table = is_table and len(self.support) == N_CELLS and bool(np.all(np.diff(self.coverages) > 0))
        if not (is_table and bool(np.all(np.diff(self.log_multipliers, axis=1) >= 0))):
            raise ConfigurationError(
                f"multipliers of groups must be finite and ascend, {N_CELLS} cells, one for each ascending coverage",
                reason="INVALID_CALIBRATION",
            )

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "GroupMultipliers":
        """From the plain containers of ``asdict``."""
        rows = tuple(tuple(row) for row in record["log_multipliers"])
        return cls(tuple(record["coverages"]), rows, tuple(record["support"]))

    def at(self, cells: NDArray[np.int64], coverage: float) -> NDArray[np.float64]:
        """Half-width of each structure over its difficulty at one nominal coverage, ``[n]``."""
        table = self._table
        place = np.interp(coverage, self.coverages, np.arange(len(self.coverages)))
        left = int(place)
        right = min(left + 1, len(self.coverages) - 1)
        column = table[:, left] + (table[:, right] - table[:, left]) * (place - left)
        return np.asarray(np.exp(column)[cells])

    def are_supported(self, cells: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether every group of a structure held enough calibration structures for a 95 % interval, ``[n]``."""
        return np.asarray(self._supported[cells])

    @cached_property
    def _table(self) -> NDArray[np.float64]:
        return np.asarray(self.log_multipliers, dtype=np.float64)

    @cached_property
    def _supported(self) -> NDArray[np.bool_]:
        return np.asarray(self.support) >= MIN_SUPPORT
