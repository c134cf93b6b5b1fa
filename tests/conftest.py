"""The running product, which the tests of several folders share: starting it takes half a minute."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))

from product import OneProduct, Product
from small_disk import SmallDisk, mounted

# Whoever starts the tests in the background of a shell has them ignore Ctrl-C, and what they start inherits that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


_STARTING_RAY = {"one_product", "ray_node", "running_stack", "start_stack"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuses a test that starts Ray without saying so: `make test-fast` would run it."""
    for item in items:
        markers = {marker.name for marker in item.iter_markers()}
        if _STARTING_RAY & set(getattr(item, "fixturenames", ())) and not markers & {"stack", "pretraining"}:
            raise pytest.UsageError(f"{item.nodeid} starts Ray: mark it with stack or pretraining")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk of 16 MiB."""
    with mounted(tmp_path / "disk", 16 << 20) as disk:
        yield disk


@pytest.fixture(scope="session")
def one_product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneProduct]:
    kept = OneProduct(tmp_path_factory.mktemp("product"))
    try:
        yield kept
    finally:
        kept.stop()


@pytest.fixture(scope="module")
def product(one_product: OneProduct) -> Product:
    """It serves whoever reaches it."""
    return one_product.running()
