"""Two substrates in one replica: a tenant's model is answered by the one that it was fitted on."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from prediction_rig import Rig
from tenant_rig import TenantRig

from epitaxy.chassis.errors import FailedPreconditionError, NotFoundError
from epitaxy.prediction.cache.tiers import TieredEmbeddings
from epitaxy.prediction.domain import Refusal
from epitaxy.prediction.explaining.replica import Explainers
from epitaxy.prediction.tenants.lanes import LaneLimits
from epitaxy.registry.mlflow_registry import MlflowRegistry
from epitaxy.registry.settings import RegistrySettings
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.ensembles.catalogue import SubstrateCatalogue
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.testing.specimens import rock_salt
from epitaxy_models.testing.substrates import write_later_substrate
from epitaxy_models.testing.tenant_model import TenantModelRecipe, unlabelled_structures
from epitaxy_models.transfer.features import SubstrateFeatures
from epitaxy_models.transfer.strategies import BlockGP

LIMITS = LaneLimits(threads=3, threads_each=1, max_waiting_each=16, timeout_seconds=60.0)
RECIPE = TenantModelRecipe(strategies=(BlockGP(),), n_members=1)


@pytest.fixture(scope="module")
def later_folder(tmp_path_factory):
    return write_later_substrate(tmp_path_factory.mktemp("later") / "substrate", "1000")


@pytest.fixture(scope="module")
def later(later_folder):
    return load_artifact(later_folder)


@pytest.fixture(scope="module")
def later_embedder(later):
    return Embedder(later)


@pytest.fixture(scope="module")
def old_model(artifact, embedder):
    return RECIPE.model(artifact, embedder)


@pytest.fixture(scope="module")
def new_model(later, later_embedder):
    return RECIPE.model(later, later_embedder)


@pytest.fixture
def house(later, later_embedder, artifact, embedder, executor, tmp_path, monkeypatch):
    """A replica whose shared model is the later version, and that has the shipped one as an earlier version."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    store = TieredEmbeddings(64 * 2**20, None)

    def open_rig(earlier):
        assert earlier.weights_digest == artifact.weights_digest
        return Rig(earlier, embedder, executor, store.beside(earlier.weights_digest.encode(), None))

    rig = Rig(later, later_embedder, executor, store)
    registry = MlflowRegistry(RegistrySettings(folder=tmp_path / "registry"))
    return TenantRig(rig, registry, tmp_path, LIMITS, earlier=[shipped_model()], open_rig=open_rig)


def values(block):
    return [result.prediction.values[0].value for result in block.results]


def expected(model, artifact, embedder, structures):
    return model.predict(SubstrateFeatures(artifact).inputs_of(structures, embedder), 0.9).values[:, 0]


async def test_models_of_two_substrates_are_each_answered_by_their_own(
    house, old_model, new_model, artifact, embedder, later, later_embedder
):
    structures = unlabelled_structures(6)
    house.publish("acme/old", old_model)
    house.publish("acme/new", new_model)
    new = values(await house.ask("acme", "acme/new", structures))
    assert not house.opened, "the earlier substrate is opened by the first model that needs it"
    old = values(await house.ask("acme", "acme/old", structures))
    np.testing.assert_allclose(new, expected(new_model, later, later_embedder, structures), rtol=1e-5)
    np.testing.assert_allclose(old, expected(old_model, artifact, embedder, structures), rtol=1e-5)
    wrong = replace(later, fidelity_heads=artifact.fidelity_heads)
    on_the_wrong_one = expected(old_model, wrong, later_embedder, structures)
    allowed = 1e-5 * np.abs(old).max()
    assert np.abs(np.array(old) - on_the_wrong_one).max() > 5 * allowed, "the test can tell the substrates apart"

    [opened] = house.opened
    embedded = len(opened.backend.embedded), len(house.rig.backend.embedded)
    again = await house.ask("acme", "acme/old", structures), await house.ask("acme", "acme/new", structures)
    assert [values(block) for block in again] == [old, new]
    assert all(result.prediction.cache_hit for block in again for result in block.results)
    assert (len(opened.backend.embedded), len(house.rig.backend.embedded)) == embedded, "each has its own entries"
    assert len(house.opened) == 1


async def test_cards_tell_which_model_stands_on_an_earlier_substrate(house, old_model, new_model, artifact, later):
    house.publish("acme/old", old_model)
    house.publish("acme/new", new_model)
    shared, *others = (await house.listed("acme")).models
    own = [card for card in others if card.HasField("base")]
    assert (shared.stamp.version, shared.HasField("base")) == (later.card.version, False)
    told = {card.stamp.name: (card.base.name, card.base.version, card.base.is_current) for card in own}
    assert told == {
        "acme/new": ("substrate-mp", later.card.version, True),
        "acme/old": ("substrate-mp", artifact.card.version, False),
    }
    assert (await house.card("acme", "acme/old")).base.weights_digest == artifact.weights_digest


async def test_an_earlier_version_of_the_shared_model_answers_by_number(house, artifact, rig, crystals):
    number = artifact.card.version
    block = await house.ask("", "substrate-mp", crystals[:3], version=number)
    assert (block.model.version, block.model.digest) == (number, artifact.digest)
    plain = await rig().evaluate(crystals[:3])
    np.testing.assert_allclose(values(block), plain.prediction.values[:, 0], rtol=1e-5)
    assert np.abs(np.array(values(await house.ask("", "", crystals[:3]))) - values(block)).max() > 1e-4
    card = await house.card("", "substrate-mp", version=number)
    assert (card.stamp.digest, list(card.aliases)) == (artifact.digest, [])
    with pytest.raises(NotFoundError, match=f"served: substrate-mp:1000, substrate-mp:{number}"):
        await house.ask("", "substrate-mp", crystals[:1], version="77")


async def test_a_model_of_an_earlier_substrate_names_it_where_only_the_shared_model_answers(house, old_model, artifact):
    house.publish("acme/old", old_model)
    number = artifact.card.version
    with pytest.raises(FailedPreconditionError, match=f"explain substrate-mp:{number}, and read in"):
        await house.explain("acme", "acme/old", unlabelled_structures(1))
    with pytest.raises(FailedPreconditionError, match=f"embed with substrate-mp:{number}$"):
        await house.embed("acme", "acme/old")


async def test_a_substrate_that_is_nowhere_is_a_clear_error_and_others_answer(house, old_model, new_model):
    structures = unlabelled_structures(2)
    lost = replace(old_model.card, base=replace(old_model.card.base, version="3", digest="sha256:lost"))
    house.publish("acme/lost", type(old_model).of(lost, old_model.members, old_model.domain))
    house.publish("acme/new", new_model)
    for _ in range(2):
        with pytest.raises(FailedPreconditionError, match="substrate-mp 3, which this server does not have") as refused:
            await house.ask("acme", "acme/lost", structures)
        assert refused.value.reason == "WRONG_BASE"
        assert refused.value.message.startswith("acme/lost version 1 cannot be served: ")
    assert len(values(await house.ask("acme", "acme/new", structures))) == 2


async def test_an_explanation_asks_the_version_that_is_named(house, artifact):
    asked = []

    class Recording:
        async def explain(self, structures, query):
            asked.append(query.substrate)
            return [Refusal("TOO_LARGE_TO_EXPLAIN", "too large")] * len(structures)

    house.explanations._backend = Recording()
    for selector in ({"version": artifact.card.version}, {}):
        reply = await house.explain("", "substrate-mp", unlabelled_structures(1), **selector)
        assert [result.error.reason for result in reply.results] == ["TOO_LARGE_TO_EXPLAIN"]
    assert asked == [artifact.weights_digest, ""]


def test_an_earlier_version_is_explained_by_its_own_weights(later, later_folder, artifact, embedder):
    explainers = Explainers(SubstrateCatalogue(later, [shipped_model()]), later_folder)
    # An explanation is of one head; of an element the answer is cut at 0, and joined with the energy above the hull.
    structure = rock_salt()
    earlier = explainers.of(artifact.weights_digest)(structure, "formation_energy", 3)
    assert explainers.of(artifact.weights_digest) is explainers.of(artifact.weights_digest)
    with ThreadPoolExecutor(1) as executor:
        plain = Rig(artifact, embedder, executor, TieredEmbeddings(2**20, None))
        block = asyncio.run(plain.evaluate([structure]))
    assert earlier.value == pytest.approx(block.prediction.values[0, 0], abs=1e-3)
    assert len(earlier.nearest) == 3, "the shipped folder has a source index"
    assert explainers.of("")(structure, "formation_energy", 3).nearest == ()
