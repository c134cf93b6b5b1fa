"""Requests to domain: items, ids, queries, and what is wrong with them."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from prediction_rig import poscar, rock_salt

from epitaxy.api.common.v1.model_pb2 import ModelSelector
from epitaxy.api.common.v1.structure_pb2 import ItemError, PackedStructures, StructureInput
from epitaxy.api.prediction.v1.prediction_pb2 import PredictionOptions
from epitaxy.chassis.errors import InvalidRequestError, NotFoundError
from epitaxy.prediction.domain import Accepted, Query, Refusal, TextSource
from epitaxy.prediction.messages import check_model, items_of, query_of
from epitaxy_models.materials import MaterialKind
from epitaxy_models.structures import Structure, TextFormat, pack_structures

ANY_SPEED = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
COORDS = hnp.arrays(np.float64, st.tuples(st.integers(1, 6), st.just(3)), elements=st.floats(width=64))


def packed(structures, ids=(), **changes):
    return PackedStructures(ids=ids, **(pack_structures(structures)._asdict() | changes))


@st.composite
def structures(draw):
    coords = draw(COORDS)
    numbers = draw(hnp.arrays(np.uint8, len(coords)))
    lattice = draw(hnp.arrays(np.float64, (3, 3), elements=st.floats(allow_nan=False, width=64)))
    return Structure(lattice, numbers, coords)


@ANY_SPEED
@given(st.lists(structures(), max_size=5), st.booleans())
def test_a_packed_block_arrives_to_the_last_bit(sent, has_ids):
    ids = [f"mp-{index}" for index in range(len(sent))] if has_ids else []
    wire = StructureInput(id="block", packed=packed(sent, ids)).SerializeToString()
    items = items_of([StructureInput.FromString(wire)])
    assert [item.id for item in items] == (ids or [f"block/{index}" for index in range(len(sent))])
    assert [item.source.content_digest() for item in items] == [structure.content_digest() for structure in sent]


@pytest.mark.parametrize("text_format", list(TextFormat))
def test_every_text_format_has_its_field(text_format):
    (item,) = items_of([StructureInput(id="a", **{text_format.value: "text"})])
    assert (item.id, item.source) == ("a", TextSource(text_format, "text"))


def test_every_field_of_the_wire_form_is_read():
    fields = {field.name for field in StructureInput.DESCRIPTOR.oneofs_by_name["source"].fields}
    materials = {kind.value for kind in MaterialKind} - {MaterialKind.STRUCTURE.value}
    assert fields == {"packed"} | materials | {text_format.value for text_format in TextFormat}


def test_an_item_without_a_structure_is_refused_alone():
    items = items_of([StructureInput(id="a", cif=""), StructureInput(id="b"), StructureInput(id="c", poscar="x")])
    assert [isinstance(item.source, Refusal) for item in items] == [False, True, False]
    assert items[1].source.reason == "EMPTY_STRUCTURE"


@pytest.mark.parametrize(
    "changes",
    [
        {"frac_coords": b"\0" * 23},
        {"lattices_angstrom": b""},
        {"atomic_numbers": b"\x0b" * 5},
        {"n_sites": np.array([2, 2**32 - 1], dtype="<u4").tobytes()},
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_a_malformed_block_refuses_its_own_structures_only(rig, changes):
    salt = rock_salt()
    good = StructureInput(id="good", packed=packed([salt, rock_salt(19)], ["x", "y"]))
    torn = StructureInput(id="torn", packed=packed([salt, salt], **changes))
    text = StructureInput(id="text", poscar=poscar(salt).text)
    subject = rig()
    block = await subject.service.evaluate(items_of([good, torn, text]), subject.query)
    assert [answer.id for answer in block.answers] == ["x", "y", "torn/0", "torn/1", "text"]
    assert [isinstance(answer.outcome, Accepted) for answer in block.answers] == [True, True, False, False, True]
    assert {block.answers[index].outcome.reason for index in (2, 3)} == {"MALFORMED_BLOCK"}


def test_ids_of_another_number_than_structures_are_a_wrong_request():
    with pytest.raises(InvalidRequestError, match=r"structures\[1\]\.packed\.ids: has 3 ids for 2 structures"):
        items_of([StructureInput(cif="x"), StructureInput(packed=packed([rock_salt()] * 2, ["a", "b", "c"]))])


def test_torn_counts_are_a_wrong_request():
    with pytest.raises(InvalidRequestError, match=r"structures\[0\]\.packed\.n_sites: is not a whole number"):
        items_of([StructureInput(packed=packed([rock_salt()], n_sites=b"\2\0\0"))])


async def test_a_refusal_that_quotes_half_a_surrogate_pair_can_be_written(rig, artifact):
    from epitaxy.prediction.messages import BlockEncoder, reports

    site = {"abc": [0, 0, 0], "species": [{"element": "\ud800", "occu": 0.5}, {"element": "Na", "occu": 0.5}]}
    text = json.dumps({"lattice": {"matrix": np.eye(3).tolist()}, "sites": [site]})
    items = items_of(
        [StructureInput(id="odd", pymatgen_json=text), StructureInput(id="b", poscar=poscar(rock_salt()).text)]
    )
    subject = rig()
    block = await subject.service.evaluate(items, subject.query)
    message = BlockEncoder(artifact).results(block, subject.query, 0)
    assert message.results[0].error.reason == "PARTIAL_OCCUPANCY"
    assert "holds ? 0.5, Na 0.5" in message.results[0].error.message
    assert message.results[1].HasField("prediction")
    assert ItemError.FromString(message.results[0].error.SerializeToString()) == message.results[0].error
    assert reports(block.answers).reports[0].error == message.results[0].error


def test_no_properties_named_means_all(artifact):
    assert query_of(PredictionOptions(), artifact) == Query(tuple(range(len(artifact.card.properties))), 0.9)


def test_properties_come_in_the_order_asked_for_and_once(artifact):
    options = PredictionOptions(properties=["band_gap", "formation_energy", "band_gap"])
    names = [artifact.card.properties[index].definition.name for index in query_of(options, artifact).properties]
    assert names == ["band_gap", "formation_energy"]


def test_an_unknown_property_is_named_beside_the_known_ones(artifact):
    options = PredictionOptions(properties=["band_gap", "viscosity"])
    with pytest.raises(InvalidRequestError, match="has no viscosity; it has formation_energy, band_gap") as error:
        query_of(options, artifact)
    assert error.value.violations[0].field == "options.properties"


@pytest.mark.parametrize("coverage", [0.5, 0.9, 0.99])
def test_a_coverage_within_bounds_is_taken(artifact, coverage):
    query = query_of(PredictionOptions(coverage=coverage, bypass_cache=True), artifact)
    assert (query.coverage, query.bypass_cache) == (coverage, True)


@pytest.mark.parametrize("coverage", [-0.9, 0.4999, 0.9901, 1.0, 90.0, float("nan"), float("inf")])
def test_a_coverage_out_of_bounds_is_refused(artifact, coverage):
    with pytest.raises(InvalidRequestError, match=r"options\.coverage: must lie between 0\.5 and 0\.99, got") as error:
        query_of(PredictionOptions(coverage=coverage), artifact)
    assert error.value.violations[0].field == "options.coverage"


def test_the_served_model_answers_to_its_name_version_and_champion(artifact):
    card = artifact.card
    for selector in ({}, {"name": card.name}, {"version": card.version}, {"name": card.name, "alias": "champion"}):
        check_model(ModelSelector(**selector), artifact)


@pytest.mark.parametrize(
    ("selector", "reason", "message"),
    [
        ({"name": "other"}, "UNKNOWN_MODEL", "no model named 'other'; served: "),
        ({"version": "0.0.0-none"}, "UNKNOWN_VERSION", "has no version '0.0.0-none'; served: "),
        ({"version": ""}, "UNKNOWN_VERSION", "has no version ''"),
        ({"alias": "candidate"}, "UNKNOWN_ALIAS", "has no alias 'candidate'"),
    ],
)
def test_another_model_is_not_found(artifact, selector, reason, message):
    with pytest.raises(NotFoundError, match=message) as error:
        query_of(PredictionOptions(model=ModelSelector(**selector)), artifact)
    assert error.value.reason == reason
