"""Start, readiness, TLS, metrics, shutdown."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from epitaxy.api.common.v1.structure_pb2 import StructureInput
from epitaxy.api.internal.v1 import prediction_backend_pb2_grpc
from epitaxy.api.prediction.v1.prediction_pb2 import PredictRequest, ScreenRequest
from epitaxy.gateway.server import PUBLIC_SERVICES, Gateway
from epitaxy.gateway.settings import GatewaySettings
from epitaxy_models.errors import ConfigurationError

ONE = PredictRequest(structures=[StructureInput(id="s0", cif="good")])


async def reaches(edge, status, service=""):
    async with asyncio.timeout(10):
        while await edge.health_status(service) != status:  # noqa: ASYNC110  # what a probe does
            await asyncio.sleep(0.02)


async def test_health_is_not_serving_until_the_upstream_answers(start_edge, backend, stack, unused_tcp_port):
    edge = await start_edge(upstream=f"127.0.0.1:{unused_tcp_port}", upstream_connect_patience_seconds=0.1)
    assert {await edge.health_status(service) for service in ("", *PUBLIC_SERVICES)} == {"NOT_SERVING"}
    assert await edge.health_status("liveness") == "SERVING"
    server = grpc.aio.server()
    prediction_backend_pb2_grpc.add_PredictionBackendServiceServicer_to_server(backend, server)
    server.add_insecure_port(f"127.0.0.1:{unused_tcp_port}")
    await server.start()
    for service in ("", *PUBLIC_SERVICES):
        await reaches(edge, "SERVING", service)
    await server.stop(None)
    await reaches(edge, "NOT_SERVING")
    assert await edge.health_status("liveness") == "SERVING"


async def test_overload_is_no_loss_and_silence_is(start_edge, backend, monkeypatch):
    monkeypatch.setattr("epitaxy.gateway.upstream.prediction.READINESS_TIMEOUT_SECONDS", 0.05)
    edge = await start_edge(chunk_attempt_seconds=1.5)
    await reaches(edge, "SERVING")
    backend.gate("models")  # probes are not answered in time any more
    began = time.monotonic()
    while time.monotonic() - began < 1.0:  # others are: ten probes have failed by then
        assert (await edge.prediction.Predict(ONE)).results.counts.answered == 1
        assert await edge.health_status() == "SERVING"
        await asyncio.sleep(0.02)
    await reaches(edge, "NOT_SERVING")
    backend.gates["models"].set()
    await reaches(edge, "SERVING")


async def test_a_lost_prediction_service_is_waited_out_by_calls_and_fresh_streams(
    start_edge, backend, stack, unused_tcp_port, message
):
    edge = await start_edge(upstream=f"127.0.0.1:{unused_tcp_port}", upstream_connect_patience_seconds=0.2)
    # Longer than the retries of a chunk whose replica died: 0.01 s, doubled four times.
    predict = asyncio.create_task(_until_answered(edge))
    screening = edge.prediction.Screen(iter([message("a", "b"), message("c", sequence=1)]))
    await asyncio.sleep(1.5)
    assert not predict.done()
    server = grpc.aio.server()
    prediction_backend_pb2_grpc.add_PredictionBackendServiceServicer_to_server(backend, server)
    server.add_insecure_port(f"127.0.0.1:{unused_tcp_port}")
    await server.start()
    stack.push_async_callback(server.stop, None)
    responses = [response async for response in screening]
    assert (responses[-1].summary.counts.answered, responses[-1].summary.counts.failed) == (3, 0)
    assert (await predict).results.counts.answered == 1


async def _until_answered(edge):
    return await edge.prediction.Predict(ONE, timeout=30)


async def test_a_watcher_hears_when_the_gateway_becomes_ready(edge):
    watch = edge.health.Watch(health_pb2.HealthCheckRequest())
    seen = [(await watch.read()).status]
    while seen[-1] != health_pb2.HealthCheckResponse.SERVING:
        seen.append((await watch.read()).status)
    watch.cancel()


@pytest.fixture
def certificate(tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("makes its certificate with the openssl command, which is not installed")
    key, cert = tmp_path / "tls.key", tmp_path / "tls.crt"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-keyout", key, "-out", cert]
    subprocess.run([*command, *subject], check=True, capture_output=True)
    return key, cert


async def test_tls_serves_clients_that_trust_the_certificate_and_no_others(start_edge, certificate):
    key, cert = certificate
    trusted = grpc.ssl_channel_credentials(cert.read_bytes())
    edge = await start_edge(credentials=trusted, tls_key_path=key, tls_cert_path=cert)
    response = await edge.prediction.Predict(ONE)
    assert response.results.counts.answered == 1
    expiry = (await edge.metrics())["epitaxy_gateway_certificate_expiry_timestamp_seconds"]
    assert expiry - time.time() == pytest.approx(86_400, abs=300), "it was made for a day"
    async with grpc.aio.insecure_channel(edge.gateway.address) as plain:
        with pytest.raises(grpc.aio.AioRpcError, match="UNAVAILABLE"):
            await health_pb2_grpc.HealthStub(plain).Check(health_pb2.HealthCheckRequest(), timeout=5)


async def test_a_gateway_without_a_certificate_in_its_file_does_not_start(start_edge, certificate, tmp_path):
    key, _ = certificate
    empty = tmp_path / "empty.crt"
    empty.write_text("nothing")
    with pytest.raises(ConfigurationError, match="holds no PEM certificate"):
        await start_edge(tls_key_path=key, tls_cert_path=empty)


async def test_a_gateway_that_cannot_start_says_why_and_leaves_nothing_open(edge, upstream, tmp_path):
    taken = int(edge.gateway.address.rpartition(":")[2])
    second = Gateway(GatewaySettings(port=taken, metrics_port=0, upstream=upstream))
    with pytest.raises(ConfigurationError, match=rf"cannot listen on 127\.0\.0\.1:{taken}: is the port taken"):
        await second.start()
    busy = GatewaySettings(port=0, metrics_port=edge.gateway.metrics_port, upstream=upstream)
    with pytest.raises(ConfigurationError, match=r"cannot serve metrics on 127\.0\.0\.1:"):
        await Gateway(busy).start()
    missing = GatewaySettings(
        port=0, metrics_port=0, tls_cert_path=tmp_path / "no.crt", tls_key_path=tmp_path / "no.key"
    )
    with pytest.raises(ConfigurationError, match=r"cannot read the TLS file .*no\.key"):
        await Gateway(missing).start()


async def test_metrics_count_calls_structures_and_upstream_time(edge, backend):
    backend.always["model"] = (grpc.StatusCode.INVALID_ARGUMENT, "")
    bad = StructureInput(id="bad", cif="bad")
    await edge.prediction.Predict(PredictRequest(structures=[*ONE.structures, bad]))
    with pytest.raises(grpc.aio.AioRpcError, match="INVALID_ARGUMENT"):
        await edge.prediction.Predict(PredictRequest())
    samples = await edge.metrics()
    predict = 'method="/epitaxy.prediction.v1.PredictionService/Predict"'
    assert samples[f'epitaxy_gateway_requests_total{{code="OK",{predict}}}'] == 1
    assert samples[f'epitaxy_gateway_requests_total{{code="INVALID_ARGUMENT",{predict}}}'] == 1
    assert samples[f"epitaxy_gateway_request_seconds_count{{{predict}}}"] == 2
    assert samples['epitaxy_gateway_structures_total{outcome="answered",reason=""}'] == 1
    assert samples['epitaxy_gateway_structures_total{outcome="refused",reason="PARTIAL_OCCUPANCY"}'] == 1
    assert samples['epitaxy_gateway_tenant_structures_total{tenant="local"}'] == 2
    assert samples['epitaxy_gateway_upstream_seconds_count{code="OK",method="Evaluate"}'] == 1
    assert samples["epitaxy_gateway_chunks_in_flight"] == 0


async def test_chunks_under_way_are_counted_and_cancelled_calls_have_their_code(edge, backend, eventually):
    backend.gate("s0")
    call = edge.prediction.Screen()
    await call.write(ScreenRequest(structures=ONE.structures))
    await eventually(lambda: backend.active == 1)
    assert (await edge.metrics())["epitaxy_gateway_chunks_in_flight"] == 1
    call.cancel()
    await eventually(lambda: backend.active == 0)
    screen = 'method="/epitaxy.prediction.v1.PredictionService/Screen"'
    assert (await edge.metrics())[f'epitaxy_gateway_requests_total{{code="CANCELLED",{screen}}}'] == 1


async def test_stopping_finishes_calls_under_way_and_turns_streams_away(start_edge, backend, eventually):
    edge = await start_edge(shutdown_grace_seconds=5)
    backend.gate("s0", "a")
    predict = asyncio.ensure_future(edge.prediction.Predict(ONE))
    screen = edge.prediction.Screen()
    await screen.write(ScreenRequest(structures=[StructureInput(id="a", cif="good")]))
    await eventually(lambda: backend.active == 2)
    stopping = asyncio.ensure_future(edge.gateway.stop())
    await asyncio.sleep(0.1)
    await screen.write(ScreenRequest(structures=[StructureInput(id="b", cif="good")]))
    await asyncio.sleep(0.1)
    for gate in backend.gates.values():
        gate.set()
    assert (await predict).results.counts.answered == 1
    assert (await screen.read()).results.results[0].id == "a"
    with pytest.raises(grpc.aio.AioRpcError, match="this gateway is shutting down"):
        await screen.read()
    await asyncio.wait_for(stopping, 4)
    assert "b" not in backend.calls


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_program_serves_until_a_signal_and_exits_cleanly(upstream, number):
    environment = os.environ | {
        "EPITAXY_GATEWAY_PORT": "0",
        "EPITAXY_GATEWAY_METRICS_PORT": "0",
        "EPITAXY_GATEWAY_UPSTREAM": upstream,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "epitaxy.gateway", env=environment, stderr=asyncio.subprocess.PIPE
    )
    lines = []
    async with asyncio.timeout(30):
        while not any(line["message"] == "listening" for line in lines):
            lines.append(json.loads(await process.stderr.readline()))
        async with grpc.aio.insecure_channel(lines[-1]["address"]) as channel:
            answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service="liveness"))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        process.send_signal(number)
        assert await process.wait() == 0
        rest = (await process.stderr.read()).decode().splitlines()
    assert "stopped" in [json.loads(line)["message"] for line in rest if line.startswith("{")]
