import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from product import OneProduct
from stack_process import StackProcess

StartStack = Callable[..., StackProcess]


@pytest.fixture(scope="session", autouse=True)
def _alone(one_product: OneProduct) -> None:
    """Endings have limits of seconds."""
    one_product.stop()


@pytest.fixture
def start_stack(tmp_path: Path) -> Iterator[StartStack]:
    started: list[StackProcess] = []

    def start(home: Path | None = None, **options: Any) -> StackProcess:
        stack = StackProcess(home or tmp_path / "home", **options)
        started.append(stack)
        return stack

    yield start
    for stack in started:
        stack.destroy()


@pytest.fixture(scope="module")
def running_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackProcess]:
    stack = StackProcess(tmp_path_factory.mktemp("stack") / "home")
    try:
        stack.await_ready()
        yield stack
    finally:
        stack.destroy()
