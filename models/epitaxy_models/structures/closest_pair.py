"""The closest two of all sites, compiled."""

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.compiled import compiled, read_only


def closest_of_all(lattice: NDArray[np.float64], frac_coords: NDArray[np.float64]) -> tuple[int, int, float]:
    """The closest two sites by differences wrapped to the nearest integers, with their squared distance, Angstrom^2."""
    return _closest_of_all(read_only(lattice), read_only(frac_coords))


@compiled()
def _closest_of_all(lattice: NDArray[np.float64], frac_coords: NDArray[np.float64]) -> tuple[int, int, float]:
    closest = (0, 0, np.inf)
    for i in range(len(frac_coords)):
        for j in range(i + 1, len(frac_coords)):
            a = frac_coords[i, 0] - frac_coords[j, 0]
            b = frac_coords[i, 1] - frac_coords[j, 1]
            c = frac_coords[i, 2] - frac_coords[j, 2]
            a -= np.rint(a)
            b -= np.rint(b)
            c -= np.rint(c)
            x = a * lattice[0, 0] + b * lattice[1, 0] + c * lattice[2, 0]
            y = a * lattice[0, 1] + b * lattice[1, 1] + c * lattice[2, 1]
            z = a * lattice[0, 2] + b * lattice[1, 2] + c * lattice[2, 2]
            squared = x * x + y * y + z * z
            if squared < closest[2]:
                closest = (i, j, squared)
    return closest
