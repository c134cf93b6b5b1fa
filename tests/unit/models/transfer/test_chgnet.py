"""CHGNet as a peer: its features belong to the crystal, whatever cell, order or company it comes in."""

import importlib.util
import sys

import numpy as np
import pytest

from epitaxy_models.errors import ConfigurationError, InvalidStructureError, UnsupportedElementError
from epitaxy_models.structures.structure import Structure
from epitaxy_models.testing.specimens import lone_atom, perovskite, rock_salt, wurtzite
from epitaxy_models.transfer.peers import chgnet
from epitaxy_models.transfer.peers.chgnet import WIDTH, chgnet_features

has_chgnet = importlib.util.find_spec("chgnet") is not None and importlib.util.find_spec("nvidia_smi") is not None
needs_chgnet = pytest.mark.skipif(not has_chgnet, reason="the package chgnet is not installed")


def doubled(structure: Structure) -> Structure:
    """Two cells along the first axis."""
    lattice = structure.lattice * np.array([[2.0], [1.0], [1.0]])
    frac = np.concatenate([structure.frac_coords, structure.frac_coords + np.eye(3)[0]]) * [0.5, 1.0, 1.0]
    return Structure(lattice, np.tile(structure.atomic_numbers, 2), frac)


@needs_chgnet
def test_features_do_not_depend_on_the_batch_or_the_cell(capfd) -> None:
    crystals = [rock_salt(), perovskite(), wurtzite(), doubled(perovskite())]
    features = chgnet_features(crystals)
    assert features.shape == (4, WIDTH)
    assert features.dtype == np.float64
    np.testing.assert_allclose(chgnet_features(crystals[1:2])[0], features[1], atol=1e-5)
    np.testing.assert_allclose(features[3], features[1], atol=1e-4)
    assert np.abs(features[0] - features[1]).max() > 0.1
    # A command's answer goes to stdout: the package must not speak there.
    assert capfd.readouterr().out == ""


@needs_chgnet
def test_batches_are_cut_by_atoms_and_joined_in_order(monkeypatch) -> None:
    crystals = [wurtzite(), rock_salt(), perovskite()]
    whole = chgnet_features(crystals)
    monkeypatch.setattr(chgnet, "_ATOMS_A_BATCH", 1)
    np.testing.assert_allclose(chgnet_features(crystals), whole, atol=1e-5)
    assert chgnet_features([]).shape == (0, WIDTH)


@needs_chgnet
def test_rows_that_it_cannot_read_are_named() -> None:
    heavy = rock_salt()
    heavy = Structure(heavy.lattice, np.array([95, 17], dtype=np.uint8), heavy.frac_coords)
    with pytest.raises(UnsupportedElementError, match="structure 1: CHGNet does not know Am"):
        chgnet_features([rock_salt(), heavy])
    with pytest.raises(InvalidStructureError, match="structure 1: CHGNet needs a neighbour"):
        chgnet_features([rock_salt(), lone_atom()])


def test_an_absent_package_is_named_with_its_remedy(monkeypatch) -> None:
    chgnet._model.cache_clear()
    monkeypatch.setitem(sys.modules, "chgnet.model.model", None)
    with pytest.raises(ConfigurationError, match=r"pip install epitaxy\[chgnet\]") as raised:
        chgnet_features([rock_salt()])
    assert raised.value.reason == "PEER_NOT_INSTALLED"
