"""However a stack ends, nothing that it started outlives it."""

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from product import eventually
from small_disk import mounted
from stack_process import StackProcess

from epitaxy.api.models.v1 import models_pb2, models_pb2_grpc
from epitaxy.stack.home import StackHome

pytestmark = pytest.mark.stack

StartStack = Callable[..., StackProcess]
STOP_SECONDS = 8.0


@pytest.mark.parametrize(("number", "seconds"), [(signal.SIGINT, 0.6), (signal.SIGTERM, 2.0), (signal.SIGINT, 5.0)])
def test_a_signal_during_start_up_leaves_no_process(start_stack: StartStack, number: int, seconds: float) -> None:
    stack = start_stack()
    assert eventually(lambda: len(stack.alive()) > 1, seconds=30)
    time.sleep(seconds)
    exit_code, took = stack.interrupt(number)
    # 0 if a fast machine was ready already.
    assert exit_code in {128 + number, 0}, stack.stderr
    assert stack.alive() == set()
    assert took < STOP_SECONDS
    assert not (stack.home / "endpoints.json").exists()


def test_children_follow_a_killed_supervisor(start_stack: StartStack, tmp_path: Path) -> None:
    # A path of which no socket name fits and that Ray cannot write as ASCII, and no redis-server to be found.
    home = tmp_path / ("deep ü" * 15)
    stack = start_stack(home, environment={"PATH": str(Path(sys.executable).parent)})
    stack.await_ready()
    assert "redis-server is not installed" in stack.stderr
    stack.process.kill()
    assert eventually(lambda: not stack.alive(), seconds=5)
    # What it left behind goes with the next stack of the same home.
    with StackHome(home) as taken_over:
        assert list(taken_over.run.iterdir()) == []
    assert not taken_over.run.exists()


def endpoints(stack: StackProcess) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((stack.home / "endpoints.json").read_text())
    return found


def is_serving(address: str) -> bool:
    with grpc.insecure_channel(address) as channel:
        try:
            models_pb2_grpc.ModelServiceStub(channel).ListModels(models_pb2.ListModelsRequest(), timeout=5)
        except grpc.RpcError:
            return False
    return True


def agent_of_ray(stack: StackProcess) -> int:
    """Process id of the agent beside the raylet."""
    commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in stack.alive()}
    [agent] = [pid for pid, command in commands.items() if b"dashboard/agent.py" in command]
    return agent


def test_a_full_disk_is_lived_with_and_ray_is_started_once_more_if_it_is_lost(
    start_stack: StartStack, tmp_path: Path
) -> None:
    with mounted(tmp_path / "disk", 256 << 20) as disk:
        stack = start_stack(disk.folder / "home")
        address = stack.await_ready()
        disk.fill()
        os.kill(before := endpoints(stack)["gateway"]["pid"], signal.SIGKILL)
        assert eventually(lambda: "it is written once that is possible, and the stack goes on" in stack.stderr, 20)
        assert eventually(lambda: is_serving(address), 30)
        assert stack.process.poll() is None
        disk.make_room()
        assert eventually(lambda: endpoints(stack)["gateway"]["pid"] != before, 10)

        gone = endpoints(stack)["ray"]["pids"]
        os.kill(agent_of_ray(stack), signal.SIGKILL)
        assert eventually(lambda: "starting Ray and the application once more" in stack.stderr, 60)
        assert eventually(lambda: endpoints(stack)["ray"]["pids"] != gone and is_serving(address), 120), stack.stderr
        assert stack.process.poll() is None

        # Again within minutes: what takes it away does not pass.
        os.kill(endpoints(stack)["ray"]["pids"]["gcs_server"], signal.SIGKILL)
        assert stack.process.wait(30) == 1
        assert "gcs_server of Ray has died" in stack.stderr
        assert "it had been started once more already" in stack.stderr
        assert stack.alive() == set()


def test_an_application_that_cannot_start_ends_the_stack_with_its_reason(start_stack: StartStack) -> None:
    stack = start_stack(application="build_broken")
    assert stack.process.wait(120) == 1
    assert "the weights are damaged" in stack.stderr
    assert stack.stdout == ""
    assert stack.alive() == set()


def test_a_taken_port_is_refused_in_one_line(start_stack: StartStack) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        stack = start_stack(port=port)
        assert stack.process.wait(30) == 1
    assert stack.stderr == (
        f"epitaxy: port {port} of 127.0.0.1 is in use: stop what listens there, or choose another with --port\n"
    )
