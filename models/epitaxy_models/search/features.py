"""What a student sees of a candidate: statistics of elemental properties, and how densely its atoms are packed."""

import math

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.compiled import compiled, read_only
from epitaxy_models.search.columns import CandidateColumns
from epitaxy_models.structures.element_table import ELEMENT_PROPERTIES, ELEMENT_TABLE

STATISTICS = ("mean", "std", "min", "max")
N_PACKING = 6
"""Features of volume and size; all of them 0 where either is unknown."""
N_FEATURES = len(STATISTICS) * len(ELEMENT_PROPERTIES) + 2 + N_PACKING
"""Columns of ``features``: statistics by property, number of elements, mixing entropy, packing."""

_RADII = ELEMENT_TABLE[:, ELEMENT_PROPERTIES.index("covalent_radius")]
# Logarithms of cubic Angstrom an atom, of atoms in a cell, and of volume over that of covalent spheres: usual values.
_USUAL_VOLUME, _USUAL_SIZE, _LARGE_SIZE, _USUAL_RATIO = 2.9, 2.5, 4.0, 1.2


def features(columns: CandidateColumns) -> NDArray[np.float32]:
    """Features of candidates, float32 ``[n, N_FEATURES]``."""
    rows = np.zeros((len(columns), N_FEATURES), dtype=np.float32)
    spheres = _statistics(
        read_only(columns.atomic_numbers), read_only(columns.shares), read_only(columns.offsets), _TABLE, _SPHERES, rows
    )
    rows[:, -N_PACKING:] = _packing(columns, spheres)
    return rows


def are_packed(columns: CandidateColumns) -> NDArray[np.bool_]:
    """Candidates of which volume and size are known and make sense, ``[n]``."""
    with np.errstate(invalid="ignore"):
        return np.asarray((columns.volumes > 0) & np.isfinite(columns.volumes) & (columns.n_sites >= 1))


def _packing(columns: CandidateColumns, spheres: NDArray[np.float64]) -> NDArray[np.float64]:
    is_known = are_packed(columns)
    volume = np.log(np.where(is_known, columns.volumes / np.where(is_known, columns.n_sites, 1), 1.0))
    size = np.log(np.where(is_known, columns.n_sites, 1.0))
    ratio = volume - np.log(np.maximum(spheres, 1e-9)) - _USUAL_RATIO
    found = [
        np.ones(len(columns)),
        2 * (volume - _USUAL_VOLUME),
        2 * ratio,
        2 * ratio**2,
        size - _USUAL_SIZE,
        np.maximum(size - _LARGE_SIZE, 0),
    ]
    return np.where(is_known[:, None], np.clip(np.stack(found, axis=1), -8, 8), 0.0)


_TABLE = read_only(ELEMENT_TABLE.astype(np.float32))
_SPHERES = read_only(4 / 3 * math.pi * _RADII**3)


@compiled()
def _statistics(
    numbers: NDArray[np.uint8],
    shares: NDArray[np.float32],
    offsets: NDArray[np.int64],
    table: NDArray[np.float32],
    spheres: NDArray[np.float64],
    rows: NDArray[np.float32],
) -> NDArray[np.float64]:
    """Fills the leading columns of ``rows``; returns the mean volume of the atoms' spheres."""
    n_properties = table.shape[1]
    mean_spheres = np.zeros(len(rows))
    for row in range(len(rows)):
        begin, end = offsets[row], offsets[row + 1]
        entropy = 0.0
        for entry in range(begin, end):
            share = shares[entry]
            mean_spheres[row] += share * spheres[numbers[entry]]
            entropy -= share * math.log(share) if share > 0 else 0.0
        for k in range(n_properties):
            mean, square, low, high = 0.0, 0.0, np.inf, -np.inf
            for entry in range(begin, end):
                value = table[numbers[entry], k]
                mean += shares[entry] * value
                low, high = min(low, value), max(high, value)
            for entry in range(begin, end):
                square += shares[entry] * (table[numbers[entry], k] - mean) ** 2
            if begin < end:
                rows[row, k], rows[row, n_properties + k] = mean, math.sqrt(square)
                rows[row, 2 * n_properties + k], rows[row, 3 * n_properties + k] = low, high
        rows[row, 4 * n_properties], rows[row, 4 * n_properties + 1] = end - begin, entropy
    return mean_spheres
