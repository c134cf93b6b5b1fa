"""Processes as their pods would have them: user, no rights, read-only root, mounts, rendered variables, real stores."""

import json
import sys

import pytest
from installation import Installation
from sandbox import patience

STORES = ["redis", "postgres"]


@pytest.fixture(scope="module")
def running(installation: Installation) -> Installation:
    """Stores, tables, fine-tune API, campaign service and gateway; no Ray yet."""
    installation.start_stores()
    installation.migrated = [pod.text() for pod in installation.migrate()]
    installation.start_services()
    return installation


def test_the_containers_in_front_make_the_tables(running: Installation) -> None:
    assert len(running.migrated) == 2
    for text in running.migrated:
        assert json.loads(text.splitlines()[-1])["schema"] > 0


def test_every_process_starts_and_lives_by_its_own_probes(running: Installation) -> None:
    names = [*STORES, "finetune", "campaigns", "gateway"]
    faults = running.await_probes(names, ["startupProbe", "livenessProbe"], patience(90))
    assert faults == {}, running.texts()


def test_what_needs_ray_is_alive_and_says_that_it_is_not_ready(running: Installation) -> None:
    faults = running.await_probes(["finetune", "gateway"], ["readinessProbe"], 1.0)
    assert set(faults.values()) == {"NOT_SERVING"}, running.texts()


def test_campaigns_need_no_ray_to_be_ready(running: Installation) -> None:
    assert running.await_probes(["campaigns"], ["readinessProbe"], patience(30)) == {}, running.texts()


LOOK = """
import json, os, pathlib
def refused(path):
    try:
        pathlib.Path(path).touch()
    except OSError as error:
        return error.strerror
status = dict(line.split(":", 1) for line in open("/proc/self/status") if line.startswith(("Cap", "NoNewPrivs")))
print(json.dumps({
    "user": [os.getuid(), os.getgid()], "status": {key: value.strip() for key, value in status.items()},
    "refused": {path: refused(path) for path in ("/etc/x", "/usr/x", "/var/x", "/x", "PREFIX/x")},
    "scratch": refused("/tmp/x"), "variables": sorted(os.environ),
}))
"""


def test_a_container_can_do_nothing_but_what_its_pod_grants(running: Installation) -> None:
    pod = running.run_test_pod("test", LOOK.replace("PREFIX", sys.prefix))
    assert pod.wait(patience(60)) == 0, pod.text()
    seen = json.loads(pod.text().splitlines()[-1])
    assert seen["user"] == [10001, 10001]
    assert seen["status"].pop("NoNewPrivs") == "1"
    assert {int(value, 16) for value in seen["status"].values()} == {0}
    assert set(seen["refused"].values()) == {"Read-only file system"}
    assert seen["scratch"] is None
    assert {"EPITAXY_TARGET", "EPITAXY_API_KEY"} <= set(seen["variables"])


def test_the_tenants_key_opens_the_gateway_and_another_does_not(running: Installation) -> None:
    script = (
        "import grpc, os\n"
        "from epitaxy.api.models.v1 import models_pb2, models_pb2_grpc\n"
        "for key in (os.environ['EPITAXY_API_KEY'], 'epx_' + '0' * 40):\n"
        "    stub = models_pb2_grpc.ModelServiceStub(grpc.insecure_channel(os.environ['EPITAXY_TARGET']))\n"
        "    try:\n"
        "        metadata = [('authorization', 'Bearer ' + key)]\n"
        "        stub.ListModels(models_pb2.ListModelsRequest(), timeout=20, metadata=metadata)\n"
        "    except grpc.RpcError as error:\n"
        "        print(error.code().name)\n"
    )
    pod = running.run_test_pod("tenant", script)
    assert pod.wait(patience(90)) == 0, pod.text()
    # Without Ray there is nobody behind the gateway; who may not come in is told so before.
    assert pod.text().split() == ["UNAVAILABLE", "UNAUTHENTICATED"]
