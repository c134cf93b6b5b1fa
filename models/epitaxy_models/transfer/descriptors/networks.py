"""Networks of bonds through the cell boundaries: which sites hang together, and in how many dimensions."""

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.compiled import compiled
from epitaxy_models.transfer.descriptors.contacts import Contacts

Ints = NDArray[np.int64]


@compiled()
def with_translation(basis: Ints, translation: Ints) -> Ints:
    """Echelon basis ``[3, 3]``, zeros last, of the lattice that ``basis`` and one more translation generate."""
    rows = np.zeros((4, 3), dtype=np.int64)
    rows[:3], rows[3] = basis, translation
    top = 0
    for column in range(3):
        # Euclid's algorithm on the column leaves one row, on top, that is not zero there.
        while True:
            others = np.flatnonzero(rows[top:, column]) + top
            if len(others) == 0:
                break
            pivot = others[np.argmin(np.abs(rows[others, column]))]
            smallest = rows[pivot].copy()
            rows[pivot] = rows[top]
            rows[top] = smallest
            if len(others) == 1:
                top += 1
                break
            for row in range(top + 1, 4):
                rows[row] -= (rows[row, column] // rows[top, column]) * rows[top]
    return rows[:3].copy()


@compiled()
def root_of(parents: Ints, shifts: Ints, site: int) -> int:
    """Root of a site's network; leaves the site's shift relative to that root."""
    root = site
    shift = np.zeros(3, dtype=np.int64)
    while parents[root] != root:
        shift += shifts[root]
        root = parents[root]
    parents[site] = root
    shifts[site] = shift
    return root


@compiled()
def join(parents: Ints, shifts: Ints, bases: Ints, i: int, j: int, image: NDArray[np.int32]) -> int:
    """Adds the bond from site ``i`` to ``j`` in ``image``; the number of dimensions in which its network is endless.

    Args:
        parents: Forest of the sites, ``[n_sites]``; changed in place, as are the others.
        shifts: Lattice translation of each site relative to its parent, ``[n_sites, 3]``.
        bases: By root, translations that lead from the network into itself, ``[n_sites, 3, 3]``.
        i: One end.
        j: Other end.
        image: Its lattice translation, ``[3]``.
    """
    a, b = root_of(parents, shifts, i), root_of(parents, shifts, j)
    translation = shifts[i] + image - shifts[j]
    if a == b:
        if translation.any():
            bases[a] = with_translation(bases[a], translation)
    else:
        parents[b] = a
        shifts[b] = translation
        for row in bases[b]:
            if row.any():
                bases[a] = with_translation(bases[a], row)
    rank = 0
    for row in bases[a]:
        rank += row.any()
    return rank


@compiled()
def connection_lengths(contacts: Contacts, unconnected: float) -> NDArray[np.float64]:
    """Excess lengths at which the first endless chain, layer and framework appear, ``[3]``.

    ``unconnected`` where none does. Bonds count from the shortest on; the interval in which a crystal consists of
    layers says how clearly it does (Larsen et al., Phys. Rev. Materials 3, 034003 (2019)). The lengths move
    continuously with the coordinates.
    """
    n = len(contacts.rows) - 1
    parents, shifts, bases = np.arange(n), np.zeros((n, 3), dtype=np.int64), np.zeros((n, 3, 3), dtype=np.int64)
    lengths = np.full(3, unconnected)
    reached = 0
    for edge in np.argsort(contacts.excess):
        centre = np.searchsorted(contacts.rows, edge, side="right") - 1
        rank = join(parents, shifts, bases, centre, contacts.others[edge], contacts.images[edge])
        for dimension in range(reached, rank):
            lengths[dimension] = contacts.excess[edge]
        reached = max(reached, rank)
        if reached == 3:
            break
    return lengths


@compiled()
def layer_shape(
    lattice: NDArray[np.float64], frac: NDArray[np.float64], contacts: Contacts, longest: float
) -> NDArray[np.float64]:
    """Area an atom (square Angstrom), thickness and mean distance from the middle (Angstrom) of the layers, ``[3]``.

    Means over the atoms in layers, when contacts of an excess up to ``longest`` count as bonds; zeros without layers.
    """
    n = len(frac)
    parents, shifts, bases = np.arange(n), np.zeros((n, 3), dtype=np.int64), np.zeros((n, 3, 3), dtype=np.int64)
    for i in range(n):
        for edge in range(contacts.rows[i], contacts.rows[i + 1]):
            if contacts.excess[edge] <= longest:
                join(parents, shifts, bases, i, contacts.others[edge], contacts.images[edge])
    roots = np.array([root_of(parents, shifts, i) for i in range(n)])
    n_atoms = 0
    totals = np.zeros(3)
    for root in np.unique(roots):
        if not bases[root, 1].any() or bases[root, 2].any():
            continue
        normal = np.cross(bases[root, 0].astype(np.float64) @ lattice, bases[root, 1].astype(np.float64) @ lattice)
        area = np.sqrt((normal * normal).sum())
        sites = np.flatnonzero(roots == root)
        heights = (frac[sites] + shifts[sites]) @ lattice @ (normal / area)
        thickness, deviations = heights.max() - heights.min(), np.abs(heights - heights.mean())
        totals += np.array([area, len(sites) * thickness, deviations.sum()])
        n_atoms += len(sites)
    return totals / max(n_atoms, 1)
