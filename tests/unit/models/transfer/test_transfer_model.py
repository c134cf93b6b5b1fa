"""A tenant's model: the same answers after a round trip through its files, and errors for files that are not whole."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from epitaxy_models.calibration.verdict import DomainScore, DomainVerdict
from epitaxy_models.ensembles.artifact import load_artifact, shipped_model
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.errors import CheckpointError, ConfigurationError
from epitaxy_models.heads.property import Fidelity
from epitaxy_models.structures import Structure
from epitaxy_models.testing.tenant_model import (
    TenantModelRecipe,
    labelled_structures,
    unlabelled_structures,
    volumes,
)
from epitaxy_models.transfer.fitted.card import KnownColumn
from epitaxy_models.transfer.fitted.digest import folder_digest
from epitaxy_models.transfer.fitted.files import card_of, kinds_of
from epitaxy_models.transfer.fitted.model import Member, Part, TransferModel
from epitaxy_models.transfer.inputs import EMBEDDING, FIDELITIES
from epitaxy_models.transfer.strategies import BlockGP, PoolMedian

ARRAYS = ("values", "epistemic_std", "aleatoric_std", "lower", "upper")


@pytest.fixture(scope="module")
def artifact():
    return load_artifact(shipped_model())


@pytest.fixture(scope="module")
def embedder(artifact):
    torch.set_num_threads(1)
    return Embedder(artifact)


@pytest.fixture(scope="module")
def recipe():
    return TenantModelRecipe()


@pytest.fixture(scope="module")
def model(recipe, artifact, embedder):
    return recipe.model(artifact, embedder)


@pytest.fixture(scope="module")
def inputs(recipe, artifact, embedder):
    return recipe.inputs(artifact, embedder, unlabelled_structures(10))


@pytest.fixture
def saved(model, tmp_path):
    model.save(tmp_path / "model")
    return tmp_path / "model"


def assert_same(first, second):
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert first.domains == second.domains


def test_a_loaded_model_gives_the_same_answers_to_the_last_bit(model, inputs, saved, artifact):
    loaded = TransferModel.load(saved, artifact.weights_digest)
    assert_same(loaded.predict(inputs, 0.9), model.predict(inputs, 0.9))
    assert loaded.card == model.card
    assert loaded.digest == model.digest == folder_digest(saved)
    assert sorted(path.name for path in saved.iterdir()) == ["card.json", "model.safetensors"]


def test_what_the_card_says_of_known_columns_survives_the_files(artifact, embedder, tmp_path):
    columns = (KnownColumn("volume_pbe", True, "A3", Fidelity.PBE), KnownColumn("volume_old", False))
    TenantModelRecipe(known_columns=columns, n_members=1).model(artifact, embedder).save(tmp_path)
    loaded = TransferModel.load(tmp_path)
    assert loaded.card.known_columns == columns
    assert loaded.card.required_columns == ("volume_pbe",)
    assert card_of(loaded.card_json) == loaded.card
    assert kinds_of(loaded.card_json) == (("block_gp", "pool_median"),)


def test_a_block_gp_survives_the_files(artifact, embedder, inputs, tmp_path):
    model = TenantModelRecipe(strategies=(BlockGP(),), n_members=1).model(artifact, embedder)
    model.save(tmp_path)
    assert_same(TransferModel.load(tmp_path).predict(inputs, 0.9), model.predict(inputs, 0.9))


def test_it_knows_what_it_was_fitted_on(model, recipe, artifact, embedder):
    labelled = recipe.inputs(artifact, embedder, labelled_structures())
    prediction, truth = model.predict(labelled, 0.9), volumes(labelled_structures())
    assert np.abs(prediction.values[:, 0] - truth).mean() < np.abs(np.median(truth) - truth).mean()
    assert (prediction.lower <= prediction.values).all()
    assert (prediction.values <= prediction.upper).all()


def test_an_answer_does_not_depend_on_the_other_rows(model, inputs):
    together, alone = model.predict(inputs, 0.9), model.predict(inputs.take(np.array([3])), 0.9)
    np.testing.assert_allclose(together.values[3], alone.values[0], rtol=1e-10)
    assert together.domains[3] == alone.domains[0]


def test_members_that_disagree_are_its_epistemic_spread(model, inputs, artifact, embedder):
    alone = TenantModelRecipe(n_members=1).model(artifact, embedder).predict(inputs, 0.9)
    assert (alone.epistemic_std == 0).all()
    assert (alone.aleatoric_std > 0).all()
    assert (model.predict(inputs, 0.9).epistemic_std > 0).any()


def test_a_member_is_the_weighted_mean_of_its_parts(model, inputs, artifact, embedder):
    ridge, median = (
        TransferModel.of(model.card, [Member((replace(part, share=1.0),))], model.domain)
        for part in model.members[0].parts
    )
    shares = Member(
        tuple(replace(part, share=share) for part, share in zip(model.members[0].parts, (0.25, 0.75), strict=True))
    )
    mixed = TransferModel.of(model.card, [shares], model.domain)
    expected = 0.25 * ridge.predict(inputs, 0.9).values + 0.75 * median.predict(inputs, 0.9).values
    np.testing.assert_allclose(mixed.predict(inputs, 0.9).values, expected, rtol=1e-12)


def test_wider_coverage_gives_wider_intervals_within_the_physical_bounds(model, inputs):
    narrow, wide = model.predict(inputs, 0.5), model.predict(inputs, 0.99)
    assert (wide.upper > narrow.upper).all()
    assert (wide.lower >= 0).all()
    with pytest.raises(ConfigurationError, match=r"between 0.5 and 0.99"):
        model.predict(inputs, 0.3)


def test_a_log_scale_gives_positive_intervals_and_errors_in_the_unit(artifact, embedder, inputs):
    model = TenantModelRecipe(transform="log10").model(artifact, embedder)
    prediction = model.predict(inputs, 0.99)
    assert (prediction.lower > 0).all()
    above, below = prediction.upper - prediction.values, prediction.values - prediction.lower
    assert (above > below).all(), "a ratio reaches farther up than down"
    means, _, noise = model.spread(inputs)
    expected = (10 ** (means + noise) - 10 ** (means - noise)) / 2
    np.testing.assert_allclose(prediction.aleatoric_std[:, 0], expected)


def test_a_value_that_it_reads_and_is_not_given_is_named(artifact, embedder, inputs):
    recipe = TenantModelRecipe(known_columns=(KnownColumn("volume_pbe"),), n_members=1)
    with pytest.raises(ConfigurationError, match="reads low_fidelity/volume_pbe"):
        recipe.model(artifact, embedder).predict(inputs, 0.9)


class TestDomain:
    def test_labelled_structures_are_in_the_domain_and_a_stranger_is_not(self, model, recipe, artifact, embedder):
        inside = recipe.inputs(artifact, embedder, labelled_structures())
        assert {score.verdict for score in model.predict(inside, 0.9).domains} == {DomainVerdict.IN_DOMAIN}
        embeddings = inside.blocks[EMBEDDING][:1].copy()
        embeddings[:, : len(model.domain.centre)] += 50.0
        [far] = model.domain.judge(embeddings, inside.structures[:1])
        assert far.verdict is DomainVerdict.OUT_OF_DOMAIN
        assert "times farther from the labels" in far.reason

    def test_an_element_that_no_label_holds_is_named(self, model, recipe, artifact, embedder):
        lattice = 5.0 * np.eye(3)
        structure = Structure(lattice, np.array([69], dtype=np.uint8), np.zeros((1, 3)))
        near = model.domain.judge(
            recipe.inputs(artifact, embedder, labelled_structures()[:1]).blocks[EMBEDDING], [structure]
        )
        assert near == (DomainScore(0.0, DomainVerdict.BORDERLINE, "no label holds Tm"),)

    def test_the_worse_of_its_own_and_the_substrates_verdict_counts(self, model, recipe, artifact, embedder):
        inside = recipe.inputs(artifact, embedder, labelled_structures()[:1])
        foreign = DomainScore(0.999, DomainVerdict.OUT_OF_DOMAIN, "far from the source")
        assert model.predict(inside, 0.9, [foreign]).domains == (foreign,)
        familiar = DomainScore(0.2, DomainVerdict.IN_DOMAIN, "")
        assert model.predict(inside, 0.9, [familiar]).domains == model.predict(inside, 0.9).domains


class TestDamage:
    def test_another_base_is_refused(self, saved):
        with pytest.raises(CheckpointError, match="fitted on substrate-mp") as error:
            TransferModel.load(saved, "sha256:other")
        assert error.value.reason == "WRONG_BASE"

    @pytest.mark.parametrize("name", ["card.json", "model.safetensors"])
    @pytest.mark.parametrize("keep", [0, 100, -1])
    def test_a_torn_file_is_refused(self, saved, name, keep):
        path = saved / name
        path.write_bytes(path.read_bytes()[: keep if keep >= 0 else -200])
        with pytest.raises(CheckpointError, match=r".+"):
            TransferModel.load(saved)

    @pytest.mark.parametrize("name", ["card.json", "model.safetensors"])
    def test_a_missing_file_is_refused(self, saved, name):
        (saved / name).unlink()
        with pytest.raises(CheckpointError, match=f"{name} cannot be read"):
            TransferModel.load(saved)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"format": 99}, "has format 99"),
            ({"descriptors": "descriptors-x"}, "expects descriptors-x"),
            ({"members": []}, "lists no members"),
            ({"members": [[{"share": 1.0, "kind": "os.system", "settings": {}}]]}, "unknown strategy 'os.system'"),
            ({"members": [[{"share": 0.5, "kind": "pool_median", "settings": {}}]]}, "shares add up to one"),
            ({"members": [[{"share": "x", "kind": "pool_median", "settings": {}}]]}, "members cannot be read"),
            ({"members": [[{"share": 1.0, "kind": "block_gp", "settings": {}}]]}, "block_gp"),
            ({"verdict": "MAYBE"}, "does not fit this code"),
            ({"unknown": 1}, "does not fit this code"),
            ({"transform": {"kind": "cube"}}, "no target transform"),
        ],
    )
    def test_a_card_that_contradicts_the_code_is_refused(self, saved, change, message):
        card = json.loads((saved / "card.json").read_text())
        (saved / "card.json").write_text(json.dumps(card | change))
        with pytest.raises(CheckpointError, match=message):
            TransferModel.load(saved)

    def test_arrays_without_the_domain_are_refused(self, saved, model):
        from safetensors.numpy import save_file

        save_file({"members.0.0.x": np.zeros(1)}, saved / "model.safetensors")
        with pytest.raises(CheckpointError, match=r"lack domain\.centre"):
            TransferModel.load(saved)

    def test_a_changed_byte_changes_the_digest(self, saved, model):
        path = saved / "model.safetensors"
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(bytes(content))
        assert TransferModel.load(saved).digest != model.digest


def test_a_model_needs_members_with_shares_of_one(model):
    with pytest.raises(ConfigurationError, match="needs a member"):
        TransferModel.of(model.card, [], model.domain)
    with pytest.raises(ConfigurationError, match="add up to one"):
        Member((Part(0.4, PoolMedian().fit(None, np.array([1.0, 2.0, 3.0]), 0).state()),))


def test_a_model_that_read_shipped_fidelities_is_refused_where_the_substrate_has_none(model, inputs):
    told = replace(model, card=replace(model.card, training={"fidelity_models": "sha256:0"}))
    blocks = {name: block for name, block in inputs.blocks.items() if name != FIDELITIES}
    with pytest.raises(ConfigurationError, match="fidelity_estimates"):
        told.predict(replace(inputs, blocks=blocks), 0.9)
