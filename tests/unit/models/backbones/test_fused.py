"""The compiled backbone against the one in torch, which training uses and a textbook network checks."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from epitaxy_models.backbones import fused
from epitaxy_models.backbones.config import BackboneConfig
from epitaxy_models.backbones.device import DeviceBackbone
from epitaxy_models.backbones.fused import FusedBackbone
from epitaxy_models.backbones.stacked import StackedBackbone, radial_basis
from epitaxy_models.errors import CheckpointError
from epitaxy_models.graphs.batch import CrystalGraphBatch, collate
from epitaxy_models.graphs.graph import CrystalGraph, build_full_graph, build_graph
from epitaxy_models.testing.specimens import specimens

# Float32 sums in another order, of channels of unit size.
TOLERANCE = 3e-5
CONFIG = BackboneConfig(n_members=2, width=24, n_layers=3)


def _state(config: BackboneConfig, seed: int = 3) -> dict[str, np.ndarray]:
    """Weights whose biases and gains have moved from their first values, as after training."""
    torch.manual_seed(seed)
    backbone = StackedBackbone(config)
    with torch.no_grad():
        for name, parameter in backbone.named_parameters():
            if name.endswith(("gain", "bias")):
                parameter.add_(0.3 * torch.randn_like(parameter))
    return {name: value.numpy().copy() for name, value in backbone.state_dict().items()}


def _graphs() -> list[CrystalGraph]:
    structures = list(specimens().values())
    return [build_graph(s) for s in structures] + [build_full_graph(s) for s in structures]


def _batch() -> CrystalGraphBatch:
    return collate(_graphs())


@pytest.mark.parametrize("config", [CONFIG, BackboneConfig(n_members=1, width=8, n_layers=1, n_radial=1)])
def test_compiled_backbone_equals_the_one_in_torch(config: BackboneConfig) -> None:
    state = _state(config)
    expected = DeviceBackbone(config, state, "cpu")(_batch())
    np.testing.assert_allclose(FusedBackbone(config, state)(_batch()), expected, atol=TOLERANCE, rtol=0)


def test_blocks_of_nodes_join_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone, batch = FusedBackbone(CONFIG, _state(CONFIG)), _batch()
    n_copies = 2 * fused._BLOCK // len(batch.atomic_numbers) + 1
    many = backbone(collate(_graphs() * n_copies)).reshape(n_copies, batch.n_graphs, *backbone(batch).shape[1:])
    assert n_copies * len(batch.atomic_numbers) > 2 * fused._BLOCK
    np.testing.assert_allclose(many, np.broadcast_to(backbone(batch), many.shape), atol=1e-5, rtol=0)


def test_large_states_keep_their_sign_in_the_activation() -> None:
    values = np.array([[-80.0, -12.0, -1.0, 0.0, 1e-6, 1.0, 12.0, 80.0]], dtype=np.float32)
    expected = torch.nn.functional.silu(torch.from_numpy(values.copy())).numpy()
    fused._activate(np.zeros(8, np.float32), values)
    np.testing.assert_allclose(values, expected, atol=1e-5, rtol=1e-6)


def test_radial_functions_are_those_of_training() -> None:
    np.testing.assert_allclose(fused.radial_basis(CONFIG), radial_basis(CONFIG).numpy(), atol=2e-5)


def test_shapes_are_those_of_the_network() -> None:
    assert fused.state_shapes(CONFIG) == {name: value.shape for name, value in _state(CONFIG).items()}


def test_weights_of_another_shape_are_refused() -> None:
    state = _state(CONFIG)
    state["layers.1.to_centre"] = state["layers.1.to_centre"][:, :-1]
    del state["species"]
    with pytest.raises(CheckpointError, match=r"do not fit the card: layers.1.to_centre, species"):
        FusedBackbone(CONFIG, state)


def test_embedding_on_a_cpu_loads_no_torch() -> None:
    code = "import sys; import epitaxy_models.ensembles.embedder; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_network_of_zeros_embeds_rock_salt() -> None:
    embeddings = fused.embed_rock_salt()
    assert embeddings.shape == (1, 1, 16)
    assert not embeddings.any()
