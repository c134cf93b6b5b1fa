"""Graphs in, structure embeddings out: the only part of serving that runs a network."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.backbones.edge_budget import CudaMemory, measured_edge_budget
from epitaxy_models.backbones.fused import FusedBackbone
from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.graphs.batch import CrystalGraphBatch, collate
from epitaxy_models.graphs.graph import CrystalGraph, build_graph
from epitaxy_models.structures.structure import Structure

# On CPUs a larger batch is no faster an edge and makes small requests wait.
EDGES_ON_CPUS = 40_000


class Embedder:
    """The backbone of one model, all members at once: compiled on CPUs, in torch on any other device."""

    def __init__(self, artifact: ModelArtifact, device: str = "cpu") -> None:
        """Raises CheckpointError if the weights do not fit the card."""
        self.device = device
        self.config = artifact.card.backbone
        self._run = FusedBackbone(self.config, artifact.backbone) if device == "cpu" else _on_device(artifact, device)

    def __call__(self, graphs: Sequence[CrystalGraph]) -> NDArray[np.float32]:
        """Structure embeddings, ``[n_graphs, n_members, embedding_width]``; an answer does not depend on its batch."""
        if not graphs:
            return np.zeros((0, self.config.n_members, self.config.embedding_width), dtype=np.float32)
        return self._run(collate(graphs))

    def edge_budget(self, examples: Callable[[], Sequence[Structure]], part: float = 1.0) -> int:
        """Edges that one forward pass should have at most: ``EDGES_ON_CPUS``, or what a device's free memory allows.

        Args:
            examples: Gives ordinary crystals; on a device, batches of them are run for some seconds.
            part: Share of the device's memory that this process may use.
        """
        if self.device == "cpu":
            return EDGES_ON_CPUS
        probe = [build_graph(structure) for structure in examples()]

        def forward(repetitions: int) -> int:
            self(probe * repetitions)
            return repetitions * sum(graph.n_edges for graph in probe)

        return measured_edge_budget(forward, CudaMemory(self.device), part)


def _on_device(artifact: ModelArtifact, device: str) -> Callable[[CrystalGraphBatch], NDArray[np.float32]]:
    # Imported here: serving on a CPU loads no torch.
    from epitaxy_models.backbones.device import DeviceBackbone  # noqa: PLC0415

    return DeviceBackbone(artifact.card.backbone, artifact.backbone, device)
