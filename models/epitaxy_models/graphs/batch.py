"""Many crystal graphs as one disconnected graph."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.graphs.graph import CrystalGraph

_DType = TypeVar("_DType", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class CrystalGraphBatch:
    """Flat arrays of several graphs; nodes of graph g are ``cell_offsets[g]`` to ``cell_offsets[g + 1]``.

    Attributes:
        atomic_numbers: uint8 ``[n_nodes]``.
        multiplicities: int32 ``[n_nodes]``.
        rows: int32 ``[n_nodes + 1]``; int64 in a store, which may hold more edges than an int32 counts.
        sources: Node indices within the batch, int32 ``[n_edges]``.
        distances: Angstrom, float32 ``[n_edges]``.
        weights: float32 ``[n_edges]``.
        cell_offsets: int64 ``[n_graphs + 1]``.
    """

    atomic_numbers: NDArray[np.uint8]
    multiplicities: NDArray[np.int32]
    rows: NDArray[np.int32] | NDArray[np.int64]
    sources: NDArray[np.int32]
    distances: NDArray[np.float32]
    weights: NDArray[np.float32]
    cell_offsets: NDArray[np.int64]

    @property
    def n_graphs(self) -> int:
        """Number of crystals."""
        return len(self.cell_offsets) - 1

    @property
    def n_edges(self) -> int:
        """Number of merged directed edges."""
        return len(self.sources)

    @property
    def edge_index(self) -> NDArray[np.int64]:
        """Sources over receivers, ``[2, n_edges]``: the coordinate form that torch-geometric uses."""
        receivers = np.repeat(np.arange(len(self.atomic_numbers)), np.diff(self.rows))
        return np.stack([self.sources.astype(np.int64), receivers])


def collate(graphs: Sequence[CrystalGraph]) -> CrystalGraphBatch:
    """Joins graphs, in order; an empty sequence gives an empty batch."""
    n_nodes = np.array([graph.n_nodes for graph in graphs], dtype=np.int64)
    n_edges = np.array([graph.n_edges for graph in graphs], dtype=np.int64)
    nodes = np.concatenate([[0], np.cumsum(n_nodes)])
    first_nodes = np.repeat(nodes[:-1], n_edges).astype(np.int32)
    first_edges = np.repeat(np.cumsum(n_edges) - n_edges, n_nodes).astype(np.int32)
    ends = _joined([g.rows[1:] for g in graphs], np.int32)
    return CrystalGraphBatch(
        atomic_numbers=_joined([g.atomic_numbers for g in graphs], np.uint8),
        multiplicities=_joined([g.multiplicities for g in graphs], np.int32),
        rows=np.concatenate([np.zeros(1, dtype=np.int32), ends + first_edges]),
        sources=_joined([g.sources for g in graphs], np.int32) + first_nodes,
        distances=_joined([g.distances for g in graphs], np.float32),
        weights=_joined([g.weights for g in graphs], np.float32),
        cell_offsets=nodes.astype(np.int64),
    )


def separate(batch: CrystalGraphBatch) -> list[CrystalGraph]:
    """Takes a batch apart into views of it; a batch carries no keys, so theirs are empty."""
    graphs = []
    for start, stop in pairwise(batch.cell_offsets.tolist()):
        low, high = int(batch.rows[start]), int(batch.rows[stop])
        graphs.append(
            CrystalGraph(
                atomic_numbers=batch.atomic_numbers[start:stop],
                multiplicities=batch.multiplicities[start:stop],
                rows=batch.rows[start : stop + 1] - np.int32(low),
                sources=batch.sources[low:high] - np.int32(start),
                distances=batch.distances[low:high],
                weights=batch.weights[low:high],
                key=b"",
            )
        )
    return graphs


def select(batch: CrystalGraphBatch, chosen: NDArray[np.int64]) -> CrystalGraphBatch:
    """The chosen graphs, in that order, without a Python loop over them."""
    node_starts, node_stops = batch.cell_offsets[chosen], batch.cell_offsets[chosen + 1]
    node_counts = node_stops - node_starts
    edge_starts = batch.rows[node_starts].astype(np.int64)
    edge_counts = batch.rows[node_stops].astype(np.int64) - edge_starts
    nodes, edges = _ranges(node_starts, node_counts), _ranges(edge_starts, edge_counts)
    cell_offsets = np.concatenate([[0], np.cumsum(node_counts)])
    degrees = batch.rows[nodes + 1] - batch.rows[nodes]
    moved = np.repeat(cell_offsets[:-1] - node_starts, edge_counts)
    return CrystalGraphBatch(
        atomic_numbers=batch.atomic_numbers[nodes],
        multiplicities=batch.multiplicities[nodes],
        rows=np.concatenate([[0], np.cumsum(degrees)]).astype(np.int32),
        sources=(batch.sources[edges] + moved).astype(np.int32),
        distances=batch.distances[edges],
        weights=batch.weights[edges],
        cell_offsets=cell_offsets,
    )


def _joined(parts: Sequence[NDArray[_DType]], dtype: type[_DType]) -> NDArray[_DType]:
    return np.concatenate(parts).astype(dtype, copy=False) if parts else np.zeros(0, dtype=dtype)


def _ranges(starts: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """``starts[0] .. starts[0] + counts[0], starts[1] .. `` joined."""
    total = int(counts.sum())
    ends = np.cumsum(counts)
    positions: NDArray[np.int64] = np.arange(total) + np.repeat(starts - (ends - counts), counts)
    return positions
