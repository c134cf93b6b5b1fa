from pathlib import Path

import pytest

from epitaxy.registry.mlflow_registry import MlflowRegistry
from epitaxy.registry.settings import RegistrySettings


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's tables without rows: making them takes longer than most tests."""
    folder = tmp_path_factory.mktemp("registry")
    MlflowRegistry(RegistrySettings(folder=folder, tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")).list("nobody")
    return folder / "mlflow.db"
