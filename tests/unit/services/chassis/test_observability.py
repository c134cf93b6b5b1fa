import asyncio
import io
import json
import logging
import urllib.error
import urllib.request

import pytest
from grpc_health.v1 import health_pb2
from prometheus_client import CollectorRegistry

from epitaxy.chassis.health import ReadinessReporter
from epitaxy.chassis.json_logs import JsonFormatter, configure_logging
from epitaxy.chassis.metrics import BoundedLabel, MetricsEndpoint, RpcMetrics
from epitaxy.chassis.request_context import RequestContext, bind_model_version, bind_request, bind_tenant


@pytest.fixture
def root_logger():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_log_line_is_json_with_its_call_its_extras_and_its_exception(root_logger):
    stream = io.StringIO()
    configure_logging("INFO", stream)

    async def call():
        bind_request(RequestContext(request_id="run-1"))
        bind_tenant("acme")
        bind_model_version("3")
        try:
            raise ValueError('odd "quotes"\nand lines')
        except ValueError:
            logging.getLogger("somewhere").exception("it broke", extra={"seconds": 0.5})

    asyncio.run(call())
    (text,) = stream.getvalue().splitlines()
    line = json.loads(text)
    assert (line["request_id"], line["tenant"], line["model_version"]) == ("run-1", "acme", "3")
    assert (line["level"], line["logger"], line["message"], line["seconds"]) == ("ERROR", "somewhere", "it broke", 0.5)
    assert "ValueError" in line["exception"]


def test_a_log_line_outside_of_a_call_names_none():
    record = logging.makeLogRecord({"msg": "started %s", "args": ("now",), "levelname": "INFO"})
    line = json.loads(JsonFormatter().format(record))
    assert line["message"] == "started now"
    assert "request_id" not in line


async def test_calls_side_by_side_do_not_see_each_others_context():
    async def call(name):
        bind_request(RequestContext(request_id=name))
        await asyncio.sleep(0)
        return json.loads(JsonFormatter().format(logging.makeLogRecord({})))["request_id"]

    tasks = [asyncio.create_task(call(name)) for name in "abc"]
    assert await asyncio.gather(*tasks) == ["a", "b", "c"]


def test_a_bounded_label_has_a_bounded_number_of_values():
    label = BoundedLabel(2, accepts=str.isupper)
    assert [label(value) for value in ("A", "b", "B", "C", "A")] == ["A", "OTHER", "B", "OTHER", "A"]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_metrics_endpoint_serves_its_registry_until_closed(host):
    registry = CollectorRegistry()
    try:
        endpoint = MetricsEndpoint(registry, host, 0)
    except OSError:
        pytest.skip(f"this machine has no {host}")
    RpcMetrics(registry, "test").observe("/a/B", "OK", 0.02)
    url = f"http://{'[::1]' if ':' in host else host}:{endpoint.port}/metrics"
    with urllib.request.urlopen(url, timeout=5) as response:
        text = response.read().decode()
    endpoint.close()
    assert 'test_requests_total{code="OK",method="/a/B"} 1.0' in text
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(url, timeout=5)


async def test_one_bad_check_does_not_undo_readiness_and_three_do():
    answers = iter([True, False, True, False, False, False])
    seen = []
    over = asyncio.Event()

    async def check():
        seen.append(await status(reporter))
        try:
            return next(answers)
        except StopIteration:
            over.set()
            raise RuntimeError("the check itself is broken") from None

    reporter = ReadinessReporter(["a"], check, interval_seconds=0.001)
    await reporter.start()
    async with asyncio.timeout(5):
        await over.wait()
    await reporter.stop()
    assert [name == "SERVING" for name in seen[:7]] == [False, True, True, True, True, True, False]
    assert await status(reporter) == "NOT_SERVING"


async def status(reporter):
    answer = await reporter.servicer.Check(health_pb2.HealthCheckRequest(service="a"), None)
    return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)


def probe(endpoint, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{endpoint.port}{path}", timeout=5) as response:
            return response.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


async def test_a_kubelet_that_speaks_no_tls_probes_beside_the_metrics(monkeypatch):
    endpoint = MetricsEndpoint(CollectorRegistry(), "127.0.0.1", 0)
    reporter = ReadinessReporter([], lambda: asyncio.sleep(0, True), interval_seconds=0.01)

    async def codes():
        return [await asyncio.to_thread(probe, endpoint, path) for path in ("/livez", "/readyz", "/metrics")]

    async def until(expected):
        while await codes() != expected:  # noqa: ASYNC110  # seen from outside, there is nothing to wait for
            await asyncio.sleep(0.01)

    assert await codes() == [200, 503, 200]
    endpoint.answer_probes(is_alive=lambda: reporter.is_alive, is_ready=lambda: reporter.is_ready)
    try:
        await reporter.start()
        await asyncio.wait_for(until([200, 200, 200]), 10)
        monkeypatch.setattr(reporter, "_check", lambda: asyncio.sleep(0, False))
        await asyncio.wait_for(until([200, 503, 200]), 10)
        monkeypatch.setattr("epitaxy.chassis.health._HANGS_SECONDS", 0.0)
        await asyncio.wait_for(until([503, 503, 200]), 10)
    finally:
        await reporter.stop()
        await asyncio.to_thread(endpoint.close)


async def test_a_reporter_that_has_stopped_is_not_ready():
    reporter = ReadinessReporter([], lambda: asyncio.sleep(0, True), interval_seconds=0.001)
    await reporter.start()
    while not reporter.is_ready:  # noqa: ASYNC110  # the same
        await asyncio.sleep(0.001)
    await reporter.stop()
    assert not reporter.is_ready
