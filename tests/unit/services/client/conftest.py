import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def _load_small_server() -> ModuleType:
    """The tests' own server; importlib mode puts no test folder on the path."""
    if "small_server" not in sys.modules:
        path = Path(__file__).with_name("small_server.py")
        spec = importlib.util.spec_from_file_location("small_server", path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules["small_server"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["small_server"])
    return sys.modules["small_server"]


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EPITAXY_TARGET", "EPITAXY_API_KEY", "EPITAXY_TLS_CA", "EPITAXY_TLS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def small_server() -> ModuleType:
    return _load_small_server()


@pytest.fixture
def faults(small_server: ModuleType) -> Any:
    return small_server.Faults()


@pytest.fixture
def target(small_server: ModuleType, faults: Any) -> Iterator[str]:
    with small_server.serving_in_thread(faults) as address:
        yield address


@pytest.fixture
def rock_salt() -> tuple[list[list[float]], list[str], list[list[float]]]:
    return [[0.0, 2.8, 2.8], [2.8, 0.0, 2.8], [2.8, 2.8, 0.0]], ["Na", "Cl"], [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]]
