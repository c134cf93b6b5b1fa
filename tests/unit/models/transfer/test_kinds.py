"""Jobs on compositions, molecules and polymers, on the substrate of their kind, judged like any other job."""

from pathlib import Path

import numpy as np
import pytest
from material_cases import column

from epitaxy_models.errors import ConfigurationError, InvalidMaterialError
from epitaxy_models.heads.property import Fidelity, PropertyDefinition
from epitaxy_models.materials.kind import MaterialKind
from epitaxy_models.materials.reading import read_material
from epitaxy_models.substrates.anchors import NamedAnchors, save_names
from epitaxy_models.substrates.shipped import shipped_anchors, shipped_compositional, shipped_molecular
from epitaxy_models.transfer.conditions.condition import ConditionColumn
from epitaxy_models.transfer.contest.field import Field, material_field
from epitaxy_models.transfer.features import under_conditions
from epitaxy_models.transfer.fitted import card
from epitaxy_models.transfer.fitted.model import TransferModel
from epitaxy_models.transfer.inputs import (
    COUNTS,
    DESCRIPTORS,
    EMBEDDING,
    FRACTIONS,
    PAIRS,
    SUBSTRATE,
    TRACES,
    TransferInputs,
)
from epitaxy_models.transfer.kinds.features import MaterialFeatures
from epitaxy_models.transfer.kinds.sample import Sample
from epitaxy_models.transfer.labels.target import TransformKind
from epitaxy_models.transfer.names import STRATEGIES
from epitaxy_models.transfer.pipeline import run_material_transfer
from epitaxy_models.transfer.quantities import kin_columns
from epitaxy_models.transfer.request import TransferBudget, TransferRequest
from epitaxy_models.transfer.strategies.block_gp import WITHOUT_SUBSTRATE, BlockGP
from epitaxy_models.transfer.strategies.descriptor_forest import DescriptorForest
from epitaxy_models.transfer.strategies.median import PoolMedian
from epitaxy_models.transfer.strategies.substrate_line import SubstrateLine
from epitaxy_models.transfer.verdict import Verdict

QUICK = Field((DescriptorForest(n_trees=20), PoolMedian()))
TG = PropertyDefinition("tg", "K", Fidelity.EXPERIMENT, "measured", "glass transition")


def sample(kind: MaterialKind, text: str) -> Sample | InvalidMaterialError:
    try:
        return Sample(kind, read_material(kind, text).material)
    except InvalidMaterialError as error:
        return error


def inputs_of(samples: list[Sample]) -> TransferInputs:
    return MaterialFeatures.shipped(samples[0].kind).inputs_of(samples)


def request_of(out: Path, samples, labels, **options) -> TransferRequest:
    rows = [(f"row{number}", one.as_row() if isinstance(one, Sample) else one) for number, one in enumerate(samples)]
    return TransferRequest("glass", rows, np.array(labels, dtype=float), TG, out, **options)


@pytest.fixture(scope="module")
def polymers() -> list[Sample]:
    read = [sample(MaterialKind.POLYMER, text) for text in column("poly_tg_exp", "smiles", 45)]
    return [one for one in read if isinstance(one, Sample)][:40]


def heavy_share(one: Sample) -> float:
    """A label that descriptors can learn: the share of the unit's atoms that are not carbon."""
    (unit,) = one.material.units
    numbers = [atom.GetAtomicNum() for atom in unit.graph.GetAtoms() if atom.GetAtomicNum()]
    return 300 + 200 * float(np.mean([number != 6 for number in numbers]))


def test_a_job_on_polymers_makes_a_model_that_answers(tmp_path, polymers, monkeypatch):
    # The first polymer again, cut elsewhere; and a row that cannot be read.
    again = sample(MaterialKind.POLYMER, "*CCO*"), sample(MaterialKind.POLYMER, "*COCCOC*")
    samples = [*polymers, *again, sample(MaterialKind.POLYMER, "CC")]
    labels = [*map(heavy_share, polymers), 355.0, 355.0, 1.0]
    outcome = run_material_transfer(request_of(tmp_path / "out", samples, labels), MaterialKind.POLYMER, field=QUICK)
    data = outcome.report["data"]
    assert data["n_merged"] >= 1
    assert [row["row_id"] for row in data["refused"]] == [f"row{len(samples) - 1}"]
    assert outcome.chosen == "descriptor_forest"
    assert outcome.maes["descriptor_forest"] < 0.6 * outcome.maes["pool_median"]
    # The audit names the pretraining molecules that are nearest to the farthest polymers, and knows where all lie.
    audit = outcome.report["audit"]
    assert outcome.report["kind"] == "polymer"
    assert (
        "polymers that are learned from lie within what substrate-molecule was pretrained on" in audit["statements"][0]
    )
    names = shipped_anchors("substrate-molecule").names
    assert len(names) == 6000
    assert len(audit["neighbours"]) == 12
    for row in audit["neighbours"]:
        distances = [distance for _, distance in row["nearest"]]
        assert len(distances) == 3
        assert distances == sorted(distances)
        assert {name for name, _ in row["nearest"]} <= set(names)
    assert len(audit["latent_map"]["target"]) == data["n_usable"]
    percentiles = {row["id"]: row["percentile"] for row in audit["details"]["rows"]}
    assert percentiles[audit["neighbours"][0]["row_id"]] == max(percentiles.values())
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Latent map: source and your polymers" in page
    assert "crystal" not in page
    # Nothing pretrained was compared, so that there is no transfer to judge.
    assert outcome.transfer_verdict is Verdict.NEUTRAL
    assert "no pretrained model was compared" in outcome.sentence
    # Other descriptors of crystals are no reason to fit polymers again.
    monkeypatch.setattr(card, "DESCRIPTOR_VERSION", "descriptors-of-tomorrow")
    model = TransferModel.load(outcome.model)
    assert model.card.base.name == "substrate-molecule"
    assert model.card.training["kind"] == "polymer"
    answers = model.predict(inputs_of(polymers), 0.9)
    assert np.abs(answers.values[:, 0] - labels[: len(polymers)]).mean() < 10
    assert answers.domains[0].verdict.value == "IN_DOMAIN"
    (strange,) = model.predict(inputs_of([sample(MaterialKind.POLYMER, "*[Ge](C)(C)[Te]*")]), 0.9).domains
    assert strange.verdict.value != "IN_DOMAIN"


def test_a_substrate_that_knows_the_labels_helps(tmp_path, polymers):
    features = MaterialFeatures.shipped(MaterialKind.POLYMER)
    # What a head says, which descriptors of forty polymers do not tell.
    head = features.substrate.card.heads.index("qm_homo_eV")
    labels = 300 + 100 * features.inputs_of(polymers).blocks[SUBSTRATE][:, head]
    field = Field((BlockGP(), BlockGP(without_substrate=True, name=WITHOUT_SUBSTRATE), PoolMedian()))
    outcome = run_material_transfer(request_of(tmp_path / "out", polymers, labels), MaterialKind.POLYMER, field=field)
    assert outcome.transfer_verdict is Verdict.HELPS
    assert outcome.maes["block_gp"] < 0.5 * outcome.maes[WITHOUT_SUBSTRATE]
    assert "against" in outcome.sentence
    assert "a Gaussian process without pretraining" in outcome.sentence
    assert "substrate-molecule was pretrained on" in outcome.report["audit"]["statements"][0]


def test_one_alloy_under_two_conditions_has_two_labels(tmp_path):
    texts = column("alloys_mpea", "composition", 14)
    alloys = [sample(MaterialKind.COMPOSITION, text) for text in texts for _ in range(2)]
    temperature = np.array([25.0, 600.0] * len(texts))
    labels = 900 - 0.8 * temperature + np.arange(len(alloys))
    conditions = {"test_temperature": ConditionColumn(temperature, "degC")}
    request = request_of(tmp_path / "out", alloys, labels, conditions=conditions)
    outcome = run_material_transfer(request, MaterialKind.COMPOSITION, field=QUICK)
    model = TransferModel.load(outcome.model)
    assert model.card.n_labels == len(alloys)
    inputs = inputs_of(alloys[:2])
    inputs = under_conditions(inputs, model.card.conditions, {"test_temperature": temperature[:2]})
    cold, hot = model.predict(inputs, 0.9).values[:, 0]
    assert cold > hot + 200


def test_what_is_for_crystals_only_is_refused(tmp_path, polymers):
    request = request_of(tmp_path / "out", polymers, [1.0] * len(polymers), peers=("chgnet",))
    with pytest.raises(ConfigurationError, match="leave them out") as caught:
        run_material_transfer(request, MaterialKind.POLYMER)
    assert caught.value.reason == "CRYSTALS_ONLY"


def test_splits_keep_stereoisomers_together():
    isomers = [sample(MaterialKind.MOLECULE, text) for text in ("F/C=C/F", "F/C=C\\F", "FC=CF")]
    inputs = inputs_of(isomers)
    assert len(set(inputs.formulas)) == 1
    assert len({one.material.key for one in isomers}) == 3
    assert isomers[0].atomic_numbers.tolist() == [1, 6, 9]


@pytest.mark.parametrize(
    ("kind", "text", "blocks"),
    [
        (MaterialKind.COMPOSITION, "Fe2O3", {COUNTS, FRACTIONS, TRACES, PAIRS}),
        (MaterialKind.MOLECULE, "CCO", {COUNTS}),
        (MaterialKind.POLYMER, "*CC*", {COUNTS}),
    ],
)
def test_each_kind_has_its_blocks(kind, text, blocks):
    inputs = inputs_of([sample(kind, text)])
    assert set(inputs.blocks) == {DESCRIPTORS, EMBEDDING, SUBSTRATE, *blocks}
    assert inputs.take(np.array([0, 0])).n_rows == 2


def test_heads_compete_where_they_state_the_quantity_of_the_labels():
    heads = shipped_compositional().card.heads
    kin = kin_columns(heads, 0, "band_gap_exp", "eV", TransformKind.NONE)
    assert {heads[column.column] for column in kin} >= {"band_gap_pbe_mp2018_eV", "band_gap_hse_eV"}
    field = material_field(MaterialKind.COMPOSITION)
    told, untold = field.told(0.0, kin), field.told(0.0, ())
    laws = {"gated_process", "substrate_line", "substrate_head", "anchored_forest"}
    assert set(told.named()) - set(untold.named()) == laws == told.laws
    assert told.named()["gated_process"].line.kin == kin
    assert told.frozen[-1].name == untold.frozen[-1].name == "pool_median"


@pytest.mark.parametrize("kind", [MaterialKind.COMPOSITION, MaterialKind.MOLECULE, MaterialKind.POLYMER])
def test_a_strategy_that_a_job_names_competes_for_every_kind(kind):
    named = frozenset({"gated_process", "substrate_line", "substrate_head", "anchored_forest"})
    field = material_field(kind).asked_for(named).told(0.0, ())
    elsewhere = {"scratch_network", "partial_fine_tune", "full_fine_tune", "block_gp_without_peers", "fraction_forest"}
    assert set(field.named()) >= set(STRATEGIES) - elsewhere - {"physics_process", "stack"}


def test_a_job_that_names_networks_alone_is_refused(tmp_path, polymers):
    budget = TransferBudget(strategies=frozenset({"full_fine_tune", "scratch_network"}))
    request = request_of(tmp_path / "out", polymers, [1.0] * len(polymers), budget=budget)
    with pytest.raises(ConfigurationError, match="no network is trained on a polymer") as caught:
        run_material_transfer(request, MaterialKind.POLYMER)
    assert caught.value.reason == "CRYSTALS_ONLY"
    assert "choose from block_gp, " in caught.value.message


def test_a_line_on_what_the_substrate_says_serves_polymers_that_ask_for_it(tmp_path, polymers):
    head = shipped_molecular().card.heads.index("qm_homo_eV")
    labels = 300 + 100 * inputs_of(polymers).blocks[SUBSTRATE][:, head]
    budget = TransferBudget(strategies=frozenset({"substrate_line"}))
    outcome = run_material_transfer(
        request_of(tmp_path / "out", polymers, labels, budget=budget),
        MaterialKind.POLYMER,
        field=Field((PoolMedian(),), heads=(SubstrateLine(),)),
    )
    assert outcome.chosen == "substrate_line"
    answers = TransferModel.load(outcome.model).predict(inputs_of(polymers), 0.9)
    np.testing.assert_allclose(answers.values[:, 0], labels, atol=1.0)


def test_a_pretraining_molecule_is_its_own_neighbour_and_names_of_other_weights_name_nothing(tmp_path, caplog):
    anchors, molecules = shipped_anchors("substrate-molecule"), shipped_molecular()
    name = next(name for name in anchors.names if "[" not in name)
    graph = molecules.featurize(molecules.intake(name))
    point = anchors.latent.project(molecules.embed([graph])[:, 0])
    (((nearest, distance), *_),) = anchors.nearest(point, 3)
    assert nearest == name
    assert distance < 0.05
    save_names(tmp_path, anchors.latent, anchors.names)
    assert NamedAnchors.load(tmp_path, anchors.latent).names == anchors.names
    foreign = shipped_anchors("substrate-composition").latent
    assert NamedAnchors.load(tmp_path, foreign).names == ()
    assert "names of other weights" in caplog.text
    assert NamedAnchors.load(tmp_path / "nowhere", foreign).nearest(point, 3) == [()]
