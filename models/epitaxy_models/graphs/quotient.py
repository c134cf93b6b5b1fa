"""Quotient graphs: atoms that a distance-only network cannot tell apart become one node.

Colour refinement (1-dimensional Weisfeiler-Leman) on species and distance-labelled neighbour multisets, repeated to a
stable partition. Two atoms of one colour have equal environments at every depth, so the network gives them equal
embeddings; it runs on one node a colour, and pooling counts it as often as it occurs. Edges of a node that lead to one
colour at one distance are merged too, their weights added; what atoms of one colour differ in within the tolerance is
averaged.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.compiled import compiled
from epitaxy_models.graphs.neighbours import adaptive_neighbours

_MIX_A = np.uint64(0xBF58476D1CE4E5B9)
_MIX_B = np.uint64(0x94D049BB133111EB)
_STEP = np.uint64(0x9E3779B97F4A7C15)

# Tabulated lattices end in round decimals, so a distance may lie exactly half-way between two labels, and the last bit
# of a rotated or repeated cell would decide its key (5 of 2,500 crystals). No short decimal or fraction ends in this.
_LABEL_OFFSET = 0.31831
_LABELS_PER_ANGSTROM = 1e4

# Digits of the radix sort: of hundreds of distances, clearing larger tables would cost more than the moves they spare.
_RADIX_BITS = 8
_RADIX = 1 << _RADIX_BITS
_DIGIT = np.uint64(_RADIX - 1)


class Shells(NamedTuple):
    """Distances of one crystal, grouped.

    Attributes:
        of_edge: Shell of each distance, int32 ``[n_edges]``.
        distances: Mean distance of each shell, Angstrom, float64 ``[n_shells]``.
    """

    of_edge: NDArray[np.int32]
    distances: NDArray[np.float64]


class LabelledShells(NamedTuple):
    """Distances of one crystal, grouped, with a label for each group.

    Attributes:
        of_edge: Shell of each distance, int32 ``[n_edges]``.
        labels: Label of each shell, all different, uint64 ``[n_shells]``.
    """

    of_edge: NDArray[np.int32]
    labels: NDArray[np.uint64]


class Colouring(NamedTuple):
    """Classes of atoms with equal environments.

    Attributes:
        classes: Class of each atom, numbered by first occurrence, int32 ``[n_atoms]``.
        colours: Colour of each class, uint64 ``[n_classes]``: a function of the environment alone, whatever the cell.
    """

    classes: NDArray[np.int32]
    colours: NDArray[np.uint64]


class MergedEdges(NamedTuple):
    """Edges between classes of atoms.

    Attributes:
        firsts: First atom of each class, int32 ``[n_classes]``.
        rows: Edges of class i are ``rows[i]`` to ``rows[i + 1]``, int32 ``[n_classes + 1]``.
        sources: Class that each edge comes from, int32 ``[n_merged]``.
        distances: Mean distance, Angstrom, float32 ``[n_merged]``.
        weights: Summed weight of one atom's edges, averaged over the class, float32 ``[n_merged]``.
    """

    firsts: NDArray[np.int32]
    rows: NDArray[np.int32]
    sources: NDArray[np.int32]
    distances: NDArray[np.float32]
    weights: NDArray[np.float32]


class Quotient(NamedTuple):
    """All that a quotient graph is made of.

    Attributes:
        classes: Class of each atom, int32 ``[n_atoms]``.
        multiplicities: Atoms in each class, int32 ``[n_classes]``.
        edges: Edges between the classes.
        colours: Colour of each class, ascending, uint64 ``[n_classes]``.
        ratios: Multiplicity of each of these colours in lowest terms, int32 ``[n_classes]``.
    """

    classes: NDArray[np.int32]
    multiplicities: NDArray[np.int32]
    edges: MergedEdges
    colours: NDArray[np.uint64]
    ratios: NDArray[np.int32]


@compiled()
def mixed(value: np.uint64) -> np.uint64:
    """Finalizer of splitmix64 (Steele, Lea & Flood 2014): a bijection that spreads every bit."""
    value = (value ^ (value >> np.uint64(30))) * _MIX_A
    value = (value ^ (value >> np.uint64(27))) * _MIX_B
    return value ^ (value >> np.uint64(31))


@compiled()
def distance_shells(distances: NDArray[np.float64], tolerance: float) -> Shells:
    """Groups equal distances of one crystal, cutting at gaps and never at a rounded value.

    A shell ends where the next distance is more than ``tolerance`` (Angstrom) away, or where the shell would grow
    wider than four tolerances.
    """
    order = _ascending(distances)
    shells = np.empty(len(distances), dtype=np.int32)
    means = np.empty(len(distances), dtype=np.float64)
    shell = -1
    first = last = total = 0.0
    members = 0
    for edge in order:
        distance = distances[edge]
        if shell < 0 or distance - last > tolerance or distance - first > 4.0 * tolerance:
            if shell >= 0:
                means[shell] = total / members
            shell += 1
            first = distance
            total = 0.0
            members = 0
        shells[edge] = shell
        total += distance
        members += 1
        last = distance
    if shell >= 0:
        means[shell] = total / members
    return Shells(shells, means[: shell + 1].copy())


@compiled()
def _ascending(distances: NDArray[np.float64]) -> NDArray[np.int32]:
    """Order of the distances: positive floats sort as their bits do, and a radix sort takes no comparisons."""
    bits = distances.copy().view(np.uint64)
    order = np.arange(len(bits)).astype(np.int32)
    moved_bits, moved_order = np.empty_like(bits), np.empty_like(order)
    places = np.empty(_RADIX, dtype=np.int32)
    # Distances are near each other: less the least, their bits have fewer digits.
    least, most = _extremes(bits)
    for rank in range(len(bits)):
        bits[rank] -= least
    for shift in range(0, 64, _RADIX_BITS):
        if (most - least) >> np.uint64(shift) == 0:
            break
        places[:] = 0
        for value in bits:
            places[(value >> np.uint64(shift)) & _DIGIT] += 1
        total = np.int32(0)
        for digit in range(_RADIX):
            total, places[digit] = total + places[digit], total
        for rank in range(len(bits)):
            digit = (bits[rank] >> np.uint64(shift)) & _DIGIT
            place = places[digit]
            places[digit] = place + 1
            moved_bits[place], moved_order[place] = bits[rank], order[rank]
        bits, moved_bits = moved_bits, bits
        order, moved_order = moved_order, order
    return order


@compiled()
def _extremes(values: NDArray[np.uint64]) -> tuple[np.uint64, np.uint64]:
    """Least and greatest value; both 0 of none."""
    if len(values) == 0:
        return np.uint64(0), np.uint64(0)
    least = most = values[0]
    for value in values:
        least, most = min(least, value), max(most, value)
    return least, most


@compiled()
def shell_labels(means: NDArray[np.float64]) -> NDArray[np.uint64]:
    """A 64-bit label a shell, from its distance in ten-thousandths of an Angstrom."""
    labels = np.empty(len(means), dtype=np.uint64)
    for shell in range(len(means)):
        labels[shell] = (np.uint64(np.rint(means[shell] * _LABELS_PER_ANGSTROM + _LABEL_OFFSET)) + np.uint64(1)) * _STEP
    return labels


@compiled()
def labelled_shells(distances: NDArray[np.float64], tolerance: float) -> LabelledShells:
    """Groups equal distances of one crystal into shells with different labels.

    A shell that ends because of its width may be followed by one so near that both have the same label: the colours
    could not tell them apart, so they are joined.
    """
    shells, means = distance_shells(distances, tolerance)
    labels = shell_labels(means)
    joined = np.empty(len(labels), dtype=np.int32)
    count = 0
    for shell in range(len(labels)):
        if shell == 0 or labels[shell] != labels[count - 1]:
            labels[count] = labels[shell]
            count += 1
        joined[shell] = count - 1
    for edge in range(len(shells)):
        shells[edge] = joined[shells[edge]]
    return LabelledShells(shells, labels[:count].copy())


@compiled()
def refined_colours(
    species: NDArray[np.uint8],
    offsets: NDArray[np.int32],
    neighbours: NDArray[np.int32],
    shells: NDArray[np.int32],
    shell_labels: NDArray[np.uint64],
) -> Colouring:
    """Stable colouring of the atoms.

    Args:
        species: Atomic numbers, ``[n_atoms]``.
        offsets: Edges of atom i are ``offsets[i]`` to ``offsets[i + 1]``, ``[n_atoms + 1]``.
        neighbours: The site at the other end of each edge, ``[n_edges]``.
        shells: Shell of each edge, ``[n_edges]``.
        shell_labels: Label of each shell, ``[n_shells]``.
    """
    n = len(species)
    colours = np.empty(n, dtype=np.uint64)
    for i in range(n):
        colours[i] = mixed(np.uint64(species[i]) + _STEP)
    classes, count = _numbered(colours)
    fresh = np.empty(n, dtype=np.uint64)
    for _ in range(n + 1):
        for i in range(n):
            gathered = np.uint64(0)
            for edge in range(offsets[i], offsets[i + 1]):
                # A sum is blind to order, as a multiset is; each term is mixed so that terms do not cancel.
                gathered += mixed(colours[neighbours[edge]] ^ shell_labels[shells[edge]])
            fresh[i] = mixed(colours[i] + _STEP * (gathered | np.uint64(1)) + (gathered >> np.uint64(7)))
        colours[:] = fresh
        classes, refined = _numbered(colours)
        if refined == count:
            break
        count = refined
    class_colours = np.empty(count, dtype=np.uint64)
    for i in range(n):
        class_colours[classes[i]] = colours[i]
    return Colouring(classes, class_colours)


@compiled()
def _numbered(colours: NDArray[np.uint64]) -> tuple[NDArray[np.int32], int]:
    """Numbers colours by first occurrence."""
    n = len(colours)
    order = np.argsort(colours, kind="mergesort")
    first = np.empty(n, dtype=np.int64)
    for rank in range(n):
        atom = order[rank]
        same = rank > 0 and colours[order[rank - 1]] == colours[atom]
        first[atom] = first[order[rank - 1]] if same else atom
    classes = np.empty(n, dtype=np.int32)
    count = 0
    for i in range(n):
        if first[i] == i:
            classes[i] = count
            count += 1
        else:
            classes[i] = classes[first[i]]
    return classes, count


@compiled()
def _members(classes: NDArray[np.int32], n_classes: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """First atom of each class ``[n_classes]`` and, for each atom, the next one of its class or -1, ``[n_atoms]``."""
    firsts = np.full(n_classes, -1, dtype=np.int32)
    following = np.full(len(classes), -1, dtype=np.int32)
    for i in range(len(classes) - 1, -1, -1):
        following[i] = firsts[classes[i]]
        firsts[classes[i]] = i
    return firsts, following


@compiled()
def merged_edges(
    classes: NDArray[np.int32],
    n_classes: int,
    offsets: NDArray[np.int32],
    neighbours: NDArray[np.int32],
    shells: NDArray[np.int32],
    distances: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> MergedEdges:
    """Edges of each class: those to one class in one shell are merged, and averaged over the atoms of the class.

    Atoms of a class may differ within a shell's tolerance; their average does not depend on their order.
    """
    firsts, following = _members(classes, n_classes)
    capacity = 0
    for atom in firsts:
        capacity += offsets[atom + 1] - offsets[atom]
    n_shells = 1 + shells.max() if len(shells) else 0
    rows = np.zeros(n_classes + 1, dtype=np.int32)
    targets = np.empty(capacity, dtype=np.int32)
    means = np.empty(capacity, dtype=np.float32)
    sums = np.empty(capacity, dtype=np.float32)
    # Not filled beforehand: an entry counts where its slot's label agrees (Briggs & Torczon 1993).
    slots = np.empty(n_classes * n_shells, dtype=np.int32)
    known = np.empty(capacity, dtype=np.int64)
    slot = 0
    for node in range(n_classes):
        # In order of shell, then class.
        atom = firsts[node]
        start, stop = offsets[atom], offsets[atom + 1]
        labels = np.empty(stop - start, dtype=np.int64)
        for edge in range(start, stop):
            labels[edge - start] = np.int64(shells[edge]) * n_classes + classes[neighbours[edge]]
        labels.sort()
        begun = slot
        for label in labels:
            if slot == begun or known[slot - 1] != label:
                slots[label] = slot
                known[slot] = label
                targets[slot] = label % n_classes
                slot += 1
        totals = np.zeros(slot - begun)
        gathered = np.zeros(slot - begun)
        members = 0
        while atom >= 0:
            for edge in range(offsets[atom], offsets[atom + 1]):
                label = np.int64(shells[edge]) * n_classes + classes[neighbours[edge]]
                place = slots[label] - begun
                # Always so, but for two colours of one hash.
                if 0 <= place < slot - begun and known[begun + place] == label:
                    gathered[place] += weights[edge]
                    totals[place] += weights[edge] * distances[edge]
            members += 1
            atom = following[atom]
        for place in range(slot - begun):
            means[begun + place] = totals[place] / gathered[place]
            sums[begun + place] = gathered[place] / members
        rows[node + 1] = slot
    return MergedEdges(firsts, rows, targets[:slot].copy(), means[:slot].copy(), sums[:slot].copy())


@compiled()
def quotient_graph(
    lattice: NDArray[np.float64],
    frac: NDArray[np.float64],
    species: NDArray[np.uint8],
    k: int,
    reach: float,
    radius_max: float,
    tolerance: float,
) -> Quotient:
    """The quotient graph in one call: neighbours, shells, colours, merged edges.

    Args:
        lattice: Cell vectors as rows, Angstrom, ``[3, 3]``.
        frac: Fractional coordinates, ``[n_atoms, 3]``.
        species: Atomic numbers, ``[n_atoms]``.
        k: The cutoff of an atom follows the distance to its k-th neighbour.
        reach: Factor on that distance.
        radius_max: Largest cutoff, Angstrom.
        tolerance: Distances nearer than this may share a shell, Angstrom.
    """
    near = adaptive_neighbours(lattice, frac, k, reach, radius_max)
    shells = labelled_shells(near.distances, tolerance)
    classes, colours = refined_colours(species, near.offsets, near.others, shells.of_edge, shells.labels)
    count = len(colours)
    edges = merged_edges(classes, count, near.offsets, near.others, shells.of_edge, near.distances, near.weights)
    multiplicities = np.zeros(count, dtype=np.int32)
    for atom in range(len(classes)):
        multiplicities[classes[atom]] += 1
    divisor = 0
    for size in multiplicities:
        divisor = math.gcd(divisor, size)
    order = np.argsort(colours)
    ratios = (multiplicities[order] // divisor).astype(np.int32)
    return Quotient(classes, multiplicities, edges, colours[order], ratios)
