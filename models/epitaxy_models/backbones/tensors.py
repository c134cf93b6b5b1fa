"""A batch of graphs as the tensors that a network consumes."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from epitaxy_models.backbones.config import BackboneConfig
from epitaxy_models.graphs.batch import CrystalGraphBatch


@dataclass(frozen=True, slots=True, eq=False)
class GraphTensors:
    """One batch on one device.

    Attributes:
        atomic_numbers: int64 ``[n_nodes]``.
        graph_of_node: int64 ``[n_nodes]``.
        fractions: Share of its crystal's atoms that a node stands for, ``[n_nodes]``.
        rows: int32 ``[n_nodes + 1]``.
        sources: int32 ``[n_edges]``.
        positions: Edge lengths in steps of the filter's grid, ``[n_edges]``.
        weights: ``[n_edges]``.
        composition: Share of each kind of node, ``[n_graphs, n_species]``.
    """

    atomic_numbers: Tensor
    graph_of_node: Tensor
    fractions: Tensor
    rows: Tensor
    sources: Tensor
    positions: Tensor
    weights: Tensor
    composition: Tensor

    @property
    def n_graphs(self) -> int:
        """Crystals in the batch."""
        return len(self.composition)


def to_tensors(batch: CrystalGraphBatch, config: BackboneConfig, device: str = "cpu") -> GraphTensors:
    """Copies a batch to ``device``; atoms become shares of their crystal, distances positions on the grid."""
    graph_of_node = np.repeat(np.arange(batch.n_graphs), np.diff(batch.cell_offsets))
    fractions = _atom_shares(batch, graph_of_node)
    species = batch.atomic_numbers.astype(np.int64)
    composition = np.zeros((batch.n_graphs, config.n_species), dtype=np.float32)
    np.add.at(composition, (graph_of_node, species), fractions)
    steps = np.float32((config.n_grid - 1) / config.radius_max)
    # The last grid point itself has no upper neighbour to interpolate to.
    positions = np.minimum(batch.distances * steps, np.float32(config.n_grid - 1.001))
    arrays = (species, graph_of_node, fractions, batch.rows, batch.sources, positions, batch.weights, composition)
    return GraphTensors(*(_on(device, torch.from_numpy(np.array(array))) for array in arrays))


def _on(device: str, tensor: Tensor) -> Tensor:
    """On the device; to a GPU from pinned memory, so that this process does not wait for each copy."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.startswith("cuda") else tensor.to(device)


def _atom_shares(batch: CrystalGraphBatch, graph_of_node: NDArray[np.int64]) -> NDArray[np.float32]:
    atoms = np.bincount(graph_of_node, weights=batch.multiplicities, minlength=batch.n_graphs)
    return (batch.multiplicities / atoms[graph_of_node]).astype(np.float32)
