import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from epitaxy.chassis.model_names import ModelName
from epitaxy.registry.mlflow_registry import MlflowRegistry
from epitaxy.registry.settings import RegistrySettings


@pytest.fixture
def new_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where no registry is yet."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path / "registry"


@pytest.fixture
def home(new_home: Path, empty_database: Path) -> Path:
    """Where an empty registry is."""
    new_home.mkdir()
    shutil.copy(empty_database, new_home / "mlflow.db")
    return new_home


@pytest.fixture
def registry(home: Path) -> MlflowRegistry:
    return MlflowRegistry(RegistrySettings(folder=home))


@pytest.fixture
def model() -> ModelName:
    return ModelName("acme", "my-tc")


@pytest.fixture
def files(tmp_path: Path) -> Callable[[str], Path]:
    """A folder of files that are a model, as far as a registry looks into them; another text is another model."""

    def make(text: str = "one") -> Path:
        folder = tmp_path / f"model-{text}"
        folder.mkdir(exist_ok=True)
        (folder / "card.json").write_text(f'{{"name": "{text}"}}')
        (folder / "model.safetensors").write_bytes(text.encode())
        return folder

    return make
