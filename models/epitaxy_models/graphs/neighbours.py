"""Periodic neighbours within an adaptive, smooth cutoff, compiled.

The cutoff of atom i is ``reach`` times the distance to its k-th neighbour. It moves continuously with the
coordinates, and an edge fades to zero weight before it leaves the sphere: there is no tie to break, every shell is
whole by construction, and an answer cannot jump when noise reorders two equal distances.
"""

import math
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.compiled import compiled

_DType = TypeVar("_DType", bound=np.generic)

# Volume of a sphere of radius 1, 4 pi / 3 to three digits: it sizes first guesses, and no result depends on it.
_UNIT_SPHERE = 4.19
# Undirected pairs to make room for, as a share of the directed ones at the mean density: half of them, and 40 % to
# spare, so that few crystals need their arrays grown.
_SHARE_OF_PAIRS = 0.7
_LEAST_CAPACITY = 64
# First search radius: at least so many Angstrom, and so that its sphere holds so many times k atoms.
_LEAST_RADIUS, _SPARE_NEIGHBOURS = 3.0, 1.5
# Factor on a search radius within which some atom has fewer than k neighbours: 2.5 times the volume.
_GROWTH = 1.35
# Keeps the last neighbour within a search radius that was fitted to it, and within the images that are looked at.
_ROUNDING = 1.0001


class Pairs(NamedTuple):
    """Directed pairs of atoms, ordered by their centre.

    Attributes:
        centres: Centre of each pair, int32 ``[n_pairs]``.
        others: The site at its other end, int32 ``[n_pairs]``.
        distances: Angstrom, float64 ``[n_pairs]``.
    """

    centres: NDArray[np.int32]
    others: NDArray[np.int32]
    distances: NDArray[np.float64]


class NeighbourList(NamedTuple):
    """Neighbours of each atom within its own cutoff.

    Attributes:
        offsets: Edges of atom i are ``offsets[i]`` to ``offsets[i + 1]``, int32 ``[n_atoms + 1]``.
        others: The site at the other end of each edge, int32 ``[n_edges]``.
        distances: Angstrom, float64 ``[n_edges]``.
        weights: Smooth cutoff ``(1 - (d / cutoff)^2)^2`` of each edge, in (0, 1], float64 ``[n_edges]``.
    """

    offsets: NDArray[np.int32]
    others: NDArray[np.int32]
    distances: NDArray[np.float64]
    weights: NDArray[np.float64]


@compiled()
def cell_volume(lattice: NDArray[np.float64]) -> float:
    """Cubic Angstrom; for three by three a library's determinant costs many times its arithmetic."""
    first = lattice[1, 1] * lattice[2, 2] - lattice[1, 2] * lattice[2, 1]
    second = lattice[1, 2] * lattice[2, 0] - lattice[1, 0] * lattice[2, 2]
    third = lattice[1, 0] * lattice[2, 1] - lattice[1, 1] * lattice[2, 0]
    return float(abs(lattice[0, 0] * first + lattice[0, 1] * second + lattice[0, 2] * third))


@compiled()
def planes_crossed(lattice: NDArray[np.float64], volume: float, radius: float) -> tuple[float, float, float]:
    """Lattice planes that a length can cross along each axis: how many images can lie within a radius."""
    longest = radius * _ROUNDING / volume
    return (
        longest * _face(lattice[1], lattice[2]),
        longest * _face(lattice[2], lattice[0]),
        longest * _face(lattice[0], lattice[1]),
    )


@compiled()
def _face(u: NDArray[np.float64], v: NDArray[np.float64]) -> float:
    """Area between two vectors."""
    x, y, z = u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]
    return math.sqrt(x * x + y * y + z * z)


@compiled()
def neighbours_within(lattice: NDArray[np.float64], frac: NDArray[np.float64], radius: float) -> Pairs:
    """All directed pairs closer than ``radius`` Angstrom, images of a site itself included.

    Equal, pair for pair, to pymatgen's ``find_points_in_spheres``.

    Args:
        lattice: Cell vectors as rows, Angstrom, ``[3, 3]``.
        frac: Fractional coordinates, ``[n_atoms, 3]``.
        radius: Angstrom.
    """
    n = frac.shape[0]
    volume = cell_volume(lattice)
    span_a, span_b, span_c = planes_crossed(lattice, volume, radius)
    # Each pair of two sites is looked for once and counts for both.
    capacity = _LEAST_CAPACITY + int(_SHARE_OF_PAIRS * n * n * _UNIT_SPHERE * radius**3 / volume)
    firsts = np.empty(capacity, dtype=np.int32)
    seconds = np.empty(capacity, dtype=np.int32)
    lengths = np.empty(capacity, dtype=np.float64)
    found = 0
    squared = radius * radius
    for i in range(n):
        for j in range(i, n):
            d0 = frac[j, 0] - frac[i, 0]
            d1 = frac[j, 1] - frac[i, 1]
            d2 = frac[j, 2] - frac[i, 2]
            a_low, a_high = math.ceil(-span_a - d0), math.floor(span_a - d0)
            b_low, b_high = math.ceil(-span_b - d1), math.floor(span_b - d1)
            c_low, c_high = math.ceil(-span_c - d2), math.floor(span_c - d2)
            for a in range(a_low, a_high + 1):
                fa = d0 + a
                xa = fa * lattice[0, 0]
                ya = fa * lattice[0, 1]
                za = fa * lattice[0, 2]
                for b in range(b_low, b_high + 1):
                    fb = d1 + b
                    xb = xa + fb * lattice[1, 0]
                    yb = ya + fb * lattice[1, 1]
                    zb = za + fb * lattice[1, 2]
                    for c in range(c_low, c_high + 1):
                        fc = d2 + c
                        x = xb + fc * lattice[2, 0]
                        y = yb + fc * lattice[2, 1]
                        z = zb + fc * lattice[2, 2]
                        d = x * x + y * y + z * z
                        if d >= squared:
                            continue
                        if i == j and a == 0 and b == 0 and c == 0:
                            continue
                        if found == capacity:
                            capacity *= 2
                            firsts = _grown(firsts, capacity)
                            seconds = _grown(seconds, capacity)
                            lengths = _grown(lengths, capacity)
                        firsts[found] = i
                        seconds[found] = j
                        lengths[found] = math.sqrt(d)
                        found += 1
    return _both_ways(n, firsts[:found], seconds[:found], lengths[:found])


@compiled()
def _both_ways(n: int, firsts: NDArray[np.int32], seconds: NDArray[np.int32], lengths: NDArray[np.float64]) -> Pairs:
    """Directed pairs of undirected ones, by centre; images of one site come in both directions already."""
    slots = np.zeros(n + 1, dtype=np.int64)
    for pair in range(len(firsts)):
        slots[firsts[pair] + 1] += 1
        if seconds[pair] != firsts[pair]:
            slots[seconds[pair] + 1] += 1
    for i in range(n):
        slots[i + 1] += slots[i]
    total = slots[n]
    centres = np.empty(total, dtype=np.int32)
    others = np.empty(total, dtype=np.int32)
    distances = np.empty(total, dtype=np.float64)
    for pair in range(len(firsts)):
        first, second = firsts[pair], seconds[pair]
        slot = slots[first]
        slots[first] += 1
        centres[slot], others[slot], distances[slot] = first, second, lengths[pair]
        if second != first:
            slot = slots[second]
            slots[second] += 1
            centres[slot], others[slot], distances[slot] = second, first, lengths[pair]
    return Pairs(centres, others, distances)


@compiled()
def _grown(values: NDArray[_DType], capacity: int) -> NDArray[_DType]:
    larger = np.empty(capacity, dtype=values.dtype)
    larger[: len(values)] = values
    return larger


@compiled()
def adaptive_neighbours(
    lattice: NDArray[np.float64], frac: NDArray[np.float64], k: int, reach: float, radius_max: float
) -> NeighbourList:
    """Neighbours within each centre's own cutoff, ``min(reach * d_k, radius_max)``.

    Args:
        lattice: Cell vectors as rows, Angstrom, ``[3, 3]``.
        frac: Fractional coordinates, ``[n_atoms, 3]``.
        k: The cutoff follows the distance ``d_k`` to the k-th neighbour.
        reach: Factor on that distance.
        radius_max: Largest cutoff, Angstrom.
    """
    n = frac.shape[0]
    volume = cell_volume(lattice)
    # A sphere that holds more than k atoms at the mean density, times the reach; grown until it holds enough.
    guess = (_SPARE_NEIGHBOURS * k * volume / (_UNIT_SPHERE * n)) ** (1.0 / 3.0)
    radius = min(radius_max, max(_LEAST_RADIUS, reach * guess))
    while True:
        pairs = neighbours_within(lattice, frac, radius)
        starts = _row_offsets(pairs.centres, n)
        cutoffs, needed = _cutoffs(starts, pairs.distances, k, reach, radius, radius_max)
        if needed <= radius or radius >= radius_max:
            break
        radius = min(radius_max, needed * _ROUNDING)
    return _within_cutoffs(starts, pairs.others, pairs.distances, cutoffs)


@compiled()
def _within_cutoffs(
    starts: NDArray[np.int32], others: NDArray[np.int32], distances: NDArray[np.float64], cutoffs: NDArray[np.float64]
) -> NeighbourList:
    """The pairs nearer than their centre's cutoff, with row offsets and weights."""
    n = len(cutoffs)
    offsets = np.zeros(n + 1, dtype=np.int32)
    kept = np.empty(len(others), dtype=np.int32)
    lengths = np.empty(len(others), dtype=np.float64)
    weights = np.empty(len(others), dtype=np.float64)
    slot = 0
    for centre in range(n):
        for pair in range(starts[centre], starts[centre + 1]):
            ratio = distances[pair] / cutoffs[centre]
            if ratio < 1.0:
                kept[slot] = others[pair]
                lengths[slot] = distances[pair]
                weights[slot] = (1.0 - ratio * ratio) ** 2
                slot += 1
        offsets[centre + 1] = slot
    return NeighbourList(offsets, kept[:slot], lengths[:slot], weights[:slot])


@compiled()
def _row_offsets(centres: NDArray[np.int32], n: int) -> NDArray[np.int32]:
    """Pairs of centre i are ``offsets[i]`` to ``offsets[i + 1]``; centres come in order."""
    offsets = np.zeros(n + 1, dtype=np.int32)
    for edge in range(len(centres)):
        offsets[centres[edge] + 1] += 1
    for i in range(n):
        offsets[i + 1] += offsets[i]
    return offsets


@compiled()
def _cutoffs(
    starts: NDArray[np.int32], distances: NDArray[np.float64], k: int, reach: float, radius: float, radius_max: float
) -> tuple[NDArray[np.float64], float]:
    """Cutoff of each centre and the search radius that all of them need."""
    n = len(starts) - 1
    cutoffs = np.full(n, radius_max)
    needed = 0.0
    smallest = np.empty(k, dtype=np.float64)
    for i in range(n):
        if starts[i + 1] - starts[i] < k:
            needed = max(needed, min(radius_max, radius * _GROWTH))
        else:
            cutoffs[i] = min(radius_max, reach * _kth_smallest(distances[starts[i] : starts[i + 1]], smallest))
            needed = max(needed, cutoffs[i])
    return cutoffs, needed


@compiled()
def _kth_smallest(values: NDArray[np.float64], smallest: NDArray[np.float64]) -> float:
    """The k-th smallest of some values; ``smallest``, ``[k]``, is overwritten."""
    smallest[:] = np.inf
    for value in values:
        if value >= smallest[-1]:
            continue
        place = len(smallest) - 1
        while place > 0 and smallest[place - 1] > value:
            smallest[place] = smallest[place - 1]
            place -= 1
        smallest[place] = value
    return float(smallest[-1])
