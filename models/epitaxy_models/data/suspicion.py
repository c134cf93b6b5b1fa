"""Rows worth a second look: not refused, since each can be right."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.data.label_statistics import robust_std
from epitaxy_models.structures.overlap import closest_pair_within
from epitaxy_models.structures.structure import Structure

# Angstrom. C-N in cyanides is 1.15, O-H 0.96: nothing but hydrogen bonds are shorter than the first.
_SHORT_BOND = 1.0
_SHORT_HYDROGEN_BOND = 0.7
# Cubic Angstrom an atom: diamond has 5.7, caesium 115.
_SMALL_VOLUME = 4.0
_LARGE_VOLUME = 130.0


@dataclass(frozen=True, slots=True)
class SuspiciousRow:
    """A row, a stable reason and what was seen."""

    id: str
    reason: str
    message: str


def suspicious_labels(
    ids: Sequence[str], labels: Mapping[str, NDArray[np.float64]], outlier_z: float
) -> Iterator[SuspiciousRow]:
    """Values over ``outlier_z`` robust standard deviations from the median, farthest first, and infinite ones."""
    for name, values in labels.items():
        for index in np.flatnonzero(np.isinf(values)).tolist():
            yield SuspiciousRow(ids[index], "INFINITE_LABEL", f"{name} is infinite")
        finite = values[np.isfinite(values)]
        spread = robust_std(finite) if len(finite) else 0.0
        if spread == 0.0:
            continue
        z = np.abs(np.where(np.isfinite(values), values, np.nan) - np.median(finite)) / spread
        far = np.flatnonzero(z > outlier_z)
        for index in far[np.argsort(-z[far])].tolist():
            message = f"{name} is {values[index]:.6g}, {z[index]:.0f} robust standard deviations from the median"
            yield SuspiciousRow(ids[index], "LABEL_OUTLIER", message)


def suspicious_geometry(row_id: str, structure: Structure) -> Iterator[SuspiciousRow]:
    """Atoms nearer than bonds are, and volumes that no ordinary crystal has."""
    pair = closest_pair_within(structure.lattice, structure.frac_coords, _SHORT_BOND)
    if pair is not None:
        has_hydrogen = 1 in structure.atomic_numbers[[pair.first, pair.second]]
        if pair.distance < (_SHORT_HYDROGEN_BOND if has_hydrogen else _SHORT_BOND):
            yield SuspiciousRow(row_id, "SHORT_DISTANCE", f"two atoms are {pair.distance:.3f} Angstrom apart")
    volume = structure.volume / structure.n_sites
    if not _SMALL_VOLUME <= volume <= _LARGE_VOLUME:
        yield SuspiciousRow(row_id, "ODD_VOLUME", f"{volume:.4g} cubic Angstrom an atom")
