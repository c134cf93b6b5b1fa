"""Property heads: the numpy readout of serving equals the torch module of training."""

import numpy as np
import pytest
import torch

from epitaxy_models.backbones.config import N_ELEMENTS
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.heads.property import Fidelity, PropertyDefinition
from epitaxy_models.heads.property_heads import PropertyHeads
from epitaxy_models.heads.readout import PropertyReadout, composition_of

N_MEMBERS, N_IN, N_PROPERTIES, N_CRYSTALS = 3, 12, 4, 9


@pytest.fixture
def heads() -> PropertyHeads:
    torch.manual_seed(2)
    heads = PropertyHeads(N_MEMBERS, N_IN, N_PROPERTIES, n_hidden=8)
    with torch.no_grad():
        for parameter in heads.parameters():
            parameter.add_(0.5 * torch.randn_like(parameter))
        heads.references.normal_()
        heads.spreads.uniform_(0.2, 3.0)
    return heads


@pytest.fixture
def inputs() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(4)
    composition = torch.rand(N_CRYSTALS, N_ELEMENTS, generator=generator)
    embeddings = 3 * torch.randn(N_MEMBERS, N_CRYSTALS, N_IN, generator=generator)
    return embeddings, composition / composition.sum(dim=1, keepdim=True)


def _readout(heads: PropertyHeads, properties: list[int]) -> PropertyReadout:
    return PropertyReadout.from_tensors({k: v.numpy() for k, v in heads.state_dict().items()}, properties)


@pytest.mark.parametrize("properties", [[0, 1, 2, 3], [2], [3, 0]])
def test_numpy_readout_equals_torch_heads(
    heads: PropertyHeads, inputs: tuple[torch.Tensor, torch.Tensor], properties: list[int]
) -> None:
    embeddings, composition = inputs
    with torch.no_grad():
        values, scales = heads(embeddings, composition)
    found = _readout(heads, properties)(embeddings.numpy().swapaxes(0, 1), composition.numpy())
    np.testing.assert_allclose(found[0], values[..., properties], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found[1], scales[..., properties], rtol=1e-5, atol=1e-7)


def test_huge_embeddings_stay_finite(heads: PropertyHeads, inputs: tuple[torch.Tensor, torch.Tensor]) -> None:
    embeddings, composition = (1e4 * inputs[0]).numpy().swapaxes(0, 1), inputs[1].numpy()
    values, scales = _readout(heads, [0, 1])(embeddings, composition)
    assert np.isfinite(values).all()
    assert (scales > 0).all()
    assert np.isfinite(scales).all()


def test_noise_scale_teaches_neither_value_nor_backbone(
    heads: PropertyHeads, inputs: tuple[torch.Tensor, torch.Tensor]
) -> None:
    embeddings = inputs[0].requires_grad_()
    _, scales = heads(embeddings, inputs[1])
    scales.sum().backward()
    assert embeddings.grad is None
    assert heads.value.grad is None
    assert heads.scale_hidden.grad is not None


def test_composition_is_shares_of_atoms() -> None:
    shares = composition_of([np.array([8, 8, 22], np.uint8), np.array([14], np.uint8)])
    assert shares.shape == (2, N_ELEMENTS)
    np.testing.assert_allclose(shares[0, [8, 22]], [2 / 3, 1 / 3])
    np.testing.assert_allclose(shares.sum(axis=1), 1)


@pytest.mark.parametrize(("name", "unit"), [("band gap", "eV"), ("", "eV"), ("band_gap", "")])
def test_property_needs_a_name_and_a_unit(name: str, unit: str) -> None:
    with pytest.raises(ConfigurationError, match="a property needs a name and a unit"):
        PropertyDefinition(name, unit, Fidelity.PBE, "PBE", "a gap")
