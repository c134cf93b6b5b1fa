"""Materials without a crystal through a replica: by the substrates of their kinds, and by tenants' models."""

import json
from dataclasses import replace

import numpy as np
import pytest
from prediction_rig import rock_salt
from tenant_rig import inputs_of

from epitaxy.api.common.v1.model_pb2 import ModelSelector
from epitaxy.api.common.v1.structure_pb2 import (
    MATERIAL_KIND_COMPOSITION,
    MATERIAL_KIND_MOLECULE,
    MATERIAL_KIND_POLYMER,
    MATERIAL_KIND_STRUCTURE,
    ConditionValue,
    StructureInput,
)
from epitaxy.api.internal.v1 import prediction_backend_pb2 as backend_pb2
from epitaxy.api.prediction.v1.prediction_pb2 import PredictionOptions
from epitaxy.chassis.errors import FailedPreconditionError, InvalidRequestError, NotFoundError
from epitaxy.chassis.request_context import RequestContext, bind_request
from epitaxy.client.screening.reading import ResultBlockReader
from epitaxy.gateway.blocks import settle_answer
from epitaxy.gateway.domain import Chunk
from epitaxy_models.heads.property import Fidelity, PropertyDefinition
from epitaxy_models.materials import MaterialKind
from epitaxy_models.materials.reading import read_material
from epitaxy_models.substrates.shipped import shipped_substrate
from epitaxy_models.transfer.conditions.condition import ConditionColumn
from epitaxy_models.transfer.contest.field import Field
from epitaxy_models.transfer.features import under_conditions
from epitaxy_models.transfer.fitted.model import TransferModel
from epitaxy_models.transfer.kinds.features import MaterialFeatures
from epitaxy_models.transfer.kinds.sample import Sample
from epitaxy_models.transfer.pipeline import run_material_transfer
from epitaxy_models.transfer.request import TransferRequest
from epitaxy_models.transfer.strategies.block_gp import BlockGP
from epitaxy_models.transfer.strategies.median import PoolMedian

pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING:DeprecationWarning")
POLYMERS = [f"*{'C' * length}{end}*" for length in range(1, 9) for end in ("O", "S", "C(=O)N")]


@pytest.fixture
def ask(tenants):
    """What tenant acme gets for inputs."""

    async def asked(*inputs, tenant="acme", properties=(), **selector):
        bind_request(RequestContext("r-1", tenant))
        options = PredictionOptions(model=ModelSelector(**selector), properties=properties)
        request = backend_pb2.EvaluateRequest(options=options, structures=inputs, sequence=7)
        return (await tenants.servicer.evaluate(request)).results

    return asked


def values(block, position):
    """Values of a result by name of the property."""
    found = block.results[position].prediction.values
    return {block.properties[value.property_index].definition.name: value.value for value in found}


def expected(kind, text):
    """Answers of the substrate by itself."""
    substrate = shipped_substrate(kind)
    material = substrate.intake(text)
    graphs = [substrate.featurize(material)]
    found = substrate.predict([material], graphs, substrate.embed(graphs), 0.9).values[0]
    return {entry.definition.name: value for entry, value in zip(substrate.card.properties, found, strict=True)}


async def test_a_message_mixes_kinds_and_each_is_answered_by_its_substrate(ask):
    (crystal,) = inputs_of([rock_salt()])
    block = await ask(
        StructureInput(id="alloy", composition="Ni4Fe4Co4Al"),
        StructureInput(id="salt", molecule="[Na+].[Cl-]"),
        crystal,
        StructureInput(id="chain", polymer="*CC(*)c1ccccc1"),
        StructureInput(id="alcohol", molecule="OCC"),
    )
    assert [result.id for result in block.results] == ["alloy", "salt", "0", "chain", "alcohol"]
    assert block.results[1].error.reason == "SALT"
    assert (block.sequence, block.counts.answered, block.counts.refused) == (7, 4, 1)
    for position, kind, text in (
        (0, MaterialKind.COMPOSITION, "AlCo4Fe4Ni4"),
        (3, MaterialKind.POLYMER, "*CC(*)c1ccccc1"),
        (4, MaterialKind.MOLECULE, "CCO"),
    ):
        assert values(block, position) == pytest.approx(expected(kind, text), rel=1e-4, abs=1e-4)
    assert block.results[4].prediction.reduced_formula == "CCO"
    assert "formation_energy" in values(block, 2)
    # A client names the weights behind each answer.
    reader = ResultBlockReader(block)
    names = [reader.read(result, result.id, 0).model for result in reader]
    assert names[0] == "substrate-composition"
    assert names[3:] == ["substrate-molecule", "substrate-molecule"]
    assert names[2] == block.model.name == "substrate-mp"


async def test_a_named_substrate_answers_its_kinds_only(ask, tenants):
    inputs = StructureInput(id="a", molecule="CCO"), StructureInput(id="b", composition="Fe2O3")
    block = await ask(*inputs, name="substrate-molecule", properties=["log_partition"])
    assert block.model.name == "substrate-molecule"
    assert list(values(block, 0)) == ["log_partition"]
    assert block.results[1].error.reason == "NO_SUBSTRATE_FOR_KIND"
    bind_request(RequestContext("r-1", "acme"))
    named = backend_pb2.EmbedBlockRequest(model=ModelSelector(name="substrate-molecule"), structures=inputs)
    embedded, refused = (await tenants.servicer.embed(named)).embeddings
    substrate = shipped_substrate(MaterialKind.MOLECULE)
    own = substrate.embed([substrate.featurize(substrate.intake("OCC"))])
    np.testing.assert_allclose(np.frombuffer(embedded.embedding, dtype="<f4"), own.ravel(), atol=1e-5)
    assert refused.error.reason == "NO_SUBSTRATE_FOR_KIND"
    again = await ask(inputs[0], name="substrate-molecule")
    assert again.results[0].prediction.cache_hit
    with pytest.raises(NotFoundError, match="no version '9'"):
        await ask(*inputs, name="substrate-molecule", version="9")
    card = await tenants.card("acme", "substrate-composition")
    assert card.stamp.name == "substrate-composition"
    assert {entry.definition.name for entry in card.properties} >= {"formation_energy", "band_gap"}
    assert (list(card.kinds), card.n_members, card.n_parameters_per_member) == ([MATERIAL_KIND_COMPOSITION], 5, 286004)
    assert {26, 94} < set(card.supported_elements) < set(range(1, 95))
    assert json.loads(card.card_json)["properties"][0]["calibrator"]
    shown = {card.stamp.name: list(card.kinds) for card in (await tenants.listed("acme")).models}
    assert shown["substrate-molecule"] == [MATERIAL_KIND_MOLECULE, MATERIAL_KIND_POLYMER]
    assert shown["substrate-mp"] == [MATERIAL_KIND_STRUCTURE]


async def test_a_property_that_one_kind_lacks_is_refused_in_a_mixed_message(ask):
    inputs = StructureInput(id="a", molecule="CCO"), StructureInput(id="b", composition="Fe2O3")
    with pytest.raises(InvalidRequestError, match="send the kinds apart"):
        await ask(*inputs, properties=["log_partition"])
    with pytest.raises(InvalidRequestError, match="has colour"):
        await ask(*inputs, properties=["colour"])
    # An item that holds nothing asks no other model.
    block = await ask(StructureInput(id="empty"), inputs[0], properties=["log_partition"])
    assert (block.results[0].error.reason, list(values(block, 1))) == ("EMPTY_STRUCTURE", ["log_partition"])
    block = await ask(*inputs, properties=["log_partition", "band_gap"])
    assert (list(values(block, 0)), list(values(block, 1))) == (["log_partition"], ["band_gap"])


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> TransferModel:
    """Glass transitions of chains at two rates of heating."""
    samples = [Sample(MaterialKind.POLYMER, read_material(MaterialKind.POLYMER, text).material) for text in POLYMERS]
    rates = np.array([1.0, 10.0] * (len(samples) // 2))
    labels = np.array([200.0 + 5 * sample.material.units[0].n_atoms for sample in samples]) + rates
    request = TransferRequest(
        "tg",
        [(f"row{number}", sample.as_row()) for number, sample in enumerate(samples)],
        labels,
        PropertyDefinition("tg", "K", Fidelity.EXPERIMENT, "measured", ""),
        tmp_path_factory.mktemp("job") / "out",
        conditions={"rate": ConditionColumn(rates, "K/min")},
    )
    outcome = run_material_transfer(request, MaterialKind.POLYMER, field=Field((BlockGP(), PoolMedian())))
    return TransferModel.load(outcome.model)


def chain(name, text, rate=None):
    given = {} if rate is None else {"rate": ConditionValue(number=rate)}
    return StructureInput(id=name, polymer=text, conditions=given)


async def test_a_tenants_model_of_polymers_answers_polymers(ask, tenants, model):
    tenants.publish("acme/tg", model)
    inputs = (
        chain("a", "*CCCO*", 10.0),
        StructureInput(id="b", molecule="CCO"),
        chain("c", "*OCCC*", 1.0),
        chain("d", "*CC", 1.0),
        StructureInput(id="e", composition="Fe2O3"),
        chain("f", "*CCCO*"),
    )
    block = await ask(*inputs, name="acme/tg")
    errors = {result.id: result.error.reason for result in block.results if result.HasField("error")}
    assert errors == {"b": "NO_SUBSTRATE_FOR_KIND", "d": "WILDCARD_COUNT", "e": "NO_SUBSTRATE_FOR_KIND"}
    assert [note.code for note in block.results[5].prediction.notes] == ["MISSING_CONDITION"]
    # As the model answers by itself: one polymer, cut at two places, under two conditions.
    sample = Sample(MaterialKind.POLYMER, read_material(MaterialKind.POLYMER, "*CCCO*").material)
    inputs_here = MaterialFeatures.shipped(MaterialKind.POLYMER).inputs_of([sample, sample])
    inputs_here = under_conditions(inputs_here, model.card.conditions, {"rate": np.array([10.0, 1.0])})
    fast, slow = model.predict(inputs_here, 0.9).values[:, 0]
    assert (values(block, 0)["tg"], values(block, 2)["tg"]) == pytest.approx((fast, slow), abs=1e-3)
    assert fast > slow
    assert (await ask(inputs[0], name="acme/tg")).results[0].prediction.cache_hit
    card = await tenants.card("acme", "acme/tg")
    assert (card.base.name, card.base.is_current) == ("substrate-molecule", True)


async def test_another_base_is_not_served(ask, tenants, model):
    other = replace(model.card, base=replace(model.card.base, digest="sha256:00"))
    tenants.publish("acme/old", TransferModel.of(other, model.members, model.domain))
    with pytest.raises(FailedPreconditionError, match="fit it again") as caught:
        await ask(chain("a", "*CCO*", 1.0), name="acme/old")
    assert caught.value.reason == "WRONG_BASE"


async def test_the_gateway_counts_each_substrate_of_a_mixed_message(ask):
    (crystal,) = inputs_of([rock_salt()])
    inputs = (StructureInput(id="a", molecule="CCO"), crystal, StructureInput(id="b", polymer="*CCO*"))
    block = await ask(*inputs)
    request = backend_pb2.EvaluateRequest(structures=inputs, sequence=block.sequence)
    encoded = backend_pb2.EvaluateResponse(results=block).SerializeToString()
    answer = settle_answer(encoded, Chunk(request.SerializeToString(), len(inputs), sequence=block.sequence))
    assert answer.encoded == encoded
    counted = {use.model: (sum(tally.domain_verdicts.values()), len(use.properties)) for use, tally in answer.uses}
    n_crystal, n_molecule = counted["substrate-mp"], counted["substrate-molecule"]
    assert (n_crystal[0], n_molecule[0]) == (1, 2)
    assert n_crystal[1] + n_molecule[1] == len(block.properties)


async def test_features_of_polymers_are_those_that_jobs_learn_from_and_others_are_refused(tenants):
    bind_request(RequestContext("r-1", "acme"))
    texts = ["*CC(*)c1ccccc1", "*CCO*"]
    request = backend_pb2.FeaturizeBlockRequest(
        model=ModelSelector(name="substrate-molecule"),
        structures=[
            StructureInput(id="salt", polymer="*[Na+]"),
            StructureInput(id="styrene", polymer=texts[0]),
            StructureInput(id="alcohol", molecule="CCO"),
            StructureInput(id="calcium", polymer="*C[Ca]C*"),
            StructureInput(id="glycol", polymer=texts[1]),
        ],
    )
    answer = await tenants.servicer.featurize(request)
    reasons = {entry.id: entry.error.reason for entry in answer.structures if entry.HasField("error")}
    assert set(reasons) == {"salt", "alcohol", "calcium"}
    assert (reasons["alcohol"], reasons["calcium"]) == ("MIXED_KINDS", "UNSUPPORTED_ELEMENT")
    samples = [Sample(MaterialKind.POLYMER, read_material(MaterialKind.POLYMER, text).material) for text in texts]
    learned = MaterialFeatures.shipped(MaterialKind.POLYMER).inputs_of(samples).blocks
    assert {block.name for block in answer.blocks} == set(learned)
    for block in answer.blocks:
        found = np.frombuffer(block.values, dtype="<f4").reshape(2, block.width)
        np.testing.assert_allclose(found, learned[block.name], rtol=1e-4, atol=1e-4)
    styrene = answer.structures[1]
    assert styrene.key == b"polymer " + samples[0].material.digest()
    assert styrene.reduced_formula == samples[0].formula
    assert list(styrene.elements) == [1, 6]
    assert answer.weights_digest == shipped_substrate(MaterialKind.POLYMER).digest
    assert {entry.property.name for entry in answer.estimates} >= {"melting_point", "homo"}
    empty = await tenants.servicer.featurize(
        backend_pb2.FeaturizeBlockRequest(model=ModelSelector(name="substrate-composition"))
    )
    assert empty.weights_digest == shipped_substrate(MaterialKind.COMPOSITION).digest
