"""However a stack ends, nothing that it started outlives it."""

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from product import eventually
from stack_process import StackProcess

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


def test_losing_ray_ends_the_stack_with_its_reason(start_stack: StartStack) -> None:
    stack = start_stack()
    stack.await_ready()
    os.kill(json.loads((stack.home / "endpoints.json").read_text())["ray"]["pids"]["raylet"], signal.SIGKILL)
    assert stack.process.wait(30) == 1
    assert "raylet of Ray has died" in stack.stderr
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
