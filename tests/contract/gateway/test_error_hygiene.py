"""What a caller may read of a failure: our words and the request id, nothing of the inside."""

import json
import logging

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from epitaxy.api.common.v1.structure_pb2 import StructureInput
from epitaxy.api.prediction.v1.prediction_pb2 import PredictRequest
from epitaxy.chassis.errors import InternalError, UnauthenticatedError
from epitaxy.chassis.json_logs import JsonFormatter

LEAKY = "RayActorError: actor 8f3a died pid=4711 at 10.0.0.7:9000 /srv/replica.py"
SECRETS = ("4711", "10.0.0.7", "8f3a", "replica", "Ray", "actor")


async def failed_predict(edge, **options):
    request = PredictRequest(structures=[StructureInput(id="s0", cif="good")])
    with pytest.raises(grpc.aio.AioRpcError, match="StatusCode") as caught:
        await edge.prediction.Predict(request, **options)
    return caught.value


def everything_in(error):
    return str(error.details()) + str(list(error.trailing_metadata()))


@pytest.mark.parametrize(
    ("code", "seen"),
    [
        (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAVAILABLE),
        (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAVAILABLE),
        (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNAVAILABLE),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.RESOURCE_EXHAUSTED),
        (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.DEADLINE_EXCEEDED),
        (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.INTERNAL),
        (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.INTERNAL),
    ],
)
async def test_text_of_the_runtime_never_reaches_a_caller(start_edge, backend, code, seen):
    edge = await start_edge(chunk_retries=0, chunk_patience_seconds=1)
    backend.always["s0"] = (code, LEAKY)
    error = await failed_predict(edge)
    assert error.code() is seen
    assert not any(secret in everything_in(error) for secret in SECRETS)


async def test_an_internal_error_shows_its_request_id_and_logs_its_text(edge, backend, caplog):
    backend.always["s0"] = InternalError(LEAKY)
    with caplog.at_level(logging.INFO):
        error = await failed_predict(edge, metadata=(("x-request-id", "run-7"),))
    assert error.code() is grpc.StatusCode.INTERNAL
    assert error.details() == "internal error; report it with request id run-7"
    assert not any(secret in everything_in(error) for secret in SECRETS)
    info = error_details_pb2.RequestInfo()
    assert any(detail.Unpack(info) for detail in rpc_status.from_call(error).details)
    assert info.request_id == "run-7"


async def test_a_gateway_that_upstream_refuses_is_no_fault_of_the_caller(edge, backend):
    backend.always["s0"] = UnauthenticatedError("who are you?")
    assert (await failed_predict(edge)).code() is grpc.StatusCode.INTERNAL


async def test_an_unreachable_upstream_is_unavailable_without_its_address(start_edge, unused_tcp_port):
    edge = await start_edge(upstream=f"127.0.0.1:{unused_tcp_port}", chunk_patience_seconds=1)
    error = await failed_predict(edge)
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert str(unused_tcp_port) not in everything_in(error)


async def test_a_bug_of_the_gateway_is_an_internal_error_whose_text_is_only_logged(edge, caplog, monkeypatch):
    monkeypatch.setattr("epitaxy.gateway.service.check_coverage", None)  # calling it raises TypeError
    error = await failed_predict(edge)
    assert error.code() is grpc.StatusCode.INTERNAL
    assert "NoneType" not in everything_in(error)
    assert any(record.message == "unhandled exception" and record.exc_info for record in caplog.records)


@pytest.mark.parametrize("request_id", ["run-42", "a" * 128, "trace:1.2_3"])
async def test_a_valid_request_id_comes_back(edge, request_id):
    call = edge.prediction.Predict(
        PredictRequest(structures=[StructureInput(id="s0", cif="good")]), metadata=(("x-request-id", request_id),)
    )
    await call
    assert dict(await call.trailing_metadata())["x-request-id"] == request_id


@pytest.mark.parametrize("request_id", ["", "a" * 129, 'x" level="ERROR', "a b"])
async def test_any_other_request_id_is_replaced(start_edge, backend, request_id):
    edge = await start_edge(chunk_retries=0)
    backend.always["s0"] = (grpc.StatusCode.UNAVAILABLE, "")
    error = await failed_predict(edge, metadata=(("x-request-id", request_id),))
    returned = dict(error.trailing_metadata())["x-request-id"]
    assert len(returned) == 32
    assert returned != request_id


async def test_log_lines_of_a_call_carry_its_request_id_and_tenant(edge, caplog):
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(json.loads(JsonFormatter().format(record)))
    observed = logging.getLogger("epitaxy.chassis.interceptors")
    observed.addHandler(handler)
    with caplog.at_level(logging.INFO, logger=observed.name):
        await edge.prediction.Predict(
            PredictRequest(structures=[StructureInput(id="s0", cif="good")]), metadata=(("x-request-id", "run-9"),)
        )
    observed.removeHandler(handler)
    call = next(line for line in lines if line.get("request_id") == "run-9")
    assert (call["tenant"], call["code"]) == ("local", "OK")
    assert call["method"].endswith("PredictionService/Predict")
