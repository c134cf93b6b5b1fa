"""Answers as columns say what answers by items say, field by field, to the gateway's counters and to a client."""

from dataclasses import replace

import numpy as np
import pytest
from prediction_rig import poscar, rock_salt
from tenant_rig import inputs_of
from test_messages_answers import CIF, LOST

from epitaxy.api.common.v1.model_pb2 import ModelSelector
from epitaxy.api.common.v1.structure_pb2 import StructureInput
from epitaxy.api.internal.v1 import prediction_backend_pb2 as backend_pb2
from epitaxy.api.prediction.v1 import prediction_pb2
from epitaxy.chassis.errors import InternalError
from epitaxy.chassis.request_context import RequestContext, bind_request
from epitaxy.client.inputs.item import InputItem
from epitaxy.client.screening.column_counts import counts_of
from epitaxy.client.screening.column_reading import read_columns, read_items
from epitaxy.client.screening.column_table import LongTable, arrow_table, frame
from epitaxy.client.screening.columns import ScreenColumns
from epitaxy.client.screening.joining import joined
from epitaxy.client.screening.reading import ResultBlockReader
from epitaxy.client.screening.rows import rows_of, to_frame
from epitaxy.client.screening.summary import RunTally
from epitaxy.gateway.blocks import settle_answer
from epitaxy.gateway.domain import Chunk
from epitaxy.prediction.domain import Refusal, TextSource
from epitaxy.prediction.messages import BlockEncoder
from epitaxy_models.calibration.verdict import DomainScore, DomainVerdict
from epitaxy_models.structures import Structure, TextFormat

N_GUARD = 128


@pytest.fixture
def encoder(artifact):
    return BlockEncoder(artifact)


@pytest.fixture
async def block(rig, crystals):
    """Hits, repairs, notes, doubts, all verdicts, refusals and losses."""
    subject = rig()
    await subject.evaluate(crystals[:4])
    doubtful = CIF.format(symmetry="_symmetry_space_group_name_H-M 'F m -3 m'\n_space_group_IT_number 1")
    magnetic = CIF.format(symmetry="_space_group_IT_number 225\n_parent_propagation_vector.kxkykz '[1/2 1/2 1/2]'")
    shifted = Structure(rock_salt().lattice, rock_salt().atomic_numbers, rock_salt().frac_coords + 2.0)
    texts = [TextSource(TextFormat.CIF, text) for text in (doubtful, magnetic)]
    sources = [LOST, *crystals[:8], Refusal("X", "no \ud800"), shifted, *texts, poscar(rock_salt(19)), LOST]
    found = await subject.evaluate(sources, coverage=0.8)
    domains = list(found.prediction.domains)
    for row, verdict in enumerate(DomainVerdict):
        domains[row] = DomainScore(row / 4, verdict, f"reason {row}" if row else "")
    return replace(found, prediction=replace(found.prediction, domains=tuple(domains)))


def both(encoder, block, query):
    """The block by items and by columns, each as it is read from the wire."""
    forms = [encoder.results(block, replace(query, is_columnar=is_columnar), 5) for is_columnar in (False, True)]
    items, columns = (prediction_pb2.ResultBlock.FromString(form.SerializeToString()) for form in forms)
    assert items.results
    assert not items.HasField("columns")
    assert columns.HasField("columns")
    assert not columns.results
    return items, columns


def results_of(items):
    """What a client makes of answers by items."""
    reader = ResultBlockReader(items)
    return [reader.read(answer, f"own {row}", 10 + row) for row, answer in enumerate(reader)]


def columns_of(columns) -> ScreenColumns:
    n_rows = columns.columns.n_structures
    return read_columns(columns, [f"own {row}" for row in range(n_rows)], np.arange(10, 10 + n_rows))


async def test_a_client_reads_the_same_objects_from_both_forms(encoder, rig, block):
    items, columns = both(encoder, block, replace(rig().query, properties=(2, 0), coverage=0.8))
    results, answers = results_of(items), columns_of(columns)
    assert list(answers.results()) == results
    assert {result.outcome for result in results} == {"answered", "refused", "failed"}
    assert {result.domain_verdict for result in results} >= {"IN_DOMAIN", "BORDERLINE", "OUT_OF_DOMAIN"}
    assert {True, False} <= {result.cache_hit for result in results}
    assert any(result.repairs for result in results)
    assert any(result.notes for result in results)
    assert any(len(result.review.codes) for result in results)
    # A server that answers by items is read into the same columns.
    named = {answer.id: InputItem(f"own {row}", 10 + row, None) for row, answer in enumerate(items.results)}
    assert list(read_items(items, named).results()) == results


async def test_rows_frames_arrow_and_counts_are_those_of_the_objects(encoder, rig, block):
    items, columns = both(encoder, block, rig().query)
    results, answers = results_of(items), columns_of(columns)
    table, rows = LongTable(answers), [row for result in results for row in rows_of(result)]
    assert list(table.rows()) == rows
    assert [tuple(row.values()) for row in table.arrow().to_pylist()] == rows
    halves = [answers.take(np.arange(7, len(answers))), answers.take(np.arange(7))]
    [whole] = joined(halves)
    assert sorted(whole.results(), key=lambda one: one.index) == results
    assert frame(halves).equals(to_frame(results))
    assert frame(halves).dtypes.equals(to_frame(results).dtypes)
    assert arrow_table(halves).to_pylist() == table.arrow().to_pylist()
    one_by_one, at_once = RunTally(), RunTally()
    for result in results:
        one_by_one.add(result)
    at_once.add_block(counts_of(answers))
    summaries = [replace(tally.summary, elapsed_seconds=0.0) for tally in (one_by_one, at_once)]
    assert summaries[0] == summaries[1]
    assert at_once.first == one_by_one.first


async def test_the_gateway_counts_both_forms_alike_and_sends_columns_on_as_they_came(encoder, rig, block):
    settled = []
    for form in both(encoder, block, rig().query):
        encoded = backend_pb2.EvaluateResponse(results=form).SerializeToString()
        answer = settle_answer(encoded, Chunk(b"", len(block.answers), sequence=5))
        assert answer.encoded is encoded
        settled.append(answer)
    items, columns = settled
    assert columns.tally == items.tally
    assert (columns.tally.answered, columns.tally.refused, columns.tally.failed) == (12, 1, 2)
    assert [replace(use, epistemic_std=0) for use in columns.use.properties] == [
        replace(use, epistemic_std=0) for use in items.use.properties
    ]
    sums = [[use.epistemic_std for use in answer.use.properties] for answer in settled]
    np.testing.assert_allclose(sums[1], sums[0])
    with pytest.raises(InternalError, match="14 structures by columns with 15 rows"):
        settle_answer(columns.encoded, Chunk(b"", len(block.answers) - 1, sequence=5))


async def test_torn_or_contradictory_columns_are_no_answer(encoder, rig, block):
    _, columns = both(encoder, block, rig().query)
    torn = prediction_pb2.ResultBlock()
    torn.CopyFrom(columns)
    torn.columns.outcomes += b"\0"
    beyond = prediction_pb2.ResultBlock()
    beyond.CopyFrom(columns)
    beyond.columns.errors.codes = np.full(3, 10**6, dtype="<u4").tobytes()
    for wrong, match in ((torn, "outcomes torn"), (beyond, "contradict each other")):
        encoded = backend_pb2.EvaluateResponse(results=wrong).SerializeToString()
        with pytest.raises(InternalError, match=match):
            settle_answer(encoded, Chunk(b"", len(block.answers), sequence=5))


async def test_a_message_of_several_kinds_has_both_forms_too(tenants):
    bind_request(RequestContext("r-1", "acme"))
    (crystal,) = inputs_of([rock_salt()])
    structures = [
        StructureInput(id="alloy", composition="Ni4Fe4Co4Al"),
        crystal,
        StructureInput(id="salt", molecule="[Na+].[Cl-]"),
        StructureInput(id="alcohol", molecule="OCC"),
    ]
    forms = []
    for form in (prediction_pb2.ANSWER_FORM_COLUMNS, prediction_pb2.ANSWER_FORM_ITEMS):
        options = prediction_pb2.PredictionOptions(answer_form=form, model=ModelSelector(), bypass_cache=True)
        request = backend_pb2.EvaluateRequest(options=options, structures=structures, sequence=5)
        forms.append((await tenants.servicer.evaluate(request)).results)
    columns, items = forms
    assert list(columns_of(columns).results()) == results_of(items)
    uses = []
    for form in forms:
        encoded = backend_pb2.EvaluateResponse(results=form).SerializeToString()
        uses.append(settle_answer(encoded, Chunk(b"", 4, sequence=5)).uses)
    assert [(use.model, tally) for use, tally in uses[0]] == [(use.model, tally) for use, tally in uses[1]]
    assert len(uses[0]) == 3


async def test_bytes_a_structure_stay_within_their_bounds(encoder, rig, crystals):
    """Counts, not times: a field that is added to each structure shows here."""
    subject = rig()
    block = await subject.evaluate((crystals * 4)[:N_GUARD])
    sizes = [len(form.SerializeToString()) / N_GUARD for form in both(encoder, block, subject.query)]
    by_items, by_columns = sizes
    assert by_items < 280
    # 144 bytes are the six float64 of three properties.
    assert 144 < by_columns < 205
