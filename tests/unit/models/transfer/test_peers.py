"""Other substrates beside ours: read where they help, left where they do not, asked for only where they are read."""

from dataclasses import replace

import numpy as np
import pytest

from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.data.synthetic_labels import nearest_neighbour_mean
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.errors import ConfigurationError, UnsupportedElementError
from epitaxy_models.heads.property import Fidelity, PropertyDefinition
from epitaxy_models.materials.kind import MaterialKind
from epitaxy_models.transfer import names, peers
from epitaxy_models.transfer.contest.field import Field, default_field, material_field
from epitaxy_models.transfer.contest.stacking import STACK
from epitaxy_models.transfer.features import SubstrateFeatures
from epitaxy_models.transfer.fitted.model import TransferModel
from epitaxy_models.transfer.peers import peer_blocks
from epitaxy_models.transfer.pipeline import run_transfer
from epitaxy_models.transfer.request import TransferRequest
from epitaxy_models.transfer.strategies import BlockGP, PoolMedian
from epitaxy_models.transfer.strategies.fitted_physics import KIND as PHYSICS

ANY = PropertyDefinition("any", "1", Fidelity.EXPERIMENT, "measured", "d")
FIELD = Field((BlockGP(), BlockGP(without_peers=True, name="block_gp_without_peers"), PoolMedian()))
N = 40


def hidden(structures):
    """What only the peer knows: a number that no other feature is smooth in."""
    return np.array([np.random.default_rng(int(1e6 * s.lattice[0, 0]) % 2**31).normal() for s in structures])


def knowing(structures):
    return np.column_stack([hidden(structures), np.ones(len(structures))])


def noise(structures):
    return np.random.default_rng(1).normal(size=(1, 30)).repeat(len(structures), axis=0) * hidden(structures)[:, None]


def refusing(structures):
    if 55 in structures[0].atomic_numbers:
        raise UnsupportedElementError("structure 0: no caesium", reason="NO_PEER_FEATURES")
    return knowing(structures)


@pytest.fixture
def stand_in(monkeypatch):
    return lambda function: monkeypatch.setitem(peers._FEATURES, "chgnet", lambda: function)


@pytest.fixture(scope="module")
def structures():
    every = [crystal.structure for crystal in bundled_crystals()]
    return [every[number] for number in np.random.default_rng(0).permutation(len(every))[: N + 20]]


@pytest.fixture
def request_(structures, tmp_path):
    rows = [(f"row {number}", structure) for number, structure in enumerate(structures[:N])]
    return TransferRequest("any", rows, hidden(structures[:N]), ANY, tmp_path / "out", peers=("chgnet",))


def test_a_peer_that_knows_is_read_and_asked_for_in_serving(stand_in, request_, structures) -> None:
    stand_in(knowing)
    outcome = run_transfer(request_, field=FIELD)
    model = TransferModel.load(outcome.model)
    assert model.card.peers == ("chgnet",)
    assert outcome.maes["block_gp"] < 0.5 * outcome.maes["block_gp_without_peers"]
    artifact = load_artifact(shipped_model())
    inputs = SubstrateFeatures(artifact).inputs_of(structures[N:], Embedder(artifact))
    with pytest.raises(ConfigurationError, match="reads peer/chgnet"):
        model.predict(inputs, 0.9)
    complete = replace(inputs, blocks={**inputs.blocks, **peer_blocks(["chgnet"], structures[N:])})
    errors = np.abs(model.predict(complete, 0.9).values[:, 0] - hidden(structures[N:]))
    assert errors.mean() < 0.5 * np.abs(hidden(structures[N:]) - np.median(request_.labels)).mean()


def test_a_peer_that_knows_nothing_costs_nothing(stand_in, request_, structures) -> None:
    stand_in(noise)
    labels = np.array([nearest_neighbour_mean(structure) for structure in structures])
    outcome = run_transfer(replace(request_, labels=labels[:N]), field=FIELD)
    best = min(outcome.maes.values())
    assert outcome.maes[outcome.chosen] < 1.05 * min(best, outcome.maes["block_gp_without_peers"])


def test_the_row_that_a_peer_cannot_read_is_named(stand_in, request_, structures) -> None:
    stand_in(refusing)
    caesium = next(c.structure for c in bundled_crystals() if 55 in c.structure.atomic_numbers)
    rows = [(name, crystal) for name, crystal in request_.rows if 55 not in crystal.atomic_numbers]
    rows.append(("my caesium", caesium))
    with pytest.raises(ConfigurationError, match="my caesium: structure 0: no caesium") as caught:
        run_transfer(replace(request_, rows=rows, labels=request_.labels[: len(rows)]), field=FIELD)
    assert caught.value.reason == "NO_PEER_FEATURES"


def test_an_unknown_peer_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="'matgl': choose from chgnet"):
        peer_blocks(["matgl"], [])


def test_names_that_a_job_may_ask_for_are_those_that_exist() -> None:
    field = default_field(load_artifact(shipped_model()), with_peers=True)
    others = [material_field(kind, with_peers=True) for kind in MaterialKind if kind is not MaterialKind.STRUCTURE]
    of_materials = {entry.name for other in others for entry in (*other.frozen, *other.heads)}
    # A law of a condition and columns of cheaper values bring one more each.
    assert set(names.STRATEGIES) == {*field.named(), *of_materials, STACK, PHYSICS}
    assert set(names.PEERS) == set(peers._FEATURES)
