"""A crystal taken apart: classes of equal atoms, shells of neighbours, and what is left without some of them."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.graphs.graph import DEFAULT_RULE, CrystalGraph, GraphRule, build_graph_with_classes
from epitaxy_models.graphs.quotient import distance_shells
from epitaxy_models.structures.structure import Structure

# The atomic number of an atom that was taken away: of no element in particular.
NO_ELEMENT = 0
# Distances of one pair of elements nearer than this belong to one shell, Angstrom.
_SHELL_TOLERANCE = 0.05


@dataclass(frozen=True, slots=True)
class Shell:
    """Pairs of neighbours of two elements at one distance.

    Attributes:
        first: Atomic number of the lighter element.
        second: Atomic number of the heavier.
        distance: Mean over the pairs, Angstrom.
        coordination: Neighbours of this shell, each counted as far as the smooth cutoff lets it in, a site of the
            first element.
    """

    first: int
    second: int
    distance: float
    coordination: float


@dataclass(frozen=True, eq=False)
class CrystalAnatomy:
    """The graph of one crystal and its parts: first the nodes, then the shells.

    Attributes:
        graph: Its quotient graph.
        node_of_site: Node that stands for each site, int32 ``[n_sites]``.
        shells: Nearest first among those of one pair of elements.
        shell_of_edge: ``[n_edges]``.
    """

    graph: CrystalGraph
    node_of_site: NDArray[np.int32]
    shells: tuple[Shell, ...]
    shell_of_edge: NDArray[np.int64]

    @classmethod
    def of(cls, structure: Structure, rule: GraphRule = DEFAULT_RULE) -> "CrystalAnatomy":
        """Parts of a structure."""
        graph, node_of_site = build_graph_with_classes(structure, rule)
        receivers = _receivers(graph)
        pairs = np.sort(graph.atomic_numbers[np.stack([receivers, graph.sources])], axis=0).astype(np.int64)
        shells: list[Shell] = []
        shell_of_edge = np.zeros(graph.n_edges, dtype=np.int64)
        for first, second in np.unique(pairs, axis=1).T.tolist():
            chosen = np.flatnonzero((pairs[0] == first) & (pairs[1] == second))
            found, means = distance_shells(graph.distances[chosen].astype(np.float64), _SHELL_TOLERANCE)
            shell_of_edge[chosen] = found + len(shells)
            for shell in range(len(means)):
                edges = chosen[found == shell]
                shells.append(_shell(graph, receivers, edges, first, second))
        return cls(graph, node_of_site, tuple(shells), shell_of_edge)

    @property
    def n_parts(self) -> int:
        """Nodes and shells."""
        return self.graph.n_nodes + len(self.shells)

    @cached_property
    def receivers(self) -> NDArray[np.int64]:
        """Node that each edge leads to, ``[n_edges]``."""
        return _receivers(self.graph)

    def with_parts(self, present: NDArray[np.bool_]) -> CrystalGraph:
        """The graph where only some parts are left, ``[n_parts]``.

        A node that is absent is of no element; an edge is left where its shell and both of its ends are.
        """
        graph, n_nodes = self.graph, self.graph.n_nodes
        nodes, shells = present[:n_nodes], present[n_nodes:]
        kept = shells[self.shell_of_edge] & nodes[self.receivers] & nodes[graph.sources]
        degrees = np.bincount(self.receivers[kept], minlength=n_nodes)
        return replace(
            graph,
            atomic_numbers=np.where(nodes, graph.atomic_numbers, NO_ELEMENT).astype(np.uint8),
            rows=np.concatenate([[0], np.cumsum(degrees)]).astype(np.int32),
            sources=graph.sources[kept],
            distances=graph.distances[kept],
            weights=graph.weights[kept],
            key=b"",
        )


def _receivers(graph: CrystalGraph) -> NDArray[np.int64]:
    return np.repeat(np.arange(graph.n_nodes), np.diff(graph.rows))


def _shell(
    graph: CrystalGraph, receivers: NDArray[np.int64], edges: NDArray[np.int64], first: int, second: int
) -> Shell:
    """Facts of one shell; every atom of a class sees what its node sees."""
    pairs = graph.weights[edges] * graph.multiplicities[receivers[edges]]
    from_first = graph.atomic_numbers[receivers[edges]] == first
    n_first = graph.multiplicities[graph.atomic_numbers == first].sum()
    distance = float(np.average(graph.distances[edges], weights=pairs))
    return Shell(first, second, distance, float(pairs[from_first].sum() / n_first))
