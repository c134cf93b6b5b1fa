"""The stacked backbone for inference on an accelerator, in torch."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from epitaxy_models.backbones.config import BackboneConfig
from epitaxy_models.backbones.stacked import StackedBackbone
from epitaxy_models.backbones.tensors import to_tensors
from epitaxy_models.errors import CheckpointError
from epitaxy_models.graphs.batch import CrystalGraphBatch


def loaded_network(config: BackboneConfig, state: Mapping[str, NDArray[Any]]) -> StackedBackbone:
    """The network with these weights, in evaluation mode. Raises CheckpointError if they are of another shape."""
    network = StackedBackbone(config)
    try:
        network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in state.items()})
    except RuntimeError as error:
        raise CheckpointError(f"weights do not fit the card: {error}", reason="INVALID_WEIGHTS") from error
    return network.eval().requires_grad_(requires_grad=False)


class DeviceBackbone:
    """``n_members`` networks in evaluation mode on one device."""

    def __init__(self, config: BackboneConfig, state: Mapping[str, NDArray[Any]], device: str) -> None:
        """Raises CheckpointError if the weights are of another shape."""
        self._config, self._device = config, device
        self._network = loaded_network(config, state).to(device)

    @torch.inference_mode()
    def __call__(self, batch: CrystalGraphBatch) -> NDArray[np.float32]:
        """Structure embeddings, ``[n_graphs, n_members, embedding_width]``."""
        embeddings = self._network(to_tensors(batch, self._config, self._device))
        return np.ascontiguousarray(embeddings.cpu().numpy().swapaxes(0, 1))
