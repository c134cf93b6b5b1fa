"""Compositions, molecules and polymers on the wire: read and reported, and refused by a model of crystals."""

import pytest
from prediction_rig import rock_salt

from epitaxy.api.common.v1 import structure_pb2
from epitaxy.prediction import messages
from epitaxy.prediction.domain import Accepted, Item, MaterialSource, Refusal
from epitaxy.prediction.intake.materials import MaterialReader
from epitaxy_models.materials import MaterialKind

StructureInput = structure_pb2.StructureInput


def reported(rig_service, *inputs):
    return rig_service.report(messages.items_of(inputs))


async def test_each_kind_is_reported_with_its_key_and_repairs(rig):
    read = await reported(
        rig().service,
        StructureInput(id="alloy", composition="Al7.69Co30.77Fe30.77Ni30.77"),
        StructureInput(id="alcohol", molecule="OCC"),
        StructureInput(id="chain", polymer="*CCOCCO*"),
        StructureInput(id="salt", molecule="[Na+].[Cl-]"),
    )
    answer = messages.reports(read)
    alloy, alcohol, chain, salt = answer.reports
    assert (alloy.kind, alloy.key) == (structure_pb2.MATERIAL_KIND_COMPOSITION, "AlCo4Fe4Ni4")
    assert [repair.code for repair in alloy.repairs] == ["ROUNDED_AMOUNTS"]
    assert (alcohol.kind, alcohol.key, alcohol.n_sites) == (structure_pb2.MATERIAL_KIND_MOLECULE, "CCO", 3)
    assert (chain.kind, chain.reduced_formula) == (structure_pb2.MATERIAL_KIND_POLYMER, "*CCO*")
    assert salt.error.reason == "SALT"


async def test_a_crystal_model_refuses_other_kinds_and_answers_their_neighbours(rig):
    subject = rig()
    sources = (MaterialSource(MaterialKind.MOLECULE, "CCO"), rock_salt(), MaterialSource(MaterialKind.POLYMER, "CC*"))
    block = await subject.evaluate(list(sources))
    molecule, crystal, polymer = (answer.outcome for answer in block.answers)
    assert isinstance(crystal, Accepted)
    assert (molecule.reason, molecule.is_retryable) == ("NO_SUBSTRATE_FOR_KIND", False)
    assert "fitted on that kind" in molecule.message
    # What no model could use is told first.
    assert polymer.reason == "WILDCARD_COUNT"


def test_one_text_names_another_material_of_each_kind():
    reader = MaterialReader()
    methanol, carbon_monoxide = (
        reader.read(MaterialSource(kind, "CO")) for kind in (MaterialKind.MOLECULE, MaterialKind.COMPOSITION)
    )
    assert methanol.key == carbon_monoxide.key == "CO"
    assert methanol.digest != carbon_monoxide.digest


@pytest.mark.parametrize("text", ["", "\0", "\u00e9" * 5000, "C" * 100_000, "(" * 5000])
@pytest.mark.parametrize("kind", [MaterialKind.COMPOSITION, MaterialKind.MOLECULE, MaterialKind.POLYMER])
async def test_no_text_is_a_fault_of_the_service(rig, kind, text):
    (entry,) = await rig().service.report([Item("a", MaterialSource(kind, text))])
    assert isinstance(entry.outcome, Refusal)
    assert entry.outcome.reason != "INTERNAL"
