"""Keys and quotas at the edge."""

import json

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.rpc import error_details_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status

from epitaxy.api.common.v1.structure_pb2 import StructureInput
from epitaxy.api.prediction.v1.prediction_pb2 import PredictRequest, ScreenRequest
from epitaxy.chassis.api_keys import KeyHash, new_api_key
from epitaxy.chassis.signed_calls import is_signed

ONE = PredictRequest(structures=[StructureInput(id="s0", cif="good")])


@pytest.fixture
def keys():
    return {"acme": new_api_key(), "globex": new_api_key()}


@pytest.fixture
def start_with_tenants(start_edge, keys, tmp_path):
    async def start(**limits):
        tenants = {name: {"key_hashes": [str(KeyHash.of(key))]} for name, key in keys.items()}
        tenants["acme"] |= limits
        path = tmp_path / "tenants.json"
        path.write_text(json.dumps(tenants))
        path.chmod(0o600)
        return await start_edge(tenants_file=path)

    return start


def bearer(key):
    return (("authorization", f"Bearer {key}"),)


async def failure(call):
    with pytest.raises(grpc.aio.AioRpcError, match="StatusCode") as caught:
        await call
    return caught.value


async def listed_services(edge, metadata=None):
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    stub = reflection_pb2_grpc.ServerReflectionStub(edge.channel)
    answers = [answer async for answer in stub.ServerReflectionInfo(iter([request]), metadata=metadata)]
    return {service.name for service in answers[0].list_services_response.service}


async def test_a_key_names_its_tenant(start_with_tenants, keys, backend):
    edge = await start_with_tenants()
    await edge.prediction.Predict(ONE, metadata=bearer(keys["globex"]))
    assert backend.metadata[-1]["x-tenant"] == "globex"
    samples = await edge.metrics()
    assert samples['epitaxy_gateway_tenant_structures_total{tenant="globex"}'] == 1


async def test_calls_upstream_are_signed_for_the_tenant_of_the_key(start_edge, keys, tmp_path, backend):
    secret, path = tmp_path / "secret", tmp_path / "tenants.json"
    secret.write_text("open sesame\n")
    path.write_text(json.dumps({"acme": {"key_hashes": [str(KeyHash.of(keys["acme"]))]}}))
    path.chmod(0o600)
    edge = await start_edge(tenants_file=path, prediction_secret_file=secret)
    forged = (("x-tenant", "globex"), ("x-gateway-signature", "v1.1.00"), *bearer(keys["acme"]))
    await edge.prediction.Predict(ONE, metadata=forged)
    seen = backend.metadata[-1]
    assert seen["x-tenant"] == "acme"
    assert is_signed("open sesame", seen, "Evaluate")
    assert not is_signed("open sesame", seen | {"x-tenant": "globex"}, "Evaluate")
    assert not any("open sesame" in value for value in seen.values())


@pytest.mark.parametrize(
    "metadata", [None, bearer("epx_nothing"), bearer(new_api_key()), (("authorization", "Bearer"),)]
)
async def test_without_a_valid_key_nothing_reaches_upstream(start_with_tenants, backend, metadata):
    edge = await start_with_tenants()
    error = await failure(edge.prediction.Predict(ONE, metadata=metadata))
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    stream = edge.prediction.Screen(iter([ScreenRequest(structures=ONE.structures)]), metadata=metadata)
    assert (await failure(stream.read())).code() is grpc.StatusCode.UNAUTHENTICATED
    assert "s0" not in backend.calls


async def test_reflection_needs_a_key_and_health_does_not(start_with_tenants, keys):
    edge = await start_with_tenants()
    assert await edge.health_status("liveness") == "SERVING"
    error = await failure(listed_services(edge))
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    assert await listed_services(edge, bearer(keys["acme"])) == {
        "epitaxy.account.v1.AccountService",
        "epitaxy.account.v1.AdministrationService",
        "epitaxy.campaigns.v1.CampaignService",
        "epitaxy.prediction.v1.PredictionService",
        "epitaxy.prediction.v1.SearchService",
        "epitaxy.prediction.v1.StructureService",
        "epitaxy.models.v1.ModelService",
        "epitaxy.models.v1.ModelGovernanceService",
        "epitaxy.finetune.v1.FineTuneService",
        "epitaxy.measurements.v1.MeasurementService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
        "grpc.reflection.v1.ServerReflection",
    }


async def test_reflection_answers_the_stable_protocol_too(edge):
    ask = edge.channel.stream_stream(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    for symbol in ("epitaxy.prediction.v1.PredictionService", "grpc.reflection.v1.ServerReflection"):
        request = reflection_pb2.ServerReflectionRequest(file_containing_symbol=symbol)
        [answer] = [answer async for answer in ask(iter([request]))]
        file = FileDescriptorProto.FromString(answer.file_descriptor_response.file_descriptor_proto[0])
        assert f"{file.package}.{file.service[0].name}" == symbol


async def test_structures_over_the_quota_are_turned_away_with_the_time_to_wait(start_with_tenants, keys):
    edge = await start_with_tenants(structures_per_minute=2)
    await edge.prediction.Predict(ONE, metadata=bearer(keys["acme"]))
    await edge.prediction.Predict(ONE, metadata=bearer(keys["acme"]))
    error = await failure(edge.prediction.Predict(ONE, metadata=bearer(keys["acme"])))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    quota, retry = error_details_pb2.QuotaFailure(), error_details_pb2.RetryInfo()
    details = rpc_status.from_call(error).details
    assert any(detail.Unpack(quota) for detail in details)
    assert any(detail.Unpack(retry) for detail in details)
    assert quota.violations[0].subject == "tenant:acme"
    assert 0 < retry.retry_delay.ToTimedelta().total_seconds() <= 30
    await edge.prediction.Predict(ONE, metadata=bearer(keys["globex"]))


async def test_a_stream_over_the_quota_ends_after_the_answers_that_were_paid_for(start_with_tenants, keys):
    edge = await start_with_tenants(structures_per_minute=1)
    messages = [ScreenRequest(structures=[StructureInput(id=name, cif="good")]) for name in "ab"]
    call = edge.prediction.Screen(iter(messages), metadata=bearer(keys["acme"]))
    assert (await call.read()).results.results[0].id == "a"
    assert (await failure(call.read())).code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_concurrent_screens_are_limited_and_freed(start_with_tenants, keys):
    edge = await start_with_tenants(max_concurrent_screens=1)
    message = ScreenRequest(structures=ONE.structures)
    first = edge.prediction.Screen(metadata=bearer(keys["acme"]))
    await first.write(message)
    await first.read()
    second = edge.prediction.Screen(iter([message]), metadata=bearer(keys["acme"]))
    assert (await failure(second.read())).code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    await first.done_writing()
    assert (await first.read()).summary.counts.answered == 1
    third = edge.prediction.Screen(iter([message]), metadata=bearer(keys["acme"]))
    assert (await third.read()).results.counts.answered == 1


async def test_screens_beyond_the_gateways_own_limit_are_shed(start_edge):
    edge = await start_edge(max_screens=1)
    first = edge.prediction.Screen()
    await first.write(ScreenRequest(structures=ONE.structures))
    await first.read()
    error = await failure(edge.prediction.Screen(iter([])).read())
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert error.details() == "too many screens are open"
    first.cancel()
