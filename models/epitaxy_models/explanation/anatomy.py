"""A crystal taken apart: classes of equal atoms, and shells of neighbours."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.graphs.graph import (
    DEFAULT_RULE,
    CrystalGraph,
    GraphRule,
    GraphWithOrigins,
    build_graph_with_origins,
)
from epitaxy_models.graphs.quotient import distance_shells
from epitaxy_models.structures.structure import Structure

# Distances of one pair of elements nearer than this belong to one shell, Angstrom.
_SHELL_TOLERANCE = 0.05


@dataclass(frozen=True, slots=True)
class Shell:
    """Pairs of neighbours of two elements at one distance.

    Attributes:
        first: Atomic number of the lighter element.
        second: Atomic number of the heavier.
        distance: Mean over the pairs, Angstrom.
        coordination: Neighbours of this shell, a site of the first element.
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
        found = build_graph_with_origins(structure, rule)
        graph = found.graph
        receivers = _receivers(graph)
        pairs = np.sort(graph.atomic_numbers[np.stack([receivers, graph.sources])], axis=0).astype(np.int64)
        shells: list[Shell] = []
        shell_of_edge = np.zeros(graph.n_edges, dtype=np.int64)
        for first, second in np.unique(pairs, axis=1).T.tolist():
            chosen = np.flatnonzero((pairs[0] == first) & (pairs[1] == second))
            numbers, means = distance_shells(graph.distances[chosen].astype(np.float64), _SHELL_TOLERANCE)
            shell_of_edge[chosen] = numbers + len(shells)
            edges = (chosen[numbers == shell] for shell in range(len(means)))
            shells += [_shell(found, receivers, members, first, second) for members in edges]
        return cls(graph, found.node_of_site, tuple(shells), shell_of_edge)

    @property
    def n_parts(self) -> int:
        """Nodes and shells."""
        return self.graph.n_nodes + len(self.shells)

    @cached_property
    def receivers(self) -> NDArray[np.int64]:
        """Node that each edge leads to, ``[n_edges]``."""
        return _receivers(self.graph)


def _receivers(graph: CrystalGraph) -> NDArray[np.int64]:
    return np.repeat(np.arange(graph.n_nodes), np.diff(graph.rows))


def _shell(
    found: GraphWithOrigins, receivers: NDArray[np.int64], edges: NDArray[np.int64], first: int, second: int
) -> Shell:
    """Facts of one shell; every atom of a class sees what its node sees."""
    graph = found.graph
    pairs = found.neighbours[edges] * graph.multiplicities[receivers[edges]]
    from_first = graph.atomic_numbers[receivers[edges]] == first
    n_first = graph.multiplicities[graph.atomic_numbers == first].sum()
    distance = float(np.average(graph.distances[edges], weights=pairs))
    # Cutoffs are each atom's own: what lies beyond that of the first element may lie within that of the second.
    n_pairs = max(pairs[from_first].sum(), pairs[~from_first].sum())
    return Shell(first, second, distance, float(n_pairs / n_first))
