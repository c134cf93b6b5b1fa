"""Pairs of atoms near enough to touch, with the vectors between them."""

import math
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.compiled import compiled

_DType = TypeVar("_DType", bound=np.generic)


class Contacts(NamedTuple):
    """Directed pairs, ordered by their centre.

    Attributes:
        rows: Pairs of centre i are ``rows[i]`` to ``rows[i + 1]``, int32 ``[n_sites + 1]``.
        others: The site at the far end, int32 ``[n_pairs]``.
        images: Lattice translation of the far end, int32 ``[n_pairs, 3]``.
        vectors: From the centre to the far end, Angstrom ``[n_pairs, 3]``.
        distances: Angstrom ``[n_pairs]``.
        excess: Distance beyond the sum of the radii, Angstrom ``[n_pairs]``.
    """

    rows: NDArray[np.int32]
    others: NDArray[np.int32]
    images: NDArray[np.int32]
    vectors: NDArray[np.float64]
    distances: NDArray[np.float64]
    excess: NDArray[np.float64]


@compiled()
def find_contacts(
    lattice: NDArray[np.float64], frac: NDArray[np.float64], radii: NDArray[np.float64], reach: float
) -> Contacts:
    """All directed pairs nearer than the sum of their ``radii`` ``[n_sites]`` and ``reach``, Angstrom.

    ``graphs.neighbours`` finds pairs within one radius and forgets their direction; here every pair has its own
    cutoff, so that small atoms bring few pairs and gaps between layers are seen for large ones.
    """
    n = frac.shape[0]
    # Spacing of lattice planes bounds how many images along each axis can lie within the radius.
    inverse = np.linalg.inv(lattice)
    spans = np.sqrt((inverse * inverse).sum(axis=0))
    rows = np.zeros(n + 1, dtype=np.int32)
    capacity = 64 * n
    others, images = np.empty(capacity, dtype=np.int32), np.empty((capacity, 3), dtype=np.int32)
    vectors, lengths = np.empty((capacity, 3)), np.empty((capacity, 2))
    found = 0
    for i in range(n):
        for j in range(n):
            radius = radii[i] + radii[j] + reach
            s0, s1, s2 = radius * spans[0], radius * spans[1], radius * spans[2]
            d0 = frac[j, 0] - frac[i, 0]
            d1 = frac[j, 1] - frac[i, 1]
            d2 = frac[j, 2] - frac[i, 2]
            for a in range(math.ceil(-s0 - d0), math.floor(s0 - d0) + 1):
                xa, ya, za = (d0 + a) * lattice[0, 0], (d0 + a) * lattice[0, 1], (d0 + a) * lattice[0, 2]
                for b in range(math.ceil(-s1 - d1), math.floor(s1 - d1) + 1):
                    xb = xa + (d1 + b) * lattice[1, 0]
                    yb = ya + (d1 + b) * lattice[1, 1]
                    zb = za + (d1 + b) * lattice[1, 2]
                    for c in range(math.ceil(-s2 - d2), math.floor(s2 - d2) + 1):
                        x = xb + (d2 + c) * lattice[2, 0]
                        y = yb + (d2 + c) * lattice[2, 1]
                        z = zb + (d2 + c) * lattice[2, 2]
                        squared = x * x + y * y + z * z
                        if squared >= radius * radius or (i == j and a == 0 and b == 0 and c == 0):
                            continue
                        if found == len(others):
                            others, images = np.append(others, others), _doubled(images)
                            vectors, lengths = _doubled(vectors), _doubled(lengths)
                        distance = math.sqrt(squared)
                        others[found] = j
                        images[found, 0], images[found, 1], images[found, 2] = a, b, c
                        vectors[found, 0], vectors[found, 1], vectors[found, 2] = x, y, z
                        lengths[found, 0], lengths[found, 1] = distance, distance - (radius - reach)
                        found += 1
        rows[i + 1] = found
    distances, excess = lengths[:found, 0].copy(), lengths[:found, 1].copy()
    return Contacts(rows, others[:found], images[:found], vectors[:found], distances, excess)


@compiled()
def _doubled(rows: NDArray[_DType]) -> NDArray[_DType]:
    return np.concatenate((rows, rows))
