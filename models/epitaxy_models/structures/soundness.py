"""Are the distances of a crystal those of matter? Asked only where a file leaves open which crystal it means."""

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.structures.cell import minkowski_reduced
from epitaxy_models.structures.radii import COVALENT_RADII
from epitaxy_models.structures.structure import Structure

# Sites whose neighbours are looked at, evenly spread over the list: enough to tell two readings of one file apart.
_MAX_CENTRES = 64
_IMAGES = np.array(list(product((-1, 0, 1), repeat=3)), dtype=np.float64)
_SELF = 1e-6


def bond_ratios(structure: Structure, centres: Sequence[int] | None = None) -> NDArray[np.float64]:
    """Nearest neighbour of each centre: distance over the sum of covalent radii, shape ``[n_centres]``.

    Near 1 for a bond. Centres are at most 64 sites; by default all sites, thinned out evenly.
    """
    chosen = np.arange(structure.n_sites) if centres is None else np.asarray(centres)
    chosen = chosen[np.linspace(0, len(chosen) - 1, min(len(chosen), _MAX_CENTRES)).astype(int)]
    lattice = minkowski_reduced(structure.lattice)
    frac_coords = structure.frac_coords @ structure.lattice @ np.linalg.inv(lattice)
    radii = COVALENT_RADII[structure.atomic_numbers]
    images = _IMAGES @ lattice
    nearest = np.empty(len(chosen))
    for place, centre in enumerate(chosen.tolist()):
        shifts = frac_coords - frac_coords[centre]
        shifts -= np.rint(shifts)
        distances = np.linalg.norm((shifts @ lattice)[:, None] + images, axis=2)
        distances[distances < _SELF] = np.inf
        nearest[place] = (distances.min(axis=1) / (radii + radii[centre])).min()
    return nearest
