"""The running product under a small load, and a Prometheus that has scraped it; both started once."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[3]))
sys.path.insert(0, str(Path(__file__).parents[2] / "integration" / "screening"))

from product import Product

from tools.dashboards.load import put_load_on
from tools.dashboards.prometheus import Prometheus

# Ray's workers hand their figures over every ten seconds: two of them make a rate.
LOAD_SECONDS = 45.0


@pytest.fixture(scope="session")
def promtool() -> str:
    path = shutil.which("promtool")
    if path is None:
        pytest.skip("promtool is not installed: run tools/ensure_prometheus.sh")
    return path


@pytest.fixture(scope="session")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has watched a stack work for a while, and goes on doing so."""
    for program in ("prometheus", "redis-server"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: run tools/ensure_{program.partition('-')[0]}.sh")
    folder = tmp_path_factory.mktemp("observed")
    with pytest.MonkeyPatch.context() as environment:
        for name in [name for name in os.environ if name.startswith("EPITAXY_")]:
            environment.delenv(name)
        product = Product(folder / "home")
    try:
        prometheus = Prometheus(folder / "prometheus", product.endpoints())
        try:
            put_load_on(product.target, folder / "load", LOAD_SECONDS)
            yield prometheus
        finally:
            prometheus.stop()
    finally:
        product.stop()
