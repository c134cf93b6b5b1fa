"""Services that the fine-tune service answers: bytes pass, the gateway names the tenant, no inner text comes out."""

import asyncio
import json

import grpc
import pytest

from epitaxy.api.finetune.v1 import finetune_pb2 as pb
from epitaxy.api.finetune.v1 import finetune_pb2_grpc
from epitaxy.api.models.v1 import governance_pb2, governance_pb2_grpc
from epitaxy.chassis.api_keys import KeyHash, new_api_key
from epitaxy.chassis.errors import FailedPreconditionError, UnauthenticatedError
from epitaxy.chassis.status import from_trailing_metadata, to_rpc_status

LEAKY = "OperationalError at 10.0.0.7:5432 pid=4711 /srv/finetune.py"
SECRETS = ("10.0.0.7", "4711", "srv")


class ScriptedFineTune(finetune_pb2_grpc.FineTuneServiceServicer):
    """Answers, or fails as a test tells it."""

    def __init__(self):
        self.metadata = []
        self.seconds_left = []
        self.fault = None
        self.is_watched = asyncio.Event()
        self.was_cancelled = asyncio.Event()

    async def GetFineTuneJob(self, request, context):
        await self._note(context)
        return pb.GetFineTuneJobResponse(job=pb.FineTuneJob(id=request.job_id))

    async def WatchFineTuneJob(self, request, context):
        await self._note(context)
        for sequence in range(3):
            yield pb.WatchFineTuneJobResponse(event=pb.JobEvent(sequence=sequence))
        self.is_watched.set()
        if request.job_id == "endless":
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.was_cancelled.set()
                raise

    async def _note(self, context):
        self.metadata.append([(item.key, item.value) for item in context.invocation_metadata()])
        self.seconds_left.append(context.time_remaining())
        if isinstance(self.fault, tuple):
            await context.abort(*self.fault)
        if self.fault is not None:
            status = to_rpc_status(self.fault)
            await context.abort(status.code, status.details, status.trailing_metadata)


class ScriptedGovernance(governance_pb2_grpc.ModelGovernanceServiceServicer):
    """Promotes whatever it is asked to."""

    def __init__(self):
        self.metadata = []
        self.requests = []

    async def PromoteModel(self, request, context):
        self.requests.append(request.SerializeToString())
        self.metadata.append({item.key: item.value for item in context.invocation_metadata()})
        return governance_pb2.PromoteModelResponse(model_name=request.model_name, version=request.version)


@pytest.fixture
def finetune():
    return ScriptedFineTune()


@pytest.fixture
def governance():
    return ScriptedGovernance()


@pytest.fixture
async def start_edge_with_finetune(stack, start_edge, finetune, governance, tmp_path):
    async def begin(**changes):
        server = grpc.aio.server()
        governance_pb2_grpc.add_ModelGovernanceServiceServicer_to_server(governance, server)
        finetune_pb2_grpc.add_FineTuneServiceServicer_to_server(finetune, server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        stack.push_async_callback(server.stop, None)
        secret = tmp_path / "secret"
        secret.write_text("open sesame\n")
        options = {"finetune_upstream": f"127.0.0.1:{port}", "finetune_secret_file": secret}
        return await start_edge(**(options | changes))

    return begin


@pytest.fixture
async def start(start_edge_with_finetune):
    async def begin(**changes):
        return finetune_pb2_grpc.FineTuneServiceStub((await start_edge_with_finetune(**changes)).channel)

    return begin


async def failure(awaitable):
    with pytest.raises(grpc.aio.AioRpcError, match="StatusCode") as caught:
        await awaitable
    return caught.value


async def watched(stub, job_id="ft-1", **options):
    return [message async for message in stub.WatchFineTuneJob(pb.WatchFineTuneJobRequest(job_id=job_id), **options)]


async def test_calls_and_streams_go_through(start):
    stub = await start()
    assert (await stub.GetFineTuneJob(pb.GetFineTuneJobRequest(job_id="ft-1"))).job.id == "ft-1"
    assert [message.event.sequence for message in await watched(stub)] == [0, 1, 2]


async def test_decisions_on_models_go_through_with_the_tenant_and_the_secret(start_edge_with_finetune, governance):
    edge = await start_edge_with_finetune()
    stub = governance_pb2_grpc.ModelGovernanceServiceStub(edge.channel)
    response = await stub.PromoteModel(governance_pb2.PromoteModelRequest(model_name="tc", version="3"))
    assert (response.model_name, response.version) == ("tc", "3")
    assert [(seen["x-tenant"], seen["x-gateway-secret"]) for seen in governance.metadata] == [("local", "open sesame")]
    samples = await edge.metrics()
    assert samples['epitaxy_gateway_upstream_seconds_count{code="OK",method="PromoteModel"}'] == 1


async def test_fields_that_the_gateway_does_not_know_go_through(start_edge_with_finetune, governance):
    edge = await start_edge_with_finetune()
    newer = b"\xa2\x06\x03new"  # field 100, of a later release
    sent = newer + governance_pb2.PromoteModelRequest(model_name="tc").SerializeToString()
    promote = edge.channel.unary_unary("/epitaxy.models.v1.ModelGovernanceService/PromoteModel")
    received = governance_pb2.PromoteModelResponse.FromString(await promote(sent))
    assert received.model_name == "tc"
    (request,) = governance.requests
    assert newer in request


async def test_the_tenant_is_the_keys_whatever_the_caller_says(start, finetune, tmp_path):
    key = new_api_key()
    (tmp_path / "tenants.json").write_text(json.dumps({"acme": {"key_hashes": [str(KeyHash.of(key))]}}))
    (tmp_path / "tenants.json").chmod(0o600)
    stub = await start(tenants_file=tmp_path / "tenants.json")
    claims = (("x-tenant", "globex"), ("x-gateway-secret", "mine"), ("authorization", f"Bearer {key}"))
    await stub.GetFineTuneJob(pb.GetFineTuneJobRequest(), metadata=(*claims, ("x-request-id", "run-7")))
    await watched(stub, metadata=claims)
    for seen in finetune.metadata:
        assert [value for name, value in seen if name == "x-tenant"] == ["acme"]
        assert [value for name, value in seen if name == "x-gateway-secret"] == ["open sesame"]
        assert [value for name, value in seen if name == "x-key-id"] == [KeyHash.of(key).key_id]
        assert not [value for name, value in seen if name == "authorization"]
    assert ("x-request-id", "run-7") in finetune.metadata[0]


async def test_without_a_key_nothing_reaches_the_service(start, finetune, tmp_path):
    (tmp_path / "tenants.json").write_text(json.dumps({"acme": {"key_hashes": [str(KeyHash.of(new_api_key()))]}}))
    (tmp_path / "tenants.json").chmod(0o600)
    stub = await start(tenants_file=tmp_path / "tenants.json")
    for call in (stub.GetFineTuneJob(pb.GetFineTuneJobRequest()), watched(stub)):
        assert (await failure(call)).code() is grpc.StatusCode.UNAUTHENTICATED
    assert finetune.metadata == []


async def test_errors_of_the_service_come_out_whole(start, finetune):
    stub = await start()
    finetune.fault = FailedPreconditionError("read its report", reason="OVERRIDE_NEEDED")
    for call in (stub.GetFineTuneJob(pb.GetFineTuneJobRequest()), watched(stub)):
        error = await failure(call)
        assert (error.code(), error.details()) == (grpc.StatusCode.FAILED_PRECONDITION, "read its report")
        assert from_trailing_metadata(error.trailing_metadata()).reason == "OVERRIDE_NEEDED"


@pytest.mark.parametrize(
    ("code", "seen"),
    [
        (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAVAILABLE),
        (grpc.StatusCode.INTERNAL, grpc.StatusCode.INTERNAL),
        (grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.RESOURCE_EXHAUSTED),
    ],
)
async def test_text_of_the_runtime_never_reaches_a_caller(start, finetune, code, seen):
    stub = await start()
    finetune.fault = (code, LEAKY)
    for call in (stub.GetFineTuneJob(pb.GetFineTuneJobRequest()), watched(stub)):
        error = await failure(call)
        assert error.code() is seen
        everything = f"{error.details()}{list(error.trailing_metadata())}"
        assert not any(secret in everything for secret in SECRETS)


async def test_a_gateway_that_the_service_refuses_is_no_fault_of_the_caller(start, finetune):
    stub = await start()
    finetune.fault = UnauthenticatedError("only the gateway may call")
    error = await failure(stub.GetFineTuneJob(pb.GetFineTuneJobRequest()))
    assert error.code() is grpc.StatusCode.INTERNAL


async def test_without_a_service_its_calls_are_refused_and_not_sent_again_and_the_gateway_is_healthy(
    start_edge, eventually
):
    edge = await start_edge()
    stub = finetune_pb2_grpc.FineTuneServiceStub(edge.channel)
    for call in (stub.GetFineTuneJob(pb.GetFineTuneJobRequest()), watched(stub)):
        error = await failure(call)
        assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert error.details() == "fine-tuning is not set up on this server: ask its operator"
    assert await edge.health_status("liveness") == "SERVING"


async def test_a_service_that_is_gone_is_unavailable_without_its_address(start, unused_tcp_port):
    stub = await start(finetune_upstream=f"127.0.0.1:{unused_tcp_port}")
    error = await failure(stub.GetFineTuneJob(pb.GetFineTuneJobRequest()))
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert str(unused_tcp_port) not in f"{error.details()}{list(error.trailing_metadata())}"


async def test_a_caller_who_leaves_a_watch_ends_it_upstream(start, finetune):
    stub = await start()
    call = stub.WatchFineTuneJob(pb.WatchFineTuneJobRequest(job_id="endless"))
    async with asyncio.timeout(20):
        await call.read()
        await finetune.is_watched.wait()
        call.cancel()
        await finetune.was_cancelled.wait()


async def test_a_deadline_is_passed_on(start, finetune):
    stub = await start()
    await stub.GetFineTuneJob(pb.GetFineTuneJobRequest(), timeout=20)
    await watched(stub)
    assert finetune.seconds_left[0] <= 20.2  # gRPC sends three digits, rounded up: at most 1 % more
    assert finetune.seconds_left[1] is None or finetune.seconds_left[1] > 10**6
