"""Tenants' models in a replica: served by name, moved by aliases, invisible to others, harmless when broken."""

import asyncio
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from tenant_rig import POLL_SECONDS, inputs_of

from epitaxy.chassis.errors import FailedPreconditionError, InvalidRequestError, NotFoundError
from epitaxy.registry.ports import Alias
from epitaxy_models.heads.property import Fidelity
from epitaxy_models.structures import TextFormat, read_text
from epitaxy_models.testing.tenant_model import TenantModelRecipe, unlabelled_structures
from epitaxy_models.transfer import strategies
from epitaxy_models.transfer.fitted.card import KnownColumn
from epitaxy_models.transfer.fitted.model import Member, Part, TransferModel
from epitaxy_models.transfer.peers import chgnet
from epitaxy_models.transfer.strategies.median import FittedMedian
from epitaxy_models.transfer.strategy import StrategyState


@pytest.fixture(scope="session")
def built(artifact, embedder):
    """Models by recipe, each fitted once."""
    known: dict[str, TransferModel] = {}

    def build(**changes) -> TransferModel:
        key = repr(changes)
        if key not in known:
            known[key] = TenantModelRecipe(**changes).model(artifact, embedder)
        return known[key]

    return build


@pytest.fixture(scope="session")
def structures():
    return unlabelled_structures(6)


def values(block):
    assert all(result.HasField("prediction") for result in block.results), block.results
    return [result.prediction.values[0].value for result in block.results]


def refusals(block):
    return {result.id: result.error.reason for result in block.results if result.HasField("error")}


async def test_a_tenants_model_is_not_explained_and_says_what_can_be(tenants, built, crystals):
    tenants.publish("acme/tc", built())
    with pytest.raises(FailedPreconditionError, match="explain substrate-mp, and read in `epitaxy finetune") as refused:
        await tenants.explain("acme", "acme/tc", crystals[:1])
    assert refused.value.reason == "NOT_EXPLAINABLE"
    with pytest.raises(NotFoundError, match="no model named"):
        await tenants.explain("acme", "acme/other", crystals[:1])


async def test_a_promoted_model_answers_by_name_as_it_does_alone(tenants, built, structures, artifact, embedder):
    model = built()
    version = tenants.publish("acme/volume", model)
    block = await tenants.ask("acme", "acme/volume", structures)
    assert (block.model.name, block.model.version, block.model.digest) == ("acme/volume", version, model.digest)
    [stamp] = block.properties
    assert (stamp.definition.name, stamp.definition.unit) == ("volume_per_atom", "A3")
    assert stamp.calibration.n_calibration == 24
    # As intake reads them back from the text.
    read = [read_text(entry.poscar, TextFormat.POSCAR).structure for entry in inputs_of(structures)]
    alone = model.predict(TenantModelRecipe().inputs(artifact, embedder, read), 0.9)
    np.testing.assert_allclose(values(block), alone.values[:, 0], rtol=1e-5)
    intervals = [result.prediction.values[0].interval for result in block.results]
    np.testing.assert_allclose([entry.upper for entry in intervals], alone.upper[:, 0], rtol=1e-5)
    assert {entry.coverage for entry in intervals} == {0.9}


async def test_models_share_the_embeddings_of_the_substrate(tenants, built, structures):
    tenants.publish("acme/volume", built())
    tenants.publish("globex/size", built(offset=100.0))
    shared = await tenants.ask("acme", "", structures)
    assert shared.counts.cache_hits == 0
    embedded = list(tenants.rig.backend.embedded)
    for tenant, name in (("acme", "acme/volume"), ("globex", "globex/size"), ("acme", "")):
        assert (await tenants.ask(tenant, name, structures)).counts.cache_hits == len(structures)
    assert tenants.rig.backend.embedded == embedded, "the backbone ran once for all models"


async def test_a_promotion_and_a_rollback_take_effect_without_a_restart(tenants, built, structures):
    one, two = tenants.publish("acme/volume", built()), tenants.publish("acme/volume", built(offset=100.0), None)
    before = values(await tenants.ask("acme", "acme/volume", structures))
    tenants.registry.registry.promote(_model("acme/volume"), two)
    await asyncio.sleep(1.5 * POLL_SECONDS)
    block = await tenants.ask("acme", "acme/volume", structures)
    assert block.model.version == two
    np.testing.assert_allclose(np.array(values(block)) - before, 100.0, atol=5.0)
    tenants.registry.registry.roll_back(_model("acme/volume"))
    await asyncio.sleep(1.5 * POLL_SECONDS)
    again = await tenants.ask("acme", "acme/volume", structures)
    assert again.model.version == one
    assert values(again) == before


async def test_a_candidate_and_a_pinned_version_are_served_beside_the_champion(tenants, built, structures):
    one = tenants.publish("acme/volume", built())
    two = tenants.publish("acme/volume", built(offset=100.0), Alias.CANDIDATE)
    for selector, version in (
        ({}, one),
        ({"alias": "champion"}, one),
        ({"alias": "candidate"}, two),
        ({"version": one}, one),
    ):
        assert (await tenants.ask("acme", "acme/volume", structures[:1], **selector)).model.version == version


async def test_another_tenants_model_is_answered_like_one_that_does_not_exist(tenants, built, structures):
    tenants.publish("acme/volume", built())
    await tenants.ask("acme", "acme/volume", structures)
    tenants.registry.calls.clear()
    calls = [
        tenants.ask,
        lambda tenant, name, _: tenants.card(tenant, name),
        lambda tenant, name, _: tenants.embed(tenant, name),
    ]
    for call in calls:
        for selector in ("acme/volume", "acme/nothing", "acme/"):
            with pytest.raises(NotFoundError, match="no model named") as foreign:
                await call("globex", selector, structures)
            assert foreign.value.message == f"no model named {selector!r}: list the models to see yours"
    assert tenants.registry.calls == [], "nothing was looked up"
    with pytest.raises(NotFoundError, match="no model named") as own:
        await tenants.ask("acme", "acme/nothing", structures)
    assert own.value.message == "no model named 'acme/nothing': list the models to see yours"
    assert own.value.reason == foreign.value.reason == "UNKNOWN_MODEL"


class TestBareNames:
    async def test_a_bare_name_is_the_callers_own_model(self, tenants, built, structures):
        tenants.publish("acme/volume", built())
        tenants.publish("acme/volume", built(offset=100.0), Alias.CANDIDATE)
        named = await tenants.ask("acme", "volume", structures)
        assert (named.model.name, named.model.version) == ("acme/volume", "1")
        assert (await tenants.ask("acme", "volume", structures, alias="candidate")).model.version == "2"
        assert (await tenants.card("acme", "volume", version="2")).stamp.version == "2"
        with pytest.raises(NotFoundError, match="has no 3"):
            await tenants.card("acme", "volume", version="3")

    async def test_a_bare_name_of_anothers_model_means_nothing(self, tenants, built, structures):
        tenants.publish("acme/volume", built())
        with pytest.raises(NotFoundError, match="no model named 'volume'; served: substrate-mp"):
            await tenants.ask("globex", "volume", structures)

    async def test_the_shared_models_name_stays_the_shared_models(self, tenants, built, structures):
        tenants.publish("acme/substrate-mp", built())
        assert (await tenants.ask("acme", "substrate-mp", structures)).model.name == "substrate-mp"
        assert (await tenants.ask("acme", "acme/substrate-mp", structures)).model.name == "acme/substrate-mp"


SHARED = ["substrate-mp", "substrate-composition", "substrate-molecule"]


class TestListing:
    async def test_a_tenant_sees_its_own_models_and_the_shared_one(self, tenants, built):
        tenants.publish("acme/volume", built())
        tenants.publish("acme/volume", built(offset=100.0), Alias.CANDIDATE)
        tenants.publish("acme/draft", built(), None)
        tenants.publish("globex/size", built())
        shown = [
            (card.stamp.name, card.stamp.version, list(card.aliases)) for card in (await tenants.listed("acme")).models
        ]
        assert shown == [
            ("substrate-mp", shown[0][1], ["champion"]),
            ("substrate-composition", "1", ["champion"]),
            ("substrate-molecule", "1", ["champion"]),
            ("acme/volume", "1", ["champion"]),
            ("acme/volume", "2", ["candidate"]),
        ]
        assert [card.stamp.name for card in (await tenants.listed("globex")).models] == [*SHARED, "globex/size"]
        assert [card.stamp.name for card in (await tenants.listed("nobody")).models] == SHARED

    async def test_a_card_tells_what_the_model_is(self, tenants, built):
        model = built()
        tenants.publish("acme/volume", model)
        card = await tenants.card("acme", "acme/volume")
        assert (card.stamp.digest, list(card.aliases), card.n_members) == (model.digest, ["champion"], 2)
        assert card.properties[0].metrics == {"cv_mae/block_gp": 1.5, "cv_mae/pool_median": 4.0}
        data = card.training_data
        assert (data.n_train, data.n_test, data.split) == (24, 24, "cross-validation by reduced formula")
        assert data.name.startswith("labels of ")
        assert data.license
        assert abs(card.create_time.ToDatetime(tzinfo=UTC) - datetime.now(UTC)) < timedelta(hours=1)
        assert card.card_json == model.card_json
        assert "HELPS" in card.description

    async def test_pages_show_every_model_once(self, tenants, built):
        for name in ("a", "b", "c"):
            tenants.publish(f"acme/{name}", built())
        names, token = [], ""
        for _ in range(6):
            page = await tenants.listed("acme", page_size=1, page_token=token)
            names += [card.stamp.name for card in page.models]
            token = page.next_page_token
        assert names == [*SHARED, "acme/a", "acme/b", "acme/c"]
        assert token == ""

    @pytest.mark.parametrize("token", ["next", "!!!", "YWJj"])
    async def test_a_token_of_somebody_else_is_refused(self, tenants, token):
        with pytest.raises(InvalidRequestError, match="page_token: is not a token of this server"):
            await tenants.listed("acme", page_token=token)

    async def test_a_probe_without_a_tenant_asks_no_registry(self, tenants):
        assert len((await tenants.listed("")).models) == 1
        assert tenants.registry.calls == []


class TestKnownValues:
    @pytest.fixture
    def columns(self):
        return (KnownColumn("volume_pbe", True, "A3", Fidelity.PBE), KnownColumn("volume_old", False))

    async def test_they_reach_the_model(self, tenants, built, columns, structures):
        tenants.publish("acme/volume", built(known_columns=columns))
        truth = [structure.volume / structure.n_sites for structure in structures]
        known = [{"volume_pbe": 0.9 * value, "volume_old": 0.9 * value} for value in truth]
        assert len(values(await tenants.ask("acme", "acme/volume", structures, known))) == len(structures)

    async def test_a_missing_one_costs_its_item_only_and_tells_the_remedy(self, tenants, built, columns, structures):
        tenants.publish("acme/volume", built(known_columns=columns))
        known = [{"volume_pbe": 15.0}, {}, {"volume_pbe": float("inf")}, {"volume_pbe": float("nan"), "x": 1.0}]
        block = await tenants.ask("acme", "acme/volume", structures[:4], known)
        assert refusals(block) == {"1": "MISSING_KNOWN_VALUE", "2": "INVALID_KNOWN_VALUE", "3": "MISSING_KNOWN_VALUE"}
        assert (block.counts.answered, block.counts.refused) == (1, 3)
        assert block.results[0].HasField("prediction")
        assert block.results[1].error.message == (
            "the model reads the known value 'volume_pbe' (PBE): send it in A3 with the structure as known_values"
        )


async def test_a_bad_structure_costs_its_item_only(tenants, built, structures):
    tenants.publish("acme/volume", built())
    request = inputs_of(structures[:3])
    request[1].poscar = "no structure"
    from epitaxy.api.common.v1.model_pb2 import ModelSelector
    from epitaxy.api.internal.v1.prediction_backend_pb2 import EvaluateRequest
    from epitaxy.api.prediction.v1.prediction_pb2 import PredictionOptions

    await tenants.ask("acme", "acme/volume", structures[:1])
    options = PredictionOptions(model=ModelSelector(name="acme/volume"))
    block = (await tenants.servicer.evaluate(EvaluateRequest(options=options, structures=request))).results
    assert list(refusals(block)) == ["1"]
    assert block.counts.answered == 2


async def test_a_property_that_the_model_lacks_is_named(tenants, built, structures):
    from epitaxy.api.common.v1.model_pb2 import ModelSelector
    from epitaxy.api.internal.v1.prediction_backend_pb2 import EvaluateRequest
    from epitaxy.api.prediction.v1.prediction_pb2 import PredictionOptions

    tenants.publish("acme/volume", built())
    await tenants.ask("acme", "acme/volume", structures[:1])
    options = PredictionOptions(model=ModelSelector(name="acme/volume"), properties=["band_gap"])
    with pytest.raises(InvalidRequestError, match="the model has no band_gap; it has volume_per_atom"):
        await tenants.servicer.evaluate(EvaluateRequest(options=options))


class TestFaults:
    async def test_damaged_files_are_told_and_not_read_again_at_once(self, tenants, built, structures, tmp_path):
        tenants.publish("acme/volume", built())
        [stored] = (tmp_path / "registry" / "artifacts").rglob("model.safetensors")
        stored.write_bytes(stored.read_bytes()[:-1])
        for _ in range(3):
            with pytest.raises(FailedPreconditionError, match=r"acme/volume version 1 cannot be served: .*roll back"):
                await tenants.ask("acme", "acme/volume", structures)
        assert [call for call, _ in tenants.registry.calls].count("fetch") == 1
        tenants.publish("globex/size", built())
        assert len(values(await tenants.ask("globex", "globex/size", structures))) == len(structures)

    async def test_a_champion_that_does_not_load_leaves_the_old_one_serving(
        self, tenants, built, structures, tmp_path, caplog
    ):
        one = tenants.publish("acme/volume", built())
        before = values(await tenants.ask("acme", "acme/volume", structures))
        stored = set((tmp_path / "registry" / "artifacts").rglob("model.safetensors"))
        tenants.publish("acme/volume", built(offset=100.0))
        [new] = set((tmp_path / "registry" / "artifacts").rglob("model.safetensors")) - stored
        whole = new.read_bytes()
        new.write_bytes(whole[:-1])
        await asyncio.sleep(1.5 * POLL_SECONDS)
        for _ in range(3):
            block = await tenants.ask("acme", "acme/volume", structures)
            assert (block.model.version, values(block)) == (one, before)
        assert tenants.not_loaded == ["DAMAGED_ARTIFACT"], "tried once, and counted"
        assert "acme/volume version 2 does not load, version 1 goes on serving" in caplog.text
        with pytest.raises(FailedPreconditionError, match="version 2 cannot be served"):
            await tenants.ask("acme", "acme/volume", structures, version="2")

    async def test_a_replica_that_starts_beside_a_damaged_champion_serves_the_one_before(
        self, tenants, built, structures
    ):
        one = tenants.publish("acme/volume", built())
        model = built(offset=100.0)
        card = replace(model.card, base=replace(model.card.base, digest="sha256:old"))
        tenants.publish("acme/volume", TransferModel.of(card, model.members, model.domain))
        assert (await tenants.ask("acme", "acme/volume", structures)).model.version == one
        assert tenants.not_loaded == ["WRONG_BASE"]
        mended = tenants.publish("acme/volume", built(offset=50.0))
        await asyncio.sleep(1.5 * POLL_SECONDS)
        assert (await tenants.ask("acme", "acme/volume", structures)).model.version == mended

    async def test_a_model_on_another_base_is_refused(self, tenants, built, structures):
        model = built()
        card = replace(model.card, base=replace(model.card.base, digest="sha256:old"))
        tenants.publish("acme/volume", TransferModel.of(card, model.members, model.domain))
        with pytest.raises(FailedPreconditionError, match="fit it again on this base") as error:
            await tenants.ask("acme", "acme/volume", structures)
        assert error.value.reason == "WRONG_BASE"

    async def test_a_model_that_breaks_says_so_and_others_answer(self, tenants, built, structures):
        model = built(strategies=(strategies.BlockGP(),), n_members=1)
        [part] = model.members[0].parts
        torn = {name: array[..., :-1] if array.ndim else array for name, array in part.state.tensors.items()}
        broken = Member((Part(1.0, replace(part.state, tensors=torn)),))
        tenants.publish("acme/volume", TransferModel.of(model.card, [broken], model.domain))
        with pytest.raises(FailedPreconditionError, match="acme/volume version 1"):
            await tenants.ask("acme", "acme/volume", structures)
        tenants.publish("globex/size", built())
        assert len(values(await tenants.ask("globex", "globex/size", structures))) == len(structures)

    async def test_features_that_are_not_computed_here_are_named(self, tenants, built, structures, monkeypatch):
        chgnet._model.cache_clear()
        monkeypatch.setitem(sys.modules, "chgnet.model.model", None)
        tenants.publish("acme/volume", built(peers=("chgnet",)))
        with pytest.raises(FailedPreconditionError, match="reads features of chgnet, which this server lacks") as error:
            await tenants.ask("acme", "acme/volume", structures)
        assert error.value.reason == "PEER_NOT_SERVED"
        chgnet._model.cache_clear()

    async def test_only_the_shared_model_embeds(self, tenants, built):
        tenants.publish("acme/volume", built())
        with pytest.raises(FailedPreconditionError, match="embed with substrate-mp"):
            await tenants.embed("acme", "acme/volume")


async def test_features_of_a_peer_are_computed_once_a_structure(tenants, built, structures, monkeypatch):
    asked = []

    def chgnet_features(rows):
        asked.extend(rows)
        return np.ones((len(rows), 4))

    monkeypatch.setattr(chgnet, "chgnet_features", chgnet_features)
    tenants.publish("acme/volume", built(peers=("chgnet",)))
    tenants.publish("acme/alone", built())
    alone = values(await tenants.ask("acme", "acme/alone", structures))
    assert not asked
    assert values(await tenants.ask("acme", "acme/volume", structures)) == alone
    assert len(asked) == len(structures)
    # What another model made them carry does not disturb one that does not read it.
    assert values(await tenants.ask("acme", "acme/volume", structures)) == alone
    assert values(await tenants.ask("acme", "acme/alone", structures)) == alone
    assert len(asked) == len(structures)


async def test_a_network_runs_beside_the_ensemble_and_not_in_intake(tenants, built, structures, monkeypatch):
    monkeypatch.setitem(strategies._RESTORERS, "network_median", lambda: FittedMedian)
    model = built()
    state = StrategyState("network_median", {"value": 17.0, "std": 2.0}, {})
    tenants.publish("acme/volume", TransferModel.of(model.card, [Member((Part(1.0, state),))], model.domain))
    tenants.publish("acme/frozen", model)
    assert values(await tenants.ask("acme", "acme/volume", structures)) == [17.0] * len(structures)
    assert tenants.networks.n_calls == 1
    await tenants.ask("acme", "acme/frozen", structures)
    assert tenants.networks.n_calls == 1


async def test_models_beyond_the_bound_are_loaded_again_when_they_are_needed(tenants, built, structures):
    tenants.models._models._capacity = built().n_bytes + 10
    for name in ("a", "b", "a"):
        tenants.publish(f"acme/{name}", built(offset=float(ord(name))))
        await tenants.ask("acme", f"acme/{name}", structures[:1])
    assert len(tenants.models._models) == 1
    assert [call for call, _ in tenants.registry.calls].count("fetch") == 3


def _model(name):
    from epitaxy.chassis.model_names import ModelName

    return ModelName(*name.split("/"))
