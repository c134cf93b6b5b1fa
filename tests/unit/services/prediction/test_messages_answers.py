"""Domain to protobuf: what was predicted is what is written, with the stamps that belong to it."""

import json
from dataclasses import replace

import numpy as np
import pytest
from prediction_rig import rock_salt, supercell

from epitaxy.api.common.v1 import property_pb2, review_pb2
from epitaxy.api.prediction.v1 import prediction_pb2
from epitaxy.prediction.domain import Item, Refusal, TextSource
from epitaxy.prediction.messages import BlockEncoder, reports
from epitaxy_models.calibration.verdict import DomainScore, DomainVerdict
from epitaxy_models.ensembles.card import ModelCard
from epitaxy_models.heads.property import Fidelity
from epitaxy_models.review import DEFAULT_POLICY
from epitaxy_models.structures import Structure, TextFormat

LOST = Refusal("OVERLOADED", "full", is_retryable=True)


@pytest.fixture
def encoder(artifact):
    return BlockEncoder(artifact)


async def encoded(encoder, subject, block, **query):
    message = encoder.results(block, replace(subject.query, **query), sequence=2**63)
    return prediction_pb2.ResultBlock.FromString(message.SerializeToString())


async def test_values_spreads_and_intervals_are_written_in_the_units_stamped_beside_them(encoder, rig, crystals):
    subject = rig()
    block = await subject.evaluate(crystals, coverage=0.8)
    message = await encoded(encoder, subject, block, coverage=0.8)
    assert message.sequence == 2**63
    assert [result.id for result in message.results] == [str(index) for index in range(40)]
    read = {
        "values": [[entry.value for entry in result.prediction.values] for result in message.results],
        "epistemic_std": [[entry.epistemic_std for entry in result.prediction.values] for result in message.results],
        "aleatoric_std": [[entry.aleatoric_std for entry in result.prediction.values] for result in message.results],
        "lower": [[entry.interval.lower for entry in result.prediction.values] for result in message.results],
        "upper": [[entry.interval.upper for entry in result.prediction.values] for result in message.results],
    }
    for name, values in read.items():
        np.testing.assert_array_equal(values, getattr(block.prediction, name))
    entries = [entry for result in message.results for entry in result.prediction.values]
    assert {entry.interval.coverage for entry in entries} == {0.8}
    assert all(entry.interval.lower <= entry.value <= entry.interval.upper for entry in entries)


async def test_chosen_properties_keep_their_values_and_stamps(encoder, rig, crystals, artifact):
    subject = rig()
    block = await subject.evaluate(crystals[:3])
    message = await encoded(encoder, subject, block, properties=(2, 0))
    names = [artifact.card.properties[column].definition.name for column in (2, 0)]
    assert [stamp.definition.name for stamp in message.properties] == names
    for row, result in enumerate(message.results):
        assert [entry.property_index for entry in result.prediction.values] == [0, 1]
        assert [entry.value for entry in result.prediction.values] == block.prediction.values[row, [2, 0]].tolist()


async def test_formula_sites_repairs_and_hits_are_those_of_the_structure(encoder, rig):
    shifted = Structure(rock_salt().lattice, rock_salt().atomic_numbers, rock_salt().frac_coords + 2.0)
    subject = rig()
    await subject.evaluate([rock_salt()])
    message = await encoded(encoder, subject, await subject.evaluate([shifted, supercell(rock_salt(19), 2)]))
    first, second = [result.prediction for result in message.results]
    assert (first.reduced_formula, first.n_sites, first.cache_hit) == ("NaCl", 2, True)
    assert [repair.code for repair in first.repairs] == ["WRAPPED_COORDINATES"]
    assert (second.reduced_formula, second.n_sites, second.cache_hit) == ("KCl", 4, False)
    assert not second.repairs


CIF = """data_x
_cell_length_a 5.64
_cell_length_b 5.64
_cell_length_c 5.64
{symmetry}
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Na1 Na 0 0 0
Cl1 Cl 0.5 0.5 0.5
"""


async def test_notes_and_doubts_of_a_text_reach_its_answer_and_no_other(encoder, rig):
    """Two files that are read as one crystal: one of them had to be chosen between two statements."""
    plain = CIF.format(symmetry="_symmetry_space_group_name_H-M 'F m -3 m'")
    doubtful = CIF.format(symmetry="_symmetry_space_group_name_H-M 'F m -3 m'\n_space_group_IT_number 1")
    magnetic = CIF.format(symmetry="_space_group_IT_number 225\n_parent_propagation_vector.kxkykz '[1/2 1/2 1/2]'")
    subject = rig()
    block = await subject.evaluate([TextSource(TextFormat.CIF, text) for text in (plain, doubtful, magnetic)])
    answers = [result.prediction for result in (await encoded(encoder, subject, block)).results]
    assert [answer.n_sites for answer in answers] == [8, 8, 8]
    assert [[one.code for one in answer.repairs] for answer in answers] == [[], ["CHOSEN_SYMMETRY"], []]
    assert [[one.code for one in answer.notes] for answer in answers] == [[], [], ["DROPPED_MAGNETISM"]]
    rules = [[rule.code for rule in answer.review.rules] for answer in answers]
    assert ["DOUBTFUL_STRUCTURE" in codes for codes in rules] == [False, True, False]
    assert answers[1].review.verdict == review_pb2.REVIEW_VERDICT_REVIEW


async def test_counts_add_up_to_the_items(encoder, rig):
    subject = rig()
    await subject.evaluate([rock_salt()])
    block = await subject.evaluate([rock_salt(), Refusal("X", "no"), rock_salt(19), LOST, rock_salt(), LOST])
    message = await encoded(encoder, subject, block)
    assert message.counts == prediction_pb2.OutcomeCounts(answered=3, refused=1, failed=2, cache_hits=2)
    assert [result.WhichOneof("outcome") for result in message.results] == [
        "prediction", "error", "prediction", "error", "prediction", "error",
    ]  # fmt: skip
    errors = [message.results[index].error for index in (1, 3)]
    assert [(error.reason, error.message, error.retryable) for error in errors] == [
        ("X", "no", False),
        ("OVERLOADED", "full", True),
    ]


@pytest.mark.parametrize("verdict", list(DomainVerdict))
async def test_every_verdict_has_its_value_on_the_wire(encoder, rig, verdict):
    subject = rig()
    block = await subject.evaluate([rock_salt()])
    score = DomainScore(0.25, verdict, "far away")
    block = replace(block, prediction=replace(block.prediction, domains=(score,)))
    domain = (await encoded(encoder, subject, block)).results[0].prediction.domain
    assert prediction_pb2.DomainVerdict.Name(domain.verdict) == f"DOMAIN_VERDICT_{verdict.value}"
    assert (domain.score, domain.reason) == (0.25, "far away")


async def test_stamps_say_which_weights_answered_and_how_they_were_calibrated(encoder, rig, artifact):
    subject = rig()
    message = await encoded(encoder, subject, await subject.evaluate([rock_salt()]))
    assert message.model.name == artifact.card.name
    assert message.model.version == artifact.card.version
    assert message.model.digest == artifact.digest
    for stamp, entry in zip(message.properties, artifact.card.properties, strict=True):
        assert stamp.definition.unit == entry.definition.unit
        assert stamp.definition.level_of_theory == entry.definition.level_of_theory
        fidelity = property_pb2.Fidelity.Name(stamp.definition.fidelity)
        assert fidelity == f"FIDELITY_{entry.definition.fidelity.value}"
        assert stamp.definition.fidelity != property_pb2.FIDELITY_UNSPECIFIED
        assert stamp.calibration.method == entry.calibration_method
        assert stamp.calibration.n_calibration == entry.calibrator.n_calibration > 0
        assert stamp.calibration.measured_coverage == entry.measured_coverage
        assert (stamp.calibration.nominal_coverage, stamp.calibration.n_measured) == (
            entry.measured_at,
            entry.n_measured,
        )


def test_every_fidelity_of_the_science_is_one_of_the_wire_and_back():
    wire = set(property_pb2.Fidelity.keys()) - {"FIDELITY_UNSPECIFIED"}
    assert wire == {f"FIDELITY_{fidelity.value}" for fidelity in Fidelity}


def test_bounds_are_absent_where_a_property_has_none(artifact):
    card = artifact.card
    first = card.properties[0]
    definition = replace(first.definition, lower_bound=0.0, upper_bound=None)
    bounded = replace(artifact, card=replace(card, properties=(replace(first, definition=definition),)))
    written = BlockEncoder(bounded).model_card(DEFAULT_POLICY).properties[0].definition
    assert written.HasField("lower_bound")
    assert written.lower_bound == 0.0
    assert not written.HasField("upper_bound")


def test_the_model_card_is_complete(encoder, artifact):
    card = encoder.model_card(DEFAULT_POLICY)
    assert list(card.aliases) == ["champion"]
    assert card.n_members == artifact.card.backbone.n_members
    assert card.n_parameters_per_member * card.n_members == artifact.n_parameters
    assert list(card.supported_elements) == artifact.supported_elements()
    assert card.featurizer_version == artifact.card.rule.version
    assert ModelCard.from_json(json.loads(card.card_json)) == artifact.card
    for written, entry in zip(card.properties, artifact.card.properties, strict=True):
        assert dict(written.metrics) == entry.metrics
    data = card.training_data
    assert min(data.n_train, data.n_validation, data.n_calibration, data.n_test) > 0
    assert all((data.name, data.attribution, data.license, data.split, card.license, card.description))


async def test_embeddings_are_float32_little_endian_of_the_width_stated(encoder, rig):
    items = [Item("a", rock_salt()), Item("bad", LOST), Item("b", rock_salt(19))]
    answers, embeddings = await rig().service.embed(items)
    message = encoder.embeddings(answers, embeddings)
    assert [entry.id for entry in message.embeddings] == ["a", "bad", "b"]
    assert message.embeddings[1].error.retryable
    for entry, row in ((message.embeddings[0], 0), (message.embeddings[2], 1)):
        read = np.frombuffer(entry.embedding, dtype="<f4")
        assert len(read) == message.dimension
        np.testing.assert_array_equal(read, embeddings[row].ravel())
        assert not entry.cache_hit


async def test_intake_reports_keep_the_order(rig):
    answers = await rig().service.validate([Item("a", rock_salt()), Item("bad", LOST), Item("b", rock_salt(19, 35))])
    written = reports(answers).reports
    assert [(report.id, report.reduced_formula, report.n_sites) for report in written] == [
        ("a", "NaCl", 2), ("bad", "", 0), ("b", "KBr", 2),
    ]  # fmt: skip
    assert [report.HasField("error") for report in written] == [False, True, False]
