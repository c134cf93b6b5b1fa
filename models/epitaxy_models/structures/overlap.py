"""The closest pair of atoms in a periodic cell, for refusing overlaps on the serving path."""

from math import floor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.structures.cell import minkowski_reduced, plane_spacings

# Up to this many sites a compiled loop over all pairs, which loads no scipy; not tuned against the tree.
_MAX_DENSE_SITES = 300


class ClosePair(NamedTuple):
    """Two sites (equal for a site and its own image) and their distance in Angstrom."""

    first: int
    second: int
    distance: float


def closest_pair_within(
    lattice: NDArray[np.float64], frac_coords: NDArray[np.float64], cutoff: float
) -> ClosePair | None:
    """The closest two atoms, periodic images included; None where none are nearer than ``cutoff`` Angstrom.

    A vector shorter than ``cutoff`` spans less than ``cutoff / spacing`` of the cell along each axis. Where that is
    under one half, it can only be the difference wrapped to the nearest integers: no loop over images is needed.
    Skewed cells are reduced first, and cells still too thin are repeated until that holds. A lattice vector shorter
    than ``cutoff`` is answered at once as site 0 and its own image: every site then has such an image.
    """
    spacings = plane_spacings(lattice)
    if min(spacings) > 2 * cutoff:
        return _closest_by_wrapping(lattice, frac_coords, spacings, cutoff)
    return _closest_in_thin_cell(lattice, frac_coords, cutoff)


def _closest_in_thin_cell(
    lattice: NDArray[np.float64], frac_coords: NDArray[np.float64], cutoff: float
) -> ClosePair | None:
    reduced = minkowski_reduced(lattice)
    shortest = float(np.linalg.norm(reduced, axis=1).min())
    if shortest < cutoff:
        return ClosePair(0, 0, shortest)
    frac_coords = frac_coords @ lattice @ np.linalg.inv(reduced)
    # A reduced cell whose vectors reach the cutoff has spacings over 0.7 of it: at most three repeats along an axis.
    repeats = np.array([floor(2 * cutoff / spacing) + 1 for spacing in plane_spacings(reduced)])
    offsets = np.indices(repeats.tolist()).reshape(3, -1).T
    tiled = ((frac_coords[None] + offsets[:, None]) / repeats).reshape(-1, 3)
    larger = reduced * repeats[:, None]
    pair = _closest_by_wrapping(larger, tiled, plane_spacings(larger), cutoff)
    n_sites = len(frac_coords)
    return pair and ClosePair(pair.first % n_sites, pair.second % n_sites, pair.distance)


def _closest_by_wrapping(
    lattice: NDArray[np.float64], frac_coords: NDArray[np.float64], spacings: tuple[float, float, float], cutoff: float
) -> ClosePair | None:
    if len(frac_coords) <= _MAX_DENSE_SITES:
        # Not before a structure is checked: numba takes a second to load, and reading files does without.
        from epitaxy_models.structures.closest_pair import closest_of_all  # noqa: PLC0415

        first, second, squared_distance = closest_of_all(lattice, frac_coords)
        distance = squared_distance**0.5
        return ClosePair(first, second, distance) if distance < cutoff else None
    firsts, seconds = _candidate_pairs(frac_coords, spacings, cutoff)
    if not len(firsts):
        return None
    difference = frac_coords.take(firsts, axis=0)
    difference -= frac_coords.take(seconds, axis=0)
    difference -= np.rint(difference)
    cartesian = difference.dot(lattice)
    squared = np.einsum("ij,ij->i", cartesian, cartesian)
    closest = int(squared.argmin())
    distance = float(squared[closest]) ** 0.5
    return ClosePair(int(firsts[closest]), int(seconds[closest]), distance) if distance < cutoff else None


def _candidate_pairs(
    frac_coords: NDArray[np.float64], spacings: tuple[float, float, float], cutoff: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs that differ by less than ``cutoff`` across the planes of every axis: a superset of the close ones."""
    # For large cells only: the import costs 0.1 s. scipy ships no type information.
    from scipy.spatial import cKDTree  # noqa: PLC0415

    box = np.array(spacings)
    scaled = np.minimum((frac_coords - np.floor(frac_coords)) * box, np.nextafter(box, 0.0))
    pairs = cKDTree(scaled, boxsize=box).query_pairs(cutoff, p=np.inf, output_type="ndarray")
    return pairs[:, 0], pairs[:, 1]
