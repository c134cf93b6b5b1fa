"""One running stack, asked and hurt in several ways."""

import json
import os
import shutil
import signal
import urllib.request
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from product import eventually
from stack_process import StackProcess, addresses_listened_on

from epitaxy.api.campaigns.v1 import campaigns_pb2, campaigns_pb2_grpc
from epitaxy.api.finetune.v1 import finetune_pb2, finetune_pb2_grpc
from epitaxy.api.models.v1 import models_pb2, models_pb2_grpc

pytestmark = pytest.mark.stack

_TRACE = "Traceback (most recent call last)"
LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}
needs_redis = pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed")


def endpoints(stack: StackProcess) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((stack.home / "endpoints.json").read_text())
    return found


def is_serving(address: str) -> bool:
    with grpc.insecure_channel(address) as channel:
        try:
            reply = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=2)
        except grpc.RpcError:
            return False
        return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)


def lengths_of_logs(stack: StackProcess) -> dict[Path, int]:
    return {path: path.stat().st_size for path in (stack.home / "logs").glob("*.log")}


def traces_since(lengths: dict[Path, int], stack: StackProcess) -> list[str]:
    """Stack traces that the logs have gained, each as the log's name and what follows it."""
    gained = {path: path.read_text(errors="replace")[lengths.get(path, 0) :] for path in lengths_of_logs(stack)}
    return [f"{path.name}: {text[text.index(_TRACE) :][:2000]}" for path, text in gained.items() if _TRACE in text]


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as page:
            return bool(page.status == 200)
    except OSError:
        return False


def test_ready_is_the_only_line_on_stdout(running_stack: StackProcess) -> None:
    assert running_stack.stdout == f"ready {endpoints(running_stack)['gateway']['address']}\n"


def test_gateway_reaches_the_application_once_ready(running_stack: StackProcess) -> None:
    address = endpoints(running_stack)["gateway"]["address"]
    assert is_serving(address)
    with grpc.insecure_channel(address) as channel:
        reply = models_pb2_grpc.ModelServiceStub(channel).ListModels(models_pb2.ListModelsRequest(), timeout=10)
    assert reply == models_pb2.ListModelsResponse()


def test_every_part_told_how_it_comes_along(running_stack: StackProcess) -> None:
    for part in ("redis", "ray", "prediction", "finetune", "campaigns", "gateway"):
        assert f"{part:<11} " in running_stack.stderr


def test_metrics_of_gateway_and_ray_can_be_scraped(running_stack: StackProcess) -> None:
    found = endpoints(running_stack)
    assert answers(found["gateway"]["metrics"])
    # Nobody waits for Ray's agent, so it may still be loading.
    assert eventually(lambda: answers(found["ray"]["metrics"]), seconds=60)


def test_fine_tuning_is_reached_through_the_gateway_only(running_stack: StackProcess) -> None:
    found = endpoints(running_stack)
    request = finetune_pb2.ListFineTuneJobsRequest()
    with grpc.insecure_channel(found["gateway"]["address"]) as channel:
        stub = finetune_pb2_grpc.FineTuneServiceStub(channel)
        assert stub.ListFineTuneJobs(request, timeout=10) == finetune_pb2.ListFineTuneJobsResponse()
    with grpc.insecure_channel(found["finetune"]["address"]) as channel:
        stub = finetune_pb2_grpc.FineTuneServiceStub(channel)
        with pytest.raises(grpc.RpcError, match="only the gateway may call"):
            stub.ListFineTuneJobs(request, metadata=(("x-tenant", "local"),), timeout=10)
    assert answers(found["finetune"]["metrics"])
    assert (running_stack.home / "finetune" / "jobs.db").exists()


def test_campaigns_are_reached_through_the_gateway_only(running_stack: StackProcess) -> None:
    found = endpoints(running_stack)
    request = campaigns_pb2.ListCampaignsRequest()
    with grpc.insecure_channel(found["gateway"]["address"]) as channel:
        stub = campaigns_pb2_grpc.CampaignServiceStub(channel)
        assert stub.ListCampaigns(request, timeout=10) == campaigns_pb2.ListCampaignsResponse()
    with grpc.insecure_channel(found["campaigns"]["address"]) as channel:
        stub = campaigns_pb2_grpc.CampaignServiceStub(channel)
        with pytest.raises(grpc.RpcError, match="only the gateway may call"):
            stub.ListCampaigns(request, metadata=(("x-tenant", "local"),), timeout=10)
    assert answers(found["campaigns"]["metrics"])
    assert list((running_stack.home / "campaigns").iterdir())


def test_nothing_listens_beyond_loopback(running_stack: StackProcess) -> None:
    addresses = addresses_listened_on(running_stack.alive())
    assert addresses
    assert addresses <= LOOPBACK


def test_second_stack_on_the_same_home_is_refused_and_harms_nothing(running_stack: StackProcess) -> None:
    second = StackProcess(running_stack.home)
    assert second.process.wait(30) == 1
    assert f"is running already (pid {running_stack.process.pid})" in second.stderr
    assert second.stdout == ""
    assert is_serving(endpoints(running_stack)["gateway"]["address"])


@needs_redis
def test_redis_comes_back_after_its_death(running_stack: StackProcess) -> None:
    dead = endpoints(running_stack)["redis"]["pid"]
    os.kill(dead, signal.SIGKILL)
    assert eventually(lambda: endpoints(running_stack)["redis"]["pid"] != dead, seconds=10)
    assert "redis was killed by signal 9" in running_stack.stderr
    assert running_stack.process.poll() is None


def test_gateway_comes_back_on_the_same_port_after_its_death(running_stack: StackProcess) -> None:
    before = endpoints(running_stack)["gateway"]
    os.kill(before["pid"], signal.SIGKILL)
    assert eventually(lambda: endpoints(running_stack)["gateway"]["pid"] != before["pid"], seconds=10)
    assert eventually(lambda: is_serving(before["address"]), seconds=20)
    assert "gateway was killed by signal 9" in running_stack.stderr


@pytest.mark.parametrize("name", ["finetune", "campaigns"])
def test_a_service_behind_the_gateway_comes_back_after_its_death(running_stack: StackProcess, name: str) -> None:
    before = endpoints(running_stack)[name]
    os.kill(before["pid"], signal.SIGKILL)
    assert eventually(lambda: endpoints(running_stack)[name]["pid"] != before["pid"], seconds=10)
    assert eventually(lambda: is_serving(before["address"]), seconds=60)
    assert f"{name} was killed by signal 9" in running_stack.stderr


def test_ctrl_c_at_last_ends_it_with_success_and_leaves_nothing_and_no_traces(running_stack: StackProcess) -> None:
    stopped_at = lengths_of_logs(running_stack)
    exit_code, took = running_stack.interrupt()
    assert (exit_code, running_stack.alive()) == (0, set())
    assert took < 8.0
    assert traces_since(stopped_at, running_stack) == []
