import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from epitaxy.registry.mlflow_registry import MlflowRegistry
from epitaxy.registry.settings import RegistrySettings

# The tests' own servers lie there; importlib mode puts no test folder on the path.
sys.path.insert(0, str(Path(__file__).parent / "client"))


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's tables without rows: making them takes longer than most tests."""
    folder = tmp_path_factory.mktemp("registry")
    MlflowRegistry(RegistrySettings(folder=folder, tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")).list("nobody")
    return folder / "mlflow.db"


@pytest.fixture
def small_server() -> ModuleType:
    import small_server  # not before a test asks for it

    return small_server


@pytest.fixture
def faults(small_server: ModuleType) -> Any:
    return small_server.Faults()


@pytest.fixture
def target(small_server: ModuleType, faults: Any) -> Iterator[str]:
    with small_server.serving_in_thread(faults) as address:
        yield address
