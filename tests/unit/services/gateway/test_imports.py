import subprocess
import sys
from pathlib import Path

import pytest

GATEWAY = Path(__file__).parents[4] / "services" / "epitaxy" / "gateway"
# NumPy is no science: searches and answers as columns count with it.
HEAVY = {"torch", "ray", "pymatgen", "scipy", "sklearn", "pandas", "redis"}
# Of the science the edge knows the errors and the bounds of a coverage.
LIGHT_SCIENCE = {
    "epitaxy_models", "epitaxy_models.errors", "epitaxy_models.calibration", "epitaxy_models.calibration.coverage"
}  # fmt: skip
CORES = ("domain", "ports", "service", "window", "retry", "quotas", "model_access")
MEASUREMENT_CORES = ("measurements.domain", "measurements.ports", "measurements.service")
INFRASTRUCTURE = ("grpc", "google.protobuf", "prometheus_client", "epitaxy.api")


def modules_loaded_by(module):
    script = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    return set(loaded.stdout.split())


def test_the_gateway_loads_none_of_the_science():
    loaded = modules_loaded_by("epitaxy.gateway.server")
    assert not HEAVY & loaded
    assert {name for name in loaded if name.startswith("epitaxy_models")} <= LIGHT_SCIENCE


@pytest.mark.parametrize("core", [*CORES, *MEASUREMENT_CORES])
def test_a_core_loads_no_infrastructure_not_even_by_way_of_another_module(core):
    loaded = modules_loaded_by(f"epitaxy.gateway.{core}")
    assert [name for name in loaded if name.startswith(INFRASTRUCTURE)] == []


def test_the_cores_are_where_this_test_looks():
    assert all((GATEWAY / f"{name.replace('.', '/')}.py").is_file() for name in (*CORES, *MEASUREMENT_CORES))
