"""Answers that gRPC cannot carry: each is refused at once, in words, and harms nothing else."""

import asyncio
import json
import time

import grpc
import pytest

from epitaxy.api.common.v1.model_pb2 import ModelSelector
from epitaxy.api.common.v1.structure_pb2 import PackedStructures, StructureInput
from epitaxy.api.prediction.v1 import prediction_pb2
from epitaxy.chassis.errors import FailedPreconditionError, FieldViolation, InvalidRequestError
from epitaxy.chassis.status import from_trailing_metadata, to_rpc_status
from epitaxy.client import Client

HARD_LIMIT = 16 * 1024
LONG = "x" * 100_000


async def screened(edge, messages):
    return [response async for response in edge.prediction.Screen(iter(messages), timeout=20)]


async def failure(call):
    with pytest.raises(grpc.aio.AioRpcError, match="StatusCode") as caught:
        await call
    return caught.value


def size_of(metadata):
    """As gRPC counts it: 32 bytes a pair beside name and value; binary values travel in base64."""
    return sum(
        32 + len(key) + (len(value) * 4 // 3 if isinstance(value, bytes) else len(value)) for key, value in metadata
    )


@pytest.mark.parametrize(
    "fault",
    [
        (grpc.StatusCode.INTERNAL, LONG),  # its trailing metadata exceeds what gRPC takes
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "Received message larger than max (20971520 vs. 16777216)"),
    ],
)
async def test_a_status_that_cannot_be_carried_costs_its_message_only_and_at_once(edge, backend, message, fault):
    backend.always["a"] = fault
    began = time.monotonic()
    *blocks, last = await screened(edge, [message("a", "a2"), message("b")])
    assert time.monotonic() - began < 5
    errors = {one.id: one.error for block in blocks for one in block.results.results if one.HasField("error")}
    assert {(name, error.reason, error.retryable) for name, error in errors.items()} == {
        ("a", "ANSWER_TOO_LARGE", False),
        ("a2", "ANSWER_TOO_LARGE", False),
    }
    assert (last.summary.counts.answered, last.summary.counts.refused, last.summary.counts.failed) == (1, 2, 0)
    assert backend.calls.count("a") == 1


async def test_an_answer_over_the_limit_of_a_message_is_refused_and_not_asked_for_again(start_edge, backend, message):
    edge = await start_edge(max_message_bytes=2**19)
    backend.wordy["long"] = 2**20
    *blocks, last = await screened(edge, [message("long"), message("b")])
    outcomes = {one.id: one.error.reason for block in blocks for one in block.results.results}
    assert outcomes == {"long": "ANSWER_TOO_LARGE", "b": ""}
    assert last.summary.counts.refused == 1
    assert backend.calls.count("long") == 1
    error = await failure(edge.prediction.Predict(prediction_pb2.PredictRequest(structures=message("long").structures)))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    ours = from_trailing_metadata(error.trailing_metadata())
    assert (ours.reason, ours.retry_after_seconds) == ("ANSWER_TOO_LARGE", None)


async def test_load_is_still_waited_out(edge, backend, message):
    busy = (grpc.StatusCode.RESOURCE_EXHAUSTED, "Request dropped due to backpressure (num_queued_requests=9).")
    backend.faults["a"] = [busy, busy]
    *_, last = await screened(edge, [message("a")])
    assert (last.summary.counts.answered, backend.calls.count("a")) == (1, 3)


@pytest.mark.parametrize("text", [LONG, "\N{GRINNING FACE}" * 30_000, json.dumps([LONG])])
@pytest.mark.parametrize("kind", [InvalidRequestError, FailedPreconditionError])
async def test_an_error_that_quotes_a_long_text_arrives_cut(edge, backend, message, kind, text):
    error = kind(f"bad: {text}: write it shorter")
    if kind is InvalidRequestError:
        error = kind(error.message, violations=tuple(FieldViolation(text, text) for _ in range(50)))
    assert size_of(to_rpc_status(error, "r" * 128).trailing_metadata) < HARD_LIMIT // 2
    backend.always["a"] = error
    seen = await failure(edge.prediction.Predict(prediction_pb2.PredictRequest(structures=message("a").structures)))
    ours = from_trailing_metadata(seen.trailing_metadata())
    assert type(ours) is kind
    assert len(seen.details().encode()) <= 1024
    assert (seen.details()[:5], seen.details()[-18:]) == ("bad: ", ": write it shorter")
    assert size_of([*seen.trailing_metadata(), ("grpc-message", seen.details())]) < HARD_LIMIT // 2


@pytest.mark.parametrize(
    ("request_of", "place"),
    [
        (lambda: {"structures": [StructureInput(id=LONG, cif="good")]}, "structures[0].id"),
        (lambda: {"structures": [StructureInput(packed=PackedStructures(ids=[LONG], n_sites=b"\1\0\0\0"))]}, "ids"),
        (lambda: {"structures": [StructureInput(id="a", cif="good", known_values={LONG: 1})]}, "known_values"),
        (lambda: {"options": {"properties": [LONG]}}, "options.properties"),
        (lambda: {"options": {"model": ModelSelector(name=LONG)}}, "options.model.name"),
    ],
)
async def test_a_name_without_end_is_refused_by_its_place(edge, backend, request_of, place):
    request = prediction_pb2.PredictRequest(**({"structures": [StructureInput(id="a", cif="good")]} | request_of()))
    error = await failure(edge.prediction.Predict(request))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert place in error.details()
    assert backend.calls == []


async def test_the_client_keeps_a_long_id_to_itself(edge):
    rock_salt = ([[0.0, 2.8, 2.8], [2.8, 0.0, 2.8], [2.8, 2.8, 0.0]], ["Na", "Cl"], [[0.0] * 3, [0.5] * 3])

    def screen():
        with Client(edge.gateway.address, timeout=15, patience=15) as client:
            return {result.id: result.error for result in client.screen([(LONG, rock_salt), ("b", rock_salt)])}

    assert await asyncio.to_thread(screen) == {LONG: None, "b": None}
