import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

# The tests' own servers lie there; importlib mode puts no test folder on the path.
sys.path.insert(0, str(Path(__file__).parent / "client"))
sys.path.insert(0, str(Path(__file__).parent / "finetune"))

from postgres_process import PostgresProcess

from epitaxy.registry.mlflow_registry import MlflowRegistry
from epitaxy.registry.settings import RegistrySettings


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's tables without rows: making them takes longer than most tests."""
    folder = tmp_path_factory.mktemp("registry")
    MlflowRegistry(RegistrySettings(folder=folder, tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")).list("nobody")
    return folder / "mlflow.db"


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresProcess]:
    if not PostgresProcess.is_installed() or find_spec("psycopg") is None:
        pytest.skip("Postgres or psycopg is not installed")
    # A socket's path is short.
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        running = PostgresProcess(Path(folder))
        yield running
        running.stop()


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
