import pytest

from epitaxy.api.common.v1.structure_pb2 import ItemError, StructureInput
from epitaxy.api.internal.v1.prediction_backend_pb2 import EvaluateResponse
from epitaxy.api.prediction.v1.prediction_pb2 import (
    OutcomeCounts,
    PredictResponse,
    ResultBlock,
    ScreenRequest,
    ScreenResponse,
    StructurePrediction,
    StructureResult,
)
from epitaxy.chassis.errors import InternalError
from epitaxy.gateway.blocks import encode_event, settle_answer
from epitaxy.gateway.domain import Chunk


def chunk_of(*ids):
    request = ScreenRequest(sequence=5, structures=[StructureInput(id=name, cif="x") for name in ids])
    return Chunk(request.SerializeToString(), len(ids), sequence=5)


def answered(name):
    return StructureResult(id=name, prediction=StructurePrediction(n_sites=1))


def settled(results, *ids, **fields):
    block = ResultBlock(results=results, **fields)
    return settle_answer(EvaluateResponse(results=block).SerializeToString(), chunk_of(*ids))


def block_of(answer):
    return PredictResponse.FromString(answer.encoded).results


def reasons(answer):
    return sorted((result.id, result.error.reason) for result in block_of(answer).results)


def test_a_complete_block_is_kept_as_it_is_and_counted():
    refused = StructureResult(id="b", error=ItemError(reason="EMPTY"))
    answer = settled([answered("a"), refused], "a", "b")
    assert reasons(answer) == [("a", ""), ("b", "EMPTY")]
    block = block_of(answer)
    assert (block.sequence, block.counts.answered, block.counts.refused) == (5, 1, 1)


def test_the_bytes_of_an_answer_in_order_go_on_as_they_came_and_read_as_both_responses():
    block = ResultBlock(sequence=5, results=[answered("a")], counts=OutcomeCounts(answered=1))
    # A field of a later release, and an order of fields that encoding anew would not keep.
    encoded = b"\xa2\x06\x03new" + EvaluateResponse(results=block).SerializeToString()
    answer = settle_answer(encoded, chunk_of("a"))
    assert answer.encoded is encoded
    assert PredictResponse.FromString(encoded).results == block
    assert ScreenResponse.FromString(encode_event(answer)).results == block


@pytest.mark.parametrize(
    "wrong",
    [
        {"sequence": 6, "counts": OutcomeCounts(answered=1)},
        {"sequence": 5, "counts": OutcomeCounts(answered=1, cache_hits=1)},
        {"sequence": 5},
    ],
)
def test_a_wrong_sequence_or_count_is_set_right(wrong):
    block = block_of(settled([answered("a")], "a", **wrong))
    assert (block.sequence, block.counts) == (5, OutcomeCounts(answered=1))


def test_missing_structures_are_added_as_failed():
    answer = settled([answered("b")], "a", "b", "c")
    assert reasons(answer) == [("a", "UNANSWERED"), ("b", ""), ("c", "UNANSWERED")]
    assert (answer.tally.answered, answer.tally.failed) == (1, 2)


def test_a_missing_structure_is_added_also_if_the_counts_fit():
    answer = settled([answered("a")], "a", "b", sequence=5, counts=OutcomeCounts(answered=1, failed=1))
    assert reasons(answer) == [("a", ""), ("b", "UNANSWERED")]


def test_an_empty_answer_is_filled():
    answer = settle_answer(b"", chunk_of("a"))
    assert reasons(answer) == [("a", "UNANSWERED")]


def test_results_without_an_outcome_count_as_missing():
    answer = settled([answered("a"), StructureResult(id="b")], "a", "b")
    assert reasons(answer) == [("a", ""), ("b", "UNANSWERED")]


def test_an_id_used_twice_is_answered_twice():
    answer = settled([answered("a")], "a", "a")
    assert reasons(answer) == [("a", ""), ("a", "UNANSWERED")]


def test_results_that_nobody_asked_for_are_left_out():
    answer = settled([answered("a"), answered("a"), answered("z")], "a", "b")
    assert reasons(answer) == [("a", ""), ("b", "UNANSWERED")]


def test_an_answer_that_cannot_be_read_is_a_fault_of_ours():
    with pytest.raises(InternalError, match="not a valid EvaluateResponse"):
        settle_answer(b"\xff\xff", chunk_of("a"))
