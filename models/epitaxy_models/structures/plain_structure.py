"""One compiled pass that says of most structures that there is nothing to refuse or to repair."""

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.compiled import compiled
from epitaxy_models.structures.elements import SYMBOLS
from epitaxy_models.structures.intake import IntakeLimits
from epitaxy_models.structures.kernel_arrays import kernel_arrays
from epitaxy_models.structures.structure import Structure

# What is nearer to a limit than this is left to the checks that explain themselves, whose rounding decides.
_MARGIN = 1e-6
# Beyond this many sites the loop over all pairs costs more than the tree that the checks use.
MAX_SITES = 300


def is_plain(structure: Structure, limits: IntakeLimits) -> bool:
    """Whether every check would pass and no coordinate be moved.

    False means that the checks must look, not that one of them fails: so it is for thin cells, and near any limit.
    Shapes must have been checked.
    """
    low = limits.min_cell_length_angstrom * (1 + _MARGIN)
    high = limits.max_cell_length_angstrom * (1 - _MARGIN)
    fullness = limits.min_cell_fullness * (1 + _MARGIN)
    return bool(_is_plain(*kernel_arrays(structure), low, high, fullness, limits.min_distance_angstrom * (1 + _MARGIN)))


@compiled()
def _is_plain(
    lattice: NDArray[np.float64],
    frac_coords: NDArray[np.float64],
    atomic_numbers: NDArray[np.uint8],
    low: float,
    high: float,
    fullness: float,
    distance: float,
) -> bool:
    return (
        _are_in_place(frac_coords, atomic_numbers)
        and _is_roomy(lattice, low, high, fullness, distance)
        # A vector shorter than the distance is then the difference wrapped to the nearest integers; see `overlap`.
        and _are_apart(lattice, frac_coords, distance * distance)
    )


@compiled()
def _are_in_place(frac_coords: NDArray[np.float64], atomic_numbers: NDArray[np.uint8]) -> bool:
    """Whether all sites are elements and lie within the cell."""
    for number in atomic_numbers:
        if number < 1 or number > len(SYMBOLS):
            return False
    for site in range(len(frac_coords)):
        for axis in range(3):
            # Comparisons with NaN are false.
            if not (frac_coords[site, axis] >= 0.0 and frac_coords[site, axis] < 1.0):
                return False
    return True


@compiled()
def _is_roomy(lattice: NDArray[np.float64], low: float, high: float, fullness: float, distance: float) -> bool:
    """Whether lengths and volume are within the limits, and lattice planes over two distances apart."""
    a, b, c = lattice[0], lattice[1], lattice[2]
    longest = 1.0
    for row in range(3):
        length = np.sqrt(lattice[row, 0] ** 2 + lattice[row, 1] ** 2 + lattice[row, 2] ** 2)
        if not (length >= low and length <= high):
            return False
        longest *= length
    volume = abs(
        a[0] * (b[1] * c[2] - b[2] * c[1]) + a[1] * (b[2] * c[0] - b[0] * c[2]) + a[2] * (b[0] * c[1] - b[1] * c[0])
    )
    if not volume >= fullness * longest:
        return False
    for row in range(3):
        u, v = lattice[(row + 1) % 3], lattice[(row + 2) % 3]
        face = (u[1] * v[2] - u[2] * v[1]) ** 2 + (u[2] * v[0] - u[0] * v[2]) ** 2 + (u[0] * v[1] - u[1] * v[0]) ** 2
        if not volume > 2 * distance * np.sqrt(face):
            return False
    return True


# By fast arithmetic, so that the minimum is taken of several pairs at once: the margin is far above its rounding.
@compiled(fastmath=True)
def _are_apart(lattice: NDArray[np.float64], frac_coords: NDArray[np.float64], squared_distance: float) -> bool:
    """Whether no two sites are nearer, by differences wrapped to the nearest integers."""
    xa, xb, xc = lattice[0, 0], lattice[1, 0], lattice[2, 0]
    ya, yb, yc = lattice[0, 1], lattice[1, 1], lattice[2, 1]
    za, zb, zc = lattice[0, 2], lattice[1, 2], lattice[2, 2]
    along_a, along_b, along_c = frac_coords[:, 0].copy(), frac_coords[:, 1].copy(), frac_coords[:, 2].copy()
    closest = squared_distance
    for i in range(len(along_a)):
        for j in range(i):
            a, b, c = along_a[i] - along_a[j], along_b[i] - along_b[j], along_c[i] - along_c[j]
            a, b, c = a - np.rint(a), b - np.rint(b), c - np.rint(c)
            x, y, z = a * xa + b * xb + c * xc, a * ya + b * yb + c * yc, a * za + b * zb + c * zc
            closest = min(closest, x * x + y * y + z * z)
    return closest >= squared_distance
