"""PredictionService.Screen: every structure is answered once, whatever happens upstream."""

import asyncio
import time

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from epitaxy.api.common.v1.structure_pb2 import PackedStructures, StructureInput
from epitaxy.api.prediction.v1.prediction_pb2 import ANSWER_FORM_COLUMNS, ScreenRequest
from epitaxy.chassis.errors import InternalError, NotFoundError, OverloadedError, UnavailableError

UNAVAILABLE = (grpc.StatusCode.UNAVAILABLE, "connection to 10.0.0.7:9000 lost")


async def screened(edge, messages, **options):
    """Result blocks in order of arrival, and the summary, which must come last and once."""
    responses = [response async for response in edge.prediction.Screen(iter(messages), **options)]
    kinds = [response.WhichOneof("payload") for response in responses]
    assert kinds == ["results"] * (len(responses) - 1) + ["summary"]
    return [response.results for response in responses[:-1]], responses[-1].summary


def outcome_by_id(blocks):
    return {result.id: result.WhichOneof("outcome") for block in blocks for result in block.results}


def errors_by_id(blocks):
    return {result.id: result.error for block in blocks for result in block.results if result.HasField("error")}


async def failure(call):
    with pytest.raises(grpc.aio.AioRpcError, match="StatusCode") as caught:
        await read_to_the_end(call)
    return caught.value


async def read_to_the_end(call):
    while await call.read() is not grpc.aio.EOF:
        pass


async def test_answers_come_as_they_complete_and_echo_the_sequence(edge, backend, message, eventually):
    backend.gate("slow")
    call = edge.prediction.Screen()
    await call.write(message("slow", sequence=7))
    await call.write(message("fast", sequence=8))
    await call.done_writing()
    first = await call.read()
    backend.gates["slow"].set()
    second = await call.read()
    assert [(block.results.sequence, block.results.results[0].id) for block in (first, second)] == [
        (8, "fast"),
        (7, "slow"),
    ]
    assert (await call.read()).summary.counts.answered == 2


async def test_no_more_chunks_than_the_window_are_upstream_at_once(start_edge, backend, message, eventually):
    edge = await start_edge(chunk_window=3)
    names = [f"s{number}" for number in range(10)]
    backend.gate(*names)
    screening = asyncio.create_task(screened(edge, [message(name) for name in names]))
    await eventually(lambda: backend.active == 3)
    await asyncio.sleep(0.1)
    assert backend.active == 3
    for name in names:
        backend.gates[name].set()
    blocks, _ = await screening
    assert set(outcome_by_id(blocks)) == set(names)
    assert backend.max_active == 3


async def test_a_lost_chunk_is_told_in_the_form_that_its_caller_reads(edge, backend, message):
    backend.always["gone"] = InternalError("out of memory")
    request = message("gone", "with it", sequence=3)
    request.options.answer_form = ANSWER_FORM_COLUMNS
    [block], summary = await screened(edge, [request])
    columns = block.columns
    assert (block.sequence, len(block.results), columns.n_structures) == (3, 0, 2)
    assert columns.outcomes == b"\x02\x02"
    assert [columns.texts[code] for code in memoryview(columns.errors.codes).cast("I")] == ["INTERNAL", "INTERNAL"]
    assert list(memoryview(columns.errors.rows).cast("I")) == [0, 1]
    assert (summary.counts.failed, dict(summary.errors_by_reason)) == (2, {"INTERNAL": 2})


async def test_a_chunk_lost_upstream_is_sent_again_alone(edge, backend, message):
    backend.faults["b"] = [UNAVAILABLE, (grpc.StatusCode.INTERNAL, "The actor died unexpectedly, pid=4711")]
    blocks, summary = await screened(edge, [message("a"), message("b"), message("c")])
    assert outcome_by_id(blocks) == dict.fromkeys("abc", "prediction")
    assert sorted(backend.calls) == ["a", "b", "b", "b", "c"]
    assert summary.counts.failed == 0
    assert (await edge.metrics())['epitaxy_gateway_chunk_retries_total{cause="UNAVAILABLE"}'] == 2


async def test_every_structure_of_a_chunk_that_stays_lost_gets_an_error_and_the_stream_goes_on(
    start_edge, backend, message, packed
):
    edge = await start_edge(chunk_retries=1)
    backend.always["first"] = UNAVAILABLE
    lost = message("first", sequence=3)
    lost.structures.extend([packed(2), packed(2, ids=("x", "y"))])
    blocks, summary = await screened(edge, [lost, message("after")])
    errors = errors_by_id(blocks)
    assert list(errors) == ["first", "block/0", "block/1", "x", "y"]
    assert {(error.reason, error.retryable) for error in errors.values()} == {("UNAVAILABLE", True)}
    assert not any("10.0.0.7" in error.message for error in errors.values())
    assert next(block.counts.failed for block in blocks if block.sequence == 3) == 5
    assert outcome_by_id(blocks)["after"] == "prediction"
    assert (summary.counts.failed, summary.counts.answered) == (5, 1)
    assert backend.calls.count("first") == 2


async def test_an_internal_fault_of_the_application_costs_its_chunk_only_and_is_not_repeated(edge, backend, message):
    backend.always["a"] = InternalError("RuntimeError at 0x7f: tensor")
    blocks, _ = await screened(edge, [message("a"), message("b")])
    assert outcome_by_id(blocks) == {"a": "error", "b": "prediction"}
    assert "tensor" not in errors_by_id(blocks)["a"].message
    assert backend.calls.count("a") == 1


async def test_structures_that_upstream_leaves_out_are_answered_with_an_error(edge, backend, message):
    backend.drops = {"gone"}
    blocks, summary = await screened(edge, [message("here", "gone", "there")])
    assert outcome_by_id(blocks) == {"here": "prediction", "gone": "error", "there": "prediction"}
    assert errors_by_id(blocks)["gone"].reason == "UNANSWERED"
    assert (summary.counts.answered, summary.counts.failed) == (2, 1)


async def test_the_summary_counts_outcomes_reasons_and_verdicts(edge, backend, message):
    blocks, summary = await screened(edge, [message("a", "b"), message("c", cif="bad"), message("d")])
    counts = summary.counts
    assert (counts.answered, counts.refused, counts.failed, counts.cache_hits) == (3, 1, 0, 3)
    assert dict(summary.errors_by_reason) == {"PARTIAL_OCCUPANCY": 1}
    assert dict(summary.domain_verdicts) == {"IN_DOMAIN": 3}
    assert summary.elapsed_duration.ToNanoseconds() > 0
    assert sum(block.counts.answered for block in blocks) == 3


async def test_an_empty_stream_is_answered_with_an_empty_summary(edge):
    blocks, summary = await screened(edge, [])
    assert blocks == []
    assert summary.counts.answered == 0


async def test_overload_upstream_is_waited_out_for_the_hinted_time(edge, backend, message):
    busy = OverloadedError("the queue is full", retry_after_seconds=0.1)
    backend.faults["a"] = [busy] * 6  # more often than a lost chunk would be sent
    started = time.monotonic()
    blocks, _ = await screened(edge, [message("a")])
    assert outcome_by_id(blocks) == {"a": "prediction"}
    assert time.monotonic() - started >= 0.6
    assert (await edge.metrics())['epitaxy_gateway_chunk_retries_total{cause="OVERLOADED"}'] == 6


async def test_overload_that_outlasts_the_patience_is_an_error_of_its_structures(start_edge, backend, message):
    edge = await start_edge(chunk_patience_seconds=0.3)
    backend.always["a"] = OverloadedError("the queue is full", retry_after_seconds=0.1)
    blocks, _ = await screened(edge, [message("a"), message("b")])
    assert errors_by_id(blocks)["a"].reason == "OVERLOADED"
    assert errors_by_id(blocks)["a"].retryable
    assert outcome_by_id(blocks)["b"] == "prediction"


async def test_a_chunk_without_an_answer_in_time_is_an_error_of_its_structures(start_edge, backend, message):
    edge = await start_edge(chunk_attempt_seconds=0.2)
    backend.gate("stuck")
    blocks, _ = await screened(edge, [message("stuck"), message("b")])
    assert errors_by_id(blocks)["stuck"].reason == "DEADLINE_EXCEEDED"
    assert outcome_by_id(blocks)["b"] == "prediction"


TORN = StructureInput(id="t", packed=PackedStructures(n_sites=b"\x01\x00\x00"))
MISCOUNTED = StructureInput(id="t", packed=PackedStructures(n_sites=b"\x01\x00\x00\x00", ids=["a", "b"]))


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (ScreenRequest(structures=[StructureInput(id="x")], options={"coverage": 0.999}), "options.coverage"),
        (ScreenRequest(structures=[StructureInput(id="x")], options={"coverage": 0.4}), "options.coverage"),
        (ScreenRequest(structures=[StructureInput(id="x")], options={"coverage": float("nan")}), "options.coverage"),
        (ScreenRequest(structures=[StructureInput(id=str(n)) for n in range(513)]), "structures"),
        (ScreenRequest(structures=[StructureInput(packed=PackedStructures(n_sites=bytes(513 * 4)))]), "structures"),
        (ScreenRequest(), "structures"),
        (ScreenRequest(structures=[TORN]), "structures[0].packed.n_sites"),
        (ScreenRequest(structures=[StructureInput(id="x"), MISCOUNTED]), "structures[1].packed.ids"),
    ],
)
async def test_a_mistake_in_a_message_ends_the_stream_after_the_answers_before_it(edge, message, wrong, field):
    call = edge.prediction.Screen(iter([message("before"), wrong]))
    assert (await call.read()).results.results[0].id == "before"
    error = await failure(call)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    bad_request = error_details_pb2.BadRequest()
    assert any(detail.Unpack(bad_request) for detail in rpc_status.from_call(error).details)
    assert [violation.field for violation in bad_request.field_violations] == [field]


async def test_512_structures_in_a_packed_block_pass(edge, packed):
    blocks, summary = await screened(edge, [ScreenRequest(structures=[packed(512)])])
    assert summary.counts.answered == 512
    assert blocks[0].results[511].id == "block/511"


async def test_an_unknown_model_ends_the_stream_and_cancels_what_is_under_way(edge, backend, message, eventually):
    backend.gate("other")
    backend.always["a"] = NotFoundError("no model is named perovskites", reason="UNKNOWN_MODEL")
    error = await failure(edge.prediction.Screen(iter([message("other"), message("a")])))
    assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "no model is named perovskites")
    await eventually(lambda: backend.cancelled == ["other"])


async def test_a_cancelled_screen_cancels_its_upstream_calls(edge, backend, message, eventually):
    backend.gate("a", "b")
    call = edge.prediction.Screen()
    await call.write(message("a"))
    await call.write(message("b"))
    await eventually(lambda: backend.active == 2)
    call.cancel()
    await eventually(lambda: sorted(backend.cancelled) == ["a", "b"])
    samples = await edge.metrics()
    assert samples["epitaxy_gateway_chunks_in_flight"] == 0


async def test_the_deadline_of_a_screen_holds_and_is_passed_upstream(edge, backend, message, eventually):
    backend.gate("a")
    error = await failure(edge.prediction.Screen(iter([message("a")]), timeout=0.4))
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await eventually(lambda: backend.cancelled == ["a"])
    assert backend.seconds_left[0] <= 0.41  # gRPC rounds up what it sends


async def test_a_reader_that_pauses_holds_the_stream_back(start_edge, backend, message, packed):
    edge = await start_edge(chunk_window=2)
    names = [f"block-{number}" for number in range(120)]
    requests = (ScreenRequest(structures=[packed(512, block_id=name * 20)]) for name in names)
    call = edge.prediction.Screen(requests)
    await asyncio.sleep(0.3)
    n_before_reading = len(backend.calls)
    answers = [response async for response in call]
    assert n_before_reading < len(names)
    assert answers[-1].summary.counts.answered == 512 * len(names)


async def test_unavailable_after_its_retries_says_how_to_go_on(start_edge, backend, message):
    edge = await start_edge(chunk_retries=0)
    backend.always["a"] = UnavailableError("the replicas are starting", reason="STARTING")
    blocks, _ = await screened(edge, [message("a")])
    error = errors_by_id(blocks)["a"]
    assert (error.reason, error.message) == ("STARTING", "the replicas are starting; send this structure again")
