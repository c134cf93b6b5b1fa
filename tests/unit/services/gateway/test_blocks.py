from epitaxy.api.common.v1.structure_pb2 import ItemError, StructureInput
from epitaxy.api.prediction.v1.prediction_pb2 import ResultBlock, ScreenRequest, StructurePrediction, StructureResult
from epitaxy.gateway.blocks import settle


def request_of(*ids):
    return ScreenRequest(sequence=5, structures=[StructureInput(id=name, cif="x") for name in ids])


def answered(name):
    return StructureResult(id=name, prediction=StructurePrediction(n_sites=1))


def settled(results, *ids):
    return settle(ResultBlock(results=results), request_of(*ids), len(ids))


def reasons(answer):
    return sorted((result.id, result.error.reason) for result in answer.payload.results)


def test_a_complete_block_is_kept_as_it_is_and_counted():
    refused = StructureResult(id="b", error=ItemError(reason="EMPTY"))
    answer = settled([answered("a"), refused], "a", "b")
    assert reasons(answer) == [("a", ""), ("b", "EMPTY")]
    assert (answer.payload.sequence, answer.payload.counts.answered, answer.payload.counts.refused) == (5, 1, 1)


def test_missing_structures_are_added_as_failed():
    answer = settled([answered("b")], "a", "b", "c")
    assert reasons(answer) == [("a", "UNANSWERED"), ("b", ""), ("c", "UNANSWERED")]
    assert (answer.tally.answered, answer.tally.failed) == (1, 2)


def test_results_without_an_outcome_count_as_missing():
    answer = settled([answered("a"), StructureResult(id="b")], "a", "b")
    assert reasons(answer) == [("a", ""), ("b", "UNANSWERED")]


def test_an_id_used_twice_is_answered_twice():
    answer = settled([answered("a")], "a", "a")
    assert reasons(answer) == [("a", ""), ("a", "UNANSWERED")]


def test_results_that_nobody_asked_for_are_left_out():
    answer = settled([answered("a"), answered("a"), answered("z")], "a", "b")
    assert reasons(answer) == [("a", ""), ("b", "UNANSWERED")]
