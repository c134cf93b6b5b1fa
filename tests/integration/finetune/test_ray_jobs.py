"""Jobs on a real Ray: they outlive the service, and a lost worker's job begins again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from service_caller import SECRET

from epitaxy.api.finetune.v1 import finetune_pb2 as pb
from epitaxy.api.finetune.v1 import finetune_pb2_grpc
from epitaxy.finetune.work.ray_runner import NAMESPACE
from epitaxy.stack.ports import free_ports

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

METADATA = (("x-tenant", "acme"), ("x-gateway-secret", SECRET))


class ServiceProcess:
    """``python -m epitaxy.finetune`` as a child that can be killed and started again on the same state."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        (port, metrics_port) = free_ports(2)
        own = {"EPITAXY_FINETUNE_PORT": str(port), "EPITAXY_FINETUNE_METRICS_PORT": str(metrics_port)}
        self._environment = {**os.environ, **environment, **own}
        self._log = log
        self._target = f"127.0.0.1:{port}"
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            command = [sys.executable, "-m", "epitaxy.finetune"]
            self.process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def call(self, method: str, request: Any) -> Any:
        with grpc.insecure_channel(self._target) as channel:
            stub = finetune_pb2_grpc.FineTuneServiceStub(channel)
            return getattr(stub, method)(request, metadata=METADATA, timeout=120, wait_for_ready=True)

    def job(self, job_id: str) -> Any:
        return self.call("GetFineTuneJob", pb.GetFineTuneJobRequest(job_id=job_id)).job

    def await_job(self, job_id: str, is_so: Callable[[Any], bool]) -> Any:
        limit = time.monotonic() + 240
        while time.monotonic() < limit:
            job = self.job(job_id)
            if is_so(job):
                return job
            time.sleep(0.2)
        raise AssertionError(f"not in time: {job}\n{self._log.read_text()[-4000:]}")


@pytest.fixture(scope="module")
def process(ray_node: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    home = tmp_path_factory.mktemp("service")
    (home / "secret").write_text(SECRET)
    environment = {
        "EPITAXY_FINETUNE_FOLDER": str(home / "state"),
        "EPITAXY_FINETUNE_GATEWAY_SECRET_FILE": str(home / "secret"),
        "EPITAXY_FINETUNE_RAY_ADDRESS": ray_node,
        "EPITAXY_FINETUNE_TRANSFER": "small_transfer:build",
        "EPITAXY_FINETUNE_RECONCILE_SECONDS": "0.5",
        "EPITAXY_FINETUNE_QUOTA": '{"max_active_jobs": 10}',
        "EPITAXY_REGISTRY_FOLDER": str(home / "registry"),
    }
    running = ServiceProcess(environment, home / "log")
    yield running
    running.kill()


@pytest.fixture
def gate(ray_node: str) -> Iterator[Path]:
    """Jobs that are slow hurry up once it exists."""
    path = Path(os.environ["SMALL_TRANSFER_GATE"])
    path.unlink(missing_ok=True)
    yield path
    path.touch()


@pytest.fixture
def training(process: ServiceProcess, gate: Path, new_request: Callable[..., Any]) -> Any:
    """A job whose worker is at work."""
    job = process.call("CreateFineTuneJob", new_request("slow")).job
    return process.await_job(job.id, lambda job: job.state == pb.JOB_STATE_TRAINING)


def actor_names() -> set[str]:
    from ray.util import list_named_actors

    return {actor["name"] for actor in list_named_actors(all_namespaces=True) if actor["namespace"] == NAMESPACE}


def test_a_job_outlives_the_service_that_started_it(process: ServiceProcess, training: Any, gate: Path) -> None:
    process.kill()
    gate.touch()
    process.start()
    done = process.await_job(training.id, lambda job: job.state == pb.JOB_STATE_SUCCEEDED)
    assert (done.attempts, done.result.strategy) == (1, "pool_median")


def test_a_lost_worker_begins_again_and_finishes(process: ServiceProcess, training: Any, gate: Path) -> None:
    os.kill(int(training.progress.metrics["pid"]), signal.SIGKILL)
    process.await_job(training.id, lambda job: job.attempts == 2)
    gate.touch()
    done = process.await_job(training.id, lambda job: job.state == pb.JOB_STATE_SUCCEEDED)
    assert done.attempts == 2


def test_a_job_whose_cluster_forgot_it_is_taken_up_again(process: ServiceProcess, training: Any, gate: Path) -> None:
    import ray

    process.kill()
    ray.kill(ray.get_actor(training.id, namespace=NAMESPACE), no_restart=True)
    gate.touch()
    process.start()
    done = process.await_job(training.id, lambda job: job.state == pb.JOB_STATE_SUCCEEDED)
    assert done.attempts == 2


def test_a_cancelled_job_frees_its_worker(process: ServiceProcess, training: Any) -> None:
    cancelled = process.call("CancelFineTuneJob", pb.CancelFineTuneJobRequest(job_id=training.id)).job
    assert cancelled.state == pb.JOB_STATE_CANCELLED
    limit = time.monotonic() + 30
    while training.id in actor_names():
        assert time.monotonic() < limit
        time.sleep(0.1)
    assert process.job(training.id) == cancelled
