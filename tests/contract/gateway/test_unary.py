"""Predict, Embed, Validate and the models: one message each way."""

import asyncio
import time

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from epitaxy.api.common.v1.model_pb2 import ModelSelector
from epitaxy.api.common.v1.structure_pb2 import StructureInput
from epitaxy.api.models.v1.models_pb2 import GetModelRequest, ListModelsRequest
from epitaxy.api.prediction.v1.prediction_pb2 import EmbedRequest, PredictionOptions, PredictRequest
from epitaxy.api.prediction.v1.structures_pb2 import ValidateRequest
from epitaxy.chassis.errors import NotFoundError, OverloadedError


def structures(count):
    return [StructureInput(id=f"s{number}", cif="good") for number in range(count)]


async def failure(call):
    with pytest.raises(grpc.aio.AioRpcError, match="StatusCode") as caught:
        await call
    return caught.value


def detail_of(error, kind):
    found = kind()
    assert any(detail.Unpack(found) for detail in rpc_status.from_call(error).details)
    return found


async def test_predict_answers_up_to_64_structures(edge):
    response = await edge.prediction.Predict(PredictRequest(structures=structures(64)))
    assert [result.id for result in response.results.results] == [f"s{number}" for number in range(64)]
    assert response.results.counts.answered == 64
    assert response.results.model.name == "crystals"


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (PredictRequest(structures=structures(65)), "structures"),
        (PredictRequest(), "structures"),
        (PredictRequest(structures=structures(1), options=PredictionOptions(coverage=1.5)), "options.coverage"),
    ],
)
async def test_predict_names_the_field_that_is_wrong(edge, backend, request_, field):
    error = await failure(edge.prediction.Predict(request_))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert detail_of(error, error_details_pb2.BadRequest).field_violations[0].field == field
    info = detail_of(error, error_details_pb2.ErrorInfo)
    assert (info.domain, info.reason) == ("epitaxy", "INVALID_REQUEST")
    assert "Evaluate" not in backend.calls


async def test_predict_passes_overload_on_with_its_hint_at_once(edge, backend):
    backend.always["s0"] = OverloadedError("the queue is full", retry_after_seconds=2.5)
    started = time.monotonic()
    error = await failure(edge.prediction.Predict(PredictRequest(structures=structures(1))))
    assert time.monotonic() - started < 1
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert detail_of(error, error_details_pb2.RetryInfo).retry_delay.ToMilliseconds() == 2500
    assert detail_of(error, error_details_pb2.ErrorInfo).reason == "OVERLOADED"


async def test_predict_is_sent_again_when_a_replica_is_lost(edge, backend):
    backend.faults["s0"] = [(grpc.StatusCode.ABORTED, "gone")]
    response = await edge.prediction.Predict(PredictRequest(structures=structures(1)))
    assert response.results.counts.answered == 1


async def test_a_call_without_a_deadline_gets_the_default_one(start_edge, backend, eventually):
    edge = await start_edge(default_deadline_seconds=0.2)
    backend.gate("s0")
    error = await failure(edge.prediction.Predict(PredictRequest(structures=structures(1))))
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await eventually(lambda: backend.cancelled == ["s0"])


async def test_the_callers_deadline_is_passed_upstream(edge, backend):
    await edge.prediction.Predict(PredictRequest(structures=structures(1)), timeout=7)
    assert 5 < backend.seconds_left[0] <= 7.1  # gRPC rounds up what it sends


async def test_a_cancelled_predict_cancels_its_upstream_call(edge, backend, eventually):
    backend.gate("s0")
    call = edge.prediction.Predict(PredictRequest(structures=structures(1)))
    await eventually(lambda: backend.active == 1)
    call.cancel()
    await eventually(lambda: backend.cancelled == ["s0"])


async def test_upstream_hears_the_application_the_request_id_and_the_tenant(start_edge, backend):
    edge = await start_edge(upstream_application="screening")
    metadata = (("x-request-id", "run-42"), ("x-tenant", "somebody-else"), ("application", "admin"))
    await edge.prediction.Predict(PredictRequest(structures=structures(1)), metadata=metadata)
    heard = backend.metadata[0]
    assert (heard["application"], heard["x-request-id"], heard["x-tenant"]) == ("screening", "run-42", "local")
    assert heard["request_id"] == "run-42"


async def test_embed_validate_and_models_are_forwarded(edge):
    embedded = await edge.prediction.Embed(EmbedRequest(structures=structures(2)))
    assert (embedded.dimension, [item.id for item in embedded.embeddings]) == (2, ["s0", "s1"])
    validated = await edge.structures.Validate(ValidateRequest(structures=structures(2)))
    assert [report.id for report in validated.reports] == ["s0", "s1"]
    listed = await edge.models.ListModels(ListModelsRequest())
    assert [card.stamp.name for card in listed.models] == ["crystals"]
    found = await edge.models.GetModel(GetModelRequest(model=ModelSelector(name="crystals")))
    assert found.model.stamp.name == "crystals"


async def test_embed_and_validate_take_at_most_512_structures(edge):
    for call in (
        edge.prediction.Embed(EmbedRequest(structures=structures(513))),
        edge.structures.Validate(ValidateRequest(structures=structures(513))),
    ):
        assert (await failure(call)).code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_page_of_models_holds_at_most_100(edge):
    error = await failure(edge.models.ListModels(ListModelsRequest(page_size=101)))
    assert detail_of(error, error_details_pb2.BadRequest).field_violations[0].field == "page_size"


async def test_an_unknown_model_is_not_found_in_the_applications_own_words(edge, backend):
    backend.always["model"] = NotFoundError("no model is named glass", reason="UNKNOWN_MODEL")
    error = await failure(edge.models.GetModel(GetModelRequest(model=ModelSelector(name="glass"))))
    assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "no model is named glass")
    assert detail_of(error, error_details_pb2.ErrorInfo).reason == "UNKNOWN_MODEL"


async def test_many_predicts_at_once_keep_their_own_request_ids(edge, backend):
    async def predict(name):
        call = edge.prediction.Predict(
            PredictRequest(structures=[StructureInput(id=name, cif="good")]), metadata=(("x-request-id", name),)
        )
        await call
        return dict(await call.trailing_metadata())["x-request-id"]

    names = [f"r{number}" for number in range(50)]
    assert await asyncio.gather(*map(predict, names)) == names
    assert sorted(item["x-request-id"] for item in backend.metadata) == sorted(names)


@pytest.mark.parametrize("n_bytes", [7_000, 9_000, 14_000, 30_000])
async def test_too_much_metadata_is_refused_every_time_by_a_reason_of_ours(edge, n_bytes):
    """gRPC by itself refuses at random between 8 and 16 KiB, and above always, without a word of ours."""
    metadata = tuple((f"x-note-{part}", "n" * 1000) for part in range(n_bytes // 1000))
    for _ in range(12):
        call = edge.prediction.Predict(PredictRequest(structures=structures(1)), metadata=metadata)
        if n_bytes < 8192:
            assert (await call).results.counts.answered == 1
            continue
        error = await failure(call)
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert detail_of(error, error_details_pb2.ErrorInfo).reason == "METADATA_TOO_LARGE"
        assert "at most 8192 are allowed" in error.details()
