"""A structure as compiled kernels take it."""

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.compiled import read_only
from epitaxy_models.structures.structure import Structure


def kernel_arrays(structure: Structure) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.uint8]]:
    """Lattice ``[3, 3]``, fractional coordinates ``[n_sites, 3]`` and atomic numbers ``[n_sites]``, each read-only."""
    return read_only(structure.lattice), read_only(structure.frac_coords), read_only(structure.atomic_numbers)
