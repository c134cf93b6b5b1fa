"""What a caller without a key can do to a gateway: next to nothing. Over real sockets, with real bodies."""

import asyncio
import json
import os
import socket
import sys
import time
from contextlib import AsyncExitStack, suppress

import grpc
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from epitaxy.api.common.v1.structure_pb2 import StructureInput
from epitaxy.api.prediction.v1 import prediction_pb2, prediction_pb2_grpc
from epitaxy.chassis.api_keys import KeyHash, new_api_key
from epitaxy_models.errors import ConfigurationError

BODY_BYTES = 15 * 2**20
N_CALLERS = 64
GROWTH_BYTES = 64 * 2**20
CLIENT = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]


@pytest.fixture
def key():
    return new_api_key()


@pytest.fixture
def tenants_file(tmp_path, key):
    path = tmp_path / "tenants.json"
    path.write_text(json.dumps({"acme": {"key_hashes": [str(KeyHash.of(key))]}}))
    path.chmod(0o600)
    return path


@pytest.fixture
async def gateway(tenants_file, upstream):
    """A gateway in a process of its own, whose memory is its own: (process, address)."""
    environment = os.environ | {
        "EPITAXY_GATEWAY_PORT": "0",
        "EPITAXY_GATEWAY_METRICS_PORT": "0",
        "EPITAXY_GATEWAY_UPSTREAM": upstream,
        "EPITAXY_GATEWAY_TENANTS_FILE": str(tenants_file),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "epitaxy.gateway", env=environment, stderr=asyncio.subprocess.PIPE
    )
    line = {}
    while line.get("message") != "listening":
        line = json.loads(await process.stderr.readline())
    draining = asyncio.create_task(drained(process.stderr))
    yield psutil.Process(process.pid), line["address"]
    process.terminate()
    await process.wait()
    await draining


async def drained(stream):
    while await stream.readline():
        pass


async def flood(address, seconds, method, body):
    """Callers who send the body again and again; the codes that they got."""
    codes = set()
    async with AsyncExitStack() as stack:
        channels = [
            await stack.enter_async_context(grpc.aio.insecure_channel(address, options=CLIENT))
            for _ in range(N_CALLERS)
        ]
        end = time.monotonic() + seconds

        async def call(channel):
            while time.monotonic() < end:
                try:
                    await channel.unary_unary(method)(body, timeout=20)
                    codes.add(grpc.StatusCode.OK)
                except grpc.aio.AioRpcError as error:
                    codes.add(error.code())

        await asyncio.gather(*map(call, channels))
    return codes


async def peak(process, work):
    """The largest memory of a process beyond today's while the work is done, and the work's result."""
    before, most = process.memory_info().rss, 0
    task = asyncio.ensure_future(work)
    while not task.done():
        most = max(most, process.memory_info().rss - before)
        await asyncio.sleep(0.02)
    return most, await task


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ("/epitaxy.prediction.v1.PredictionService/Predict", grpc.StatusCode.UNAUTHENTICATED),
        ("/epitaxy.finetune.v1.FineTuneService/CreateFineTuneJob", grpc.StatusCode.UNAUTHENTICATED),
        ("/grpc.health.v1.Health/Check", grpc.StatusCode.OK),
    ],
)
async def test_bodies_without_a_key_do_not_fill_the_memory(gateway, method, code):
    process, address = gateway
    body = health_pb2.HealthCheckRequest(service="x" * BODY_BYTES).SerializeToString()
    growth, codes = await peak(process, flood(address, 2, method, body))
    assert code in codes
    assert growth < GROWTH_BYTES, f"{growth / 2**20:.0f} MiB"


async def test_a_key_is_checked_before_the_body_is_there(start_edge, tenants_file, key):
    edge = await start_edge(tenants_file=tenants_file)
    for metadata in (None, (("authorization", f"Bearer {new_api_key()}"),)):
        call = edge.channel.stream_unary("/epitaxy.prediction.v1.PredictionService/Predict")(metadata=metadata)
        assert await asyncio.wait_for(call.code(), 3) is grpc.StatusCode.UNAUTHENTICATED  # nothing has been sent
    call = edge.channel.stream_unary("/epitaxy.prediction.v1.PredictionService/Predict")(
        metadata=(("authorization", f"Bearer {key}"),)
    )
    request = prediction_pb2.PredictRequest(structures=[StructureInput(id="s0", cif="good")])
    await call.write(request.SerializeToString())
    await call.done_writing()
    assert prediction_pb2.PredictResponse.FromString(await call).results.counts.answered == 1


async def test_health_is_answered_without_a_key_and_few_requests_are_read_at_once(start_edge, tenants_file, key):
    edge = await start_edge(tenants_file=tenants_file)
    check = edge.channel.stream_unary("/grpc.health.v1.Health/Check")
    silent = check()
    began = time.monotonic()
    answer = await edge.health.Check(health_pb2.HealthCheckRequest(service="liveness"))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    assert time.monotonic() - began < 3
    assert await silent.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    bearer = (("authorization", f"Bearer {key}"),)
    answer = await edge.health.Check(health_pb2.HealthCheckRequest(service="liveness"), metadata=bearer)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    assert await edge.health_status("liveness") == "SERVING"
    watches = [edge.health.Watch(health_pb2.HealthCheckRequest()) for _ in range(65)]
    await asyncio.gather(*(watch.read() for watch in watches[:64]))
    with pytest.raises(grpc.aio.AioRpcError, match="RESOURCE_EXHAUSTED"):
        await watches[64].read()
    for watch in watches:
        watch.cancel()


@pytest.mark.parametrize("said", [b"", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])
async def test_a_connection_that_says_nothing_more_ends(start_edge, said):
    edge = await start_edge(handshake_seconds=1)
    host, port = edge.gateway.address.rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(said)
    began = time.monotonic()
    with suppress(ConnectionError):
        await asyncio.wait_for(reader.read(), 5)
    assert time.monotonic() - began < 4
    writer.close()


async def test_connections_beyond_their_number_are_closed_and_others_go_on(start_edge):
    edge = await start_edge(max_connections=3)
    assert await edge.health_status("liveness") == "SERVING"
    host, port = edge.gateway.address.rsplit(":", 1)
    sockets = [socket.create_connection((host, int(port))) for _ in range(8)]

    def is_closed(one):
        one.settimeout(1.0)
        try:
            return one.recv(1) == b""
        except TimeoutError:
            return False
        except ConnectionError:
            return True

    closed = await asyncio.gather(*(asyncio.to_thread(is_closed, one) for one in sockets))
    assert sum(closed) >= 5
    assert await edge.health_status("liveness") == "SERVING"
    for one in sockets:
        one.close()


@pytest.mark.parametrize("mode", [0o644, 0o640 | 0o020, 0o602])
async def test_a_tenants_file_that_others_can_read_or_change_is_refused(start_edge, tenants_file, mode, key):
    tenants_file.chmod(mode)
    with pytest.raises(ConfigurationError, match=r"the tenants file tenants\.json has mode 0") as caught:
        await start_edge(tenants_file=tenants_file)
    assert str(tenants_file.parent) not in str(caught.value)
    edge = await start_edge(tenants_file=tenants_file, allows_shared_files=True)
    stub = prediction_pb2_grpc.PredictionServiceStub(edge.channel)
    request = prediction_pb2.PredictRequest(structures=[StructureInput(id="s0", cif="good")])
    await stub.Predict(request, metadata=(("authorization", f"Bearer {key}"),))
    assert await health_pb2_grpc.HealthStub(edge.channel).Check(health_pb2.HealthCheckRequest(service="liveness"))
