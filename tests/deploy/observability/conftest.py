"""The running product under a small load, and a Prometheus that scrapes it."""

import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from product import Product

from tools.dashboards.load import put_load_on
from tools.dashboards.prometheus import Prometheus


@pytest.fixture(scope="session")
def promtool() -> str:
    path = shutil.which("promtool")
    if path is None:
        pytest.skip("promtool is not installed: run tools/ensure_prometheus.sh")
    return path


@pytest.fixture(scope="module")
def scraped(product: Product, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that watches a stack at work, which it is until the last test."""
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed: run tools/ensure_prometheus.sh")
    folder = tmp_path_factory.mktemp("observed")
    prometheus = Prometheus(folder / "prometheus", product.endpoints())
    try:
        with ThreadPoolExecutor(1) as pool:
            ended = Event()
            load = pool.submit(put_load_on, product.target, folder / "load", lambda: not ended.is_set())
            try:
                yield prometheus
            finally:
                ended.set()
            assert load.result() > 0
    finally:
        prometheus.stop()
