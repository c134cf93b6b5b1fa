import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from product import Product


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """One running product for all tests here; its teardown checks that Ctrl-C leaves no process behind."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    running = Product(tmp_path_factory.mktemp("product") / "home")
    try:
        yield running
    finally:
        running.stop()
