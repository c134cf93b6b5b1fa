"""What textbooks say of a property before any label: relations that a few dozen labels are too few to learn.

The Penn model's dielectric constant follows from the substrate's gaps, and many energies fall with the volume an atom.
Models keep rows of these: a change of a value calls for another ``DESCRIPTOR_VERSION``.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.structures.element_table import property_of_elements
from epitaxy_models.structures.structure import Structure

Array = NDArray[np.float64]

# Square of the plasmon energy over the density of valence electrons, 4 pi e^2 hbar^2 / m, in eV^2 Angstrom^3.
_PLASMON_SQUARED = 1378.9
# Metals have no gap, and the substrate errs by 0.2 eV.
_LEAST_GAP = 0.1
_VALENCE = property_of_elements("valence")


def gap_heads(columns: Sequence[str]) -> list[int]:
    """Heads that predict band gaps, among the label columns of all heads."""
    return [head for head, column in enumerate(columns) if column.startswith("band_gap")]


def estimates(structures: Sequence[Structure], gaps: Array) -> Array:
    """Logarithm of the volume an atom, and Penn's estimate where the substrate knows gaps.

    Args:
        structures: ``n_rows`` of them.
        gaps: Predicted band gaps in eV, ``[n_rows, n_gap_heads]``; their mean counts.

    Returns:
        ``[n_rows, 2]``, or ``[n_rows, 1]`` where there is no head for gaps: ln(Angstrom^3), and log10 of
        1 + (plasmon energy / gap)^2 (Penn, Phys. Rev. 128, 2093 (1962), eq. 2.19).
    """
    volumes = np.array([structure.volume / structure.n_sites for structure in structures])
    columns = [np.log(volumes)]
    if gaps.shape[1]:
        electrons = np.array([_VALENCE[structure.atomic_numbers].mean() for structure in structures]) / volumes
        gap = np.maximum(gaps.mean(axis=1), _LEAST_GAP)
        columns.append(np.log10(1 + _PLASMON_SQUARED * electrons / gap**2))
    return np.stack(columns, axis=1).reshape(len(structures), len(columns))
