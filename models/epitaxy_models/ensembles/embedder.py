"""Graphs in, structure embeddings out: the only part of serving that runs a network."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from epitaxy_models.backbones.stacked import StackedBackbone
from epitaxy_models.backbones.tensors import to_tensors
from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.errors import CheckpointError
from epitaxy_models.graphs.batch import collate
from epitaxy_models.graphs.graph import CrystalGraph


class Embedder:
    """The stacked backbone of one model, in evaluation mode on one device."""

    def __init__(self, artifact: ModelArtifact, device: str = "cpu") -> None:
        """Raises CheckpointError where the weights do not fit the card."""
        self.device = device
        self.config = artifact.card.backbone
        self._network = StackedBackbone(self.config)
        state = {name: torch.from_numpy(np.array(value)) for name, value in artifact.backbone.items()}
        try:
            self._network.load_state_dict(state)
        except RuntimeError as error:
            raise CheckpointError("INVALID_WEIGHTS", f"weights do not fit the card: {error}") from error
        self._network.eval().requires_grad_(requires_grad=False).to(device)

    @torch.inference_mode()
    def __call__(self, graphs: Sequence[CrystalGraph]) -> NDArray[np.float32]:
        """Structure embeddings, ``[n_graphs, n_members, embedding_width]``; an answer does not depend on its batch."""
        if not graphs:
            return np.zeros((0, self.config.n_members, self.config.embedding_width), dtype=np.float32)
        embeddings = self._network(to_tensors(collate(graphs), self.config, self.device))
        return np.ascontiguousarray(embeddings.cpu().numpy().swapaxes(0, 1))
