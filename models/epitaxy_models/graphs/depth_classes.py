"""Which nodes of a batch a network gives equal states, layer by layer.

What a node knows after ``d`` layers is a function of its surroundings to depth ``d``: its own kind, and the kinds and
weights of the edges to neighbours that are alike to depth ``d - 1``. Where edges are of a few kinds, as bonds are, many
nodes are alike after one layer, in one molecule or in several, and symmetric atoms of a molecule always are. A network
that runs once for each class of nodes gives the same embeddings.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.compiled import compiled
from epitaxy_models.graphs.batch import CrystalGraphBatch
from epitaxy_models.graphs.quotient import mixed

_STEP = np.uint64(0x9E3779B97F4A7C15)
_EMPTY = np.int32(-1)


class DepthClasses(NamedTuple):
    """Nodes that are alike after each layer.

    Attributes:
        of_node: Class of each node after each layer, int32 ``[n_layers, n_nodes]``; classes are numbered by their first
            node.
        firsts: First node of each class, int32 ``[n_layers, n_nodes]``, of which ``counts`` count.
        counts: Number of classes after each layer, int32 ``[n_layers]``.
    """

    of_node: NDArray[np.int32]
    firsts: NDArray[np.int32]
    counts: NDArray[np.int32]


def every_node(n_nodes: int, n_layers: int) -> DepthClasses:
    """A class for each node: where edges have lengths, no two nodes of different crystals are alike."""
    nodes = np.tile(np.arange(n_nodes, dtype=np.int32), (n_layers, 1))
    return DepthClasses(nodes, nodes, np.full(n_layers, n_nodes, dtype=np.int32))


def alike_nodes(batch: CrystalGraphBatch, n_layers: int) -> DepthClasses:
    """Classes of nodes by 64-bit colours of their surroundings, for a batch whose edges are of some kinds."""
    shape = (n_layers, len(batch.atomic_numbers))
    found = DepthClasses(np.empty(shape, np.int32), np.empty(shape, np.int32), np.zeros(n_layers, np.int32))
    rows = batch.rows.astype(np.int32, copy=False)
    _refine(batch.atomic_numbers, rows, batch.sources, batch.distances, batch.weights.view(np.uint32), *found)
    return found


@compiled()
def _refine(
    kinds: NDArray[np.uint8],
    rows: NDArray[np.int32],
    sources: NDArray[np.int32],
    edge_kinds: NDArray[np.float32],
    weights: NDArray[np.uint32],
    of_node: NDArray[np.int32],
    firsts: NDArray[np.int32],
    counts: NDArray[np.int32],
) -> None:
    n = len(kinds)
    colours, refined = np.empty(n, dtype=np.uint64), np.empty(n, dtype=np.uint64)
    # Of each edge, without the node that it comes from.
    labels = np.empty(len(sources), dtype=np.uint64)
    for edge in range(len(sources)):
        labels[edge] = mixed((np.uint64(weights[edge]) << np.uint64(8)) + np.uint64(edge_kinds[edge]) + np.uint64(1))
    for node in range(n):
        colours[node] = mixed(np.uint64(kinds[node]) + _STEP)
    size = 16
    while size < 2 * n:
        size *= 2
    table = np.empty(size, dtype=np.int32)
    for layer in range(len(counts)):
        for node in range(n):
            # A sum does not depend on the order of the neighbours.
            total = np.uint64(0)
            for edge in range(rows[node], rows[node + 1]):
                total += mixed(colours[sources[edge]] ^ labels[edge])
            refined[node] = mixed(total + colours[node] * _STEP)
        colours, refined = refined, colours
        counts[layer] = _numbered(colours, table, of_node[layer], firsts[layer])


@compiled()
def _numbered(
    colours: NDArray[np.uint64], table: NDArray[np.int32], of_node: NDArray[np.int32], firsts: NDArray[np.int32]
) -> int:
    """Numbers equal colours by their first node, through a table with open addresses; returns how many there are."""
    table[:] = _EMPTY
    mask, count = np.uint64(len(table) - 1), 0
    for node in range(len(colours)):
        colour = colours[node]
        place = colour & mask
        while table[place] != _EMPTY and colours[firsts[table[place]]] != colour:
            place = (place + np.uint64(1)) & mask
        if table[place] == _EMPTY:
            table[place] = count
            firsts[count] = node
            count += 1
        of_node[node] = table[place]
    return count
