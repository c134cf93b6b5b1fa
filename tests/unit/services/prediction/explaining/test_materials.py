"""Explanations of materials without a crystal in a replica: by the substrates of their kinds and by tenants' models."""

import numpy as np
import pytest

from epitaxy.api.common.v1.model_pb2 import ModelSelector
from epitaxy.api.common.v1.structure_pb2 import (
    MATERIAL_KIND_COMPOSITION,
    MATERIAL_KIND_MOLECULE,
    ConditionValue,
    StructureInput,
)
from epitaxy.api.internal.v1.prediction_backend_pb2 import ExplainBlockRequest
from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.chassis.request_context import RequestContext, bind_request
from epitaxy_models.calibration.out_of_fold import METHOD, OutOfFold, calibrate
from epitaxy_models.heads.property import Fidelity, PropertyDefinition
from epitaxy_models.materials import MaterialKind
from epitaxy_models.materials.reading import read_material
from epitaxy_models.transfer.conditions.condition import Condition
from epitaxy_models.transfer.features import under_conditions
from epitaxy_models.transfer.fitted.card import CalibrationRecord, TransferCard
from epitaxy_models.transfer.fitted.model import Member, Part, TransferModel
from epitaxy_models.transfer.fitted.training_domain import TrainingDomain
from epitaxy_models.transfer.inputs import EMBEDDING
from epitaxy_models.transfer.kinds.facts import kind_facts
from epitaxy_models.transfer.kinds.features import MaterialFeatures
from epitaxy_models.transfer.kinds.sample import Sample
from epitaxy_models.transfer.labels.target import TargetTransform
from epitaxy_models.transfer.strategies.block_gp import BlockGP
from epitaxy_models.transfer.verdict import Verdict

pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING:DeprecationWarning")
ALLOYS = [f"Al{aluminium}CoCrFe{iron}Ni" for aluminium in (0.1, 0.4, 0.7, 1.0, 1.3, 1.6) for iron in (0.5, 1, 1.5, 2)]


@pytest.fixture
def explain(tenants):
    """What tenant acme gets for inputs."""

    async def asked(*inputs, name_of="", n_nearest=2, **selector):
        bind_request(RequestContext("r-1", "acme"))
        request = ExplainBlockRequest(
            model=ModelSelector(**selector), property=name_of, structures=inputs, n_nearest=n_nearest
        )
        return await tenants.servicer.explain(request)

    return asked


@pytest.fixture(scope="module")
def model() -> TransferModel:
    """Strengths of alloys, which aluminium raises and heat lowers."""
    kind = MaterialKind.COMPOSITION
    samples = [Sample(kind, read_material(kind, text).material) for text in ALLOYS]
    features = MaterialFeatures.shipped(kind)
    heats = np.array([300.0, 600.0, 900.0] * (len(samples) // 3))
    shares = np.array([dict(zip(s.material.atomic_numbers, s.material.fractions, strict=True))[13] for s in samples])
    labels = 500.0 + 3000 * shares - 0.3 * heats
    conditions = (Condition.learned("temperature", heats, "K"),)
    inputs = under_conditions(features.inputs_of(samples), conditions, {"temperature": heats})
    fits = [BlockGP().fit(inputs.take(rows), labels[rows], 0) for rows in (np.arange(0, 20), np.arange(4, 24))]
    folds = fits[0].predict(inputs)
    calibrator = calibrate(OutOfFold(np.arange(24), folds.values, folds.stds, labels))
    card = TransferCard(
        name="strength",
        base=features.base,
        definition=PropertyDefinition("strength", "MPa", Fidelity.EXPERIMENT, "measured", ""),
        transform=TargetTransform.fit("none", labels),
        strategy="block_gp",
        calibration=CalibrationRecord(calibrator, METHOD, 0.9, 0.9, 24),
        verdict=Verdict.HELPS,
        verdict_reason="errs half as much as descriptors alone",
        maes={"block_gp": 10.0},
        n_labels=24,
        conditions=conditions,
        training=kind_facts(kind, inputs.structures),
    )
    latent = features.substrate.latent
    domain = TrainingDomain.along(latent.centre, latent.directions, inputs.blocks[EMBEDDING], inputs.structures)
    return TransferModel.of(card, [Member((Part(1.0, fit.state()),)) for fit in fits], domain)


def total(found):
    elements = [] if found.atoms else found.elements
    return sum(part.value for part in (*found.atoms, *found.bonds, *elements, *found.conditions))


async def test_each_kind_is_explained_by_its_substrate(explain):
    answer = await explain(
        StructureInput(id="a", molecule="OCC"),
        StructureInput(id="salt", molecule="[Na+].[Cl-]"),
        StructureInput(id="b", composition="O3Fe2"),
    )
    assert [result.id for result in answer.results] == ["a", "salt", "b"]
    assert (answer.model.name, answer.property.name) == ("substrate-molecule", "melting_point")
    assert answer.results[1].error.reason == "SALT"
    first, last = answer.results[0].explanation, answer.results[2].explanation
    assert (first.kind, last.kind) == (MATERIAL_KIND_MOLECULE, MATERIAL_KIND_COMPOSITION)
    assert [atom.atomic_number for atom in first.atoms] == [6, 6, 8]
    assert (first.baseline_material, first.sampling_error) == ("CCC", 0.0)
    assert "<svg" in first.drawing_svg
    assert not first.HasField("model")
    assert (last.model.name, last.property.name) == ("substrate-composition", "formation_energy")
    assert {element.atomic_number: element.fraction for element in last.elements} == {8: 0.6, 26: 0.4}
    assert last.nearest[0].formula == "Fe2O3"
    for found in (first, last):
        assert total(found) == pytest.approx(found.value - found.baseline + found.completeness_error, abs=1e-9)


async def test_a_substrate_explains_properties_that_it_has(explain):
    inputs = StructureInput(id="a", molecule="CCO")
    answer = await explain(inputs, name="substrate-molecule", name_of="log_partition")
    assert answer.results[0].explanation.elements[0].atomic_number == 8
    with pytest.raises(InvalidRequestError, match="property") as refused:
        await explain(inputs, name_of="formation_energy")
    assert "log_partition" in refused.value.violations[0].description
    with pytest.raises(InvalidRequestError, match="n_nearest"):
        await explain(inputs, n_nearest=21)


async def test_a_tenants_model_is_explained_by_element_and_condition(explain, tenants, model):
    tenants.publish("acme/strength", model)
    heat = {"temperature": ConditionValue(number=626.85, unit="degC")}
    answer = await explain(
        StructureInput(id="a", composition="Al1.6CoCrFeNi", conditions=heat),
        StructureInput(id="b", molecule="CCO"),
        StructureInput(id="c", composition="Al1.6CoCrFeNi"),
        name="acme/strength",
    )
    hot, refused, unstated = answer.results
    assert refused.error.reason == "NO_SUBSTRATE_FOR_KIND"
    assert (answer.model.name, answer.property.unit) == ("acme/strength", "MPa")
    found = hot.explanation
    [condition] = found.conditions
    assert (condition.name, condition.text, condition.unit) == ("temperature", "900", "K")
    assert condition.value < -50
    largest = found.elements[0]
    assert (largest.atomic_number, largest.value > 200) == (13, True)
    assert total(found) == pytest.approx(found.value - found.baseline, abs=1e-6)
    assert not unstated.explanation.conditions
    assert unstated.explanation.baseline == pytest.approx(found.baseline)
    # As the model answers by itself.
    sample = Sample(MaterialKind.COMPOSITION, read_material(MaterialKind.COMPOSITION, "Al1.6CoCrFeNi").material)
    inputs = MaterialFeatures.shipped(MaterialKind.COMPOSITION).inputs_of([sample])
    alone = model.predict(under_conditions(inputs, model.card.conditions, {"temperature": np.array([900.0])}), 0.9)
    assert found.value == pytest.approx(alone.values[0, 0], abs=1e-6)
    assert sum(model.card.training["average_composition"].values()) == pytest.approx(1, abs=1e-4)
    assert "the labels" in found.baseline_description
