"""The running product, which the tests of several folders share: starting it takes half a minute."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))

from product import OneProduct, Product

# Whoever starts the tests in the background of a shell has them ignore Ctrl-C, and what they start inherits that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


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
