"""The whole product in pods, from a new installation to a tenant's first model. By itself: `make test-pods`.

Three nodes of Ray on two cores take longer than CI has for all of the chart (each head brings a dashboard of ten
processes), so this is not part of `make test`. On busy cores `ray start` gives up after 30 seconds; the pod is then
made again, as KubeRay does, within its startup probe's time, which grows with the load of the machine.
"""

import json
import os

import pytest
from installation import Installation
from sandbox import patience

from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.structures import structure_to_column

pytestmark = [
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not os.environ.get("EPITAXY_PODS_WITH_RAY"), reason="minutes: make test-pods"),
]
N_LABELS = 24


@pytest.fixture(scope="module")
def running(installation: Installation) -> Installation:
    """Everything, each part once what it needs is there."""
    installation.start_stores()
    installation.migrate()
    installation.start_prediction()
    assert installation.await_probes(["prediction-head"], ["readinessProbe"], patience(90)) == {}
    installation.deploy()
    installation.start_training()
    installation.start_services()
    return installation


def test_all_pods_become_ready(running: Installation) -> None:
    names = ["prediction-head", "prediction-cpu", "training-head", "finetune", "campaigns", "gateway"]
    faults = running.await_probes(names, ["startupProbe", "livenessProbe", "readinessProbe"], patience(240))
    assert faults == {}, running.texts()


def test_the_pod_of_helm_test_gets_its_prediction(running: Installation) -> None:
    pod = running.run_test_pod("test")
    assert pod.wait(patience(120)) == 0, pod.text()
    assert "formation_energy" in pod.text()


FINE_TUNE = """
import json, sys
from epitaxy.client import Client
with Client() as client:
    job = client.finetune(json.loads(ROWS), column="volume_a3", unit="A^3", name="volume",
                          strategies=["pool_median", "descriptor_forest"], max_seconds=120)
    result = job.wait()
print(result)
"""


def test_a_tenant_grows_a_model_of_its_own(running: Installation) -> None:
    rows = [
        {"structure": structure_to_column(crystal.structure), "volume_a3": float(crystal.structure.volume)}
        for crystal in bundled_crystals()[:N_LABELS]
    ]
    pod = running.run_test_pod("tenant", FINE_TUNE.replace("ROWS", repr(json.dumps(rows))))
    assert pod.wait(patience(400)) == 0, pod.text() + running.texts()
    assert "sha256:" in pod.text() or "version" in pod.text()
