"""Explain at the edge: limits, keys, quota, overload, and a bad structure beside good ones."""

import json
import time

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from epitaxy.api.common.v1.structure_pb2 import StructureInput
from epitaxy.api.prediction.v1.explanation_pb2 import ExplainRequest
from epitaxy.chassis.api_keys import KeyHash, new_api_key
from epitaxy.chassis.errors import FailedPreconditionError, OverloadedError


def request(count=1, **fields):
    structures = [StructureInput(id=f"s{number}", cif="good") for number in range(count)]
    return ExplainRequest(structures=structures, **fields)


async def failure(call):
    with pytest.raises(grpc.aio.AioRpcError, match="StatusCode") as caught:
        await call
    return caught.value


def detail_of(error, kind):
    found = kind()
    assert any(detail.Unpack(found) for detail in rpc_status.from_call(error).details)
    return found


async def test_up_to_eight_structures_are_explained_a_bad_one_beside_good_ones(edge):
    asked = request(8, n_nearest=20, property="band_gap")
    asked.structures[3].cif = "bad"
    response = await edge.prediction.Explain(asked)
    assert [result.id for result in response.results] == [f"s{number}" for number in range(8)]
    outcomes = [result.WhichOneof("outcome") for result in response.results]
    assert outcomes == ["explanation"] * 3 + ["error"] + ["explanation"] * 4
    assert response.results[3].error.reason == "UNREADABLE"


@pytest.mark.parametrize(
    ("asked", "field"),
    [(request(9), "structures"), (request(0), "structures"), (request(1, n_nearest=21), "n_nearest")],
)
async def test_what_is_over_the_limits_is_refused_by_its_field(edge, backend, asked, field):
    error = await failure(edge.prediction.Explain(asked))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert detail_of(error, error_details_pb2.BadRequest).field_violations[0].field == field
    assert backend.calls == []


async def test_structures_inside_of_packed_blocks_count(edge, packed):
    error = await failure(edge.prediction.Explain(ExplainRequest(structures=[packed(9)])))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_overload_is_passed_on_with_its_hint_at_once(edge, backend):
    backend.always["explain"] = OverloadedError("too many explanations wait", retry_after_seconds=2.0)
    started = time.monotonic()
    error = await failure(edge.prediction.Explain(request()))
    assert time.monotonic() - started < 1
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert detail_of(error, error_details_pb2.RetryInfo).retry_delay.ToMilliseconds() == 2000


async def test_a_model_that_cannot_be_explained_keeps_its_reason(edge, backend):
    backend.always["explain"] = FailedPreconditionError("explain substrate-mp", reason="NOT_EXPLAINABLE")
    error = await failure(edge.prediction.Explain(request()))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert detail_of(error, error_details_pb2.ErrorInfo).reason == "NOT_EXPLAINABLE"


async def test_a_lost_replica_costs_one_more_attempt(edge, backend):
    backend.faults["explain"] = [(grpc.StatusCode.ABORTED, "gone")]
    response = await edge.prediction.Explain(request())
    assert len(response.results) == 1
    assert backend.calls == ["explain", "explain"]


async def test_keys_are_asked_for_and_structures_count_against_the_quota(start_edge, backend, tmp_path):
    key = new_api_key()
    path = tmp_path / "tenants.json"
    path.write_text(json.dumps({"acme": {"key_hashes": [str(KeyHash.of(key))], "structures_per_minute": 2}}))
    path.chmod(0o600)
    edge = await start_edge(tenants_file=path)
    bearer = (("authorization", f"Bearer {key}"),)
    assert (await failure(edge.prediction.Explain(request()))).code() is grpc.StatusCode.UNAUTHENTICATED
    await edge.prediction.Explain(request(2), metadata=bearer)
    error = await failure(edge.prediction.Explain(request(), metadata=bearer))
    assert detail_of(error, error_details_pb2.ErrorInfo).reason == "QUOTA_EXCEEDED"
    assert backend.calls == ["explain"]
    assert backend.metadata[0]["x-tenant"] == "acme"


async def test_calls_and_upstream_attempts_are_counted(edge):
    await edge.prediction.Explain(request(2))
    samples = await edge.metrics()
    assert samples['epitaxy_gateway_upstream_seconds_count{code="OK",method="ExplainBlock"}'] == 1
    assert samples['epitaxy_gateway_tenant_structures_total{tenant="local"}'] == 2
