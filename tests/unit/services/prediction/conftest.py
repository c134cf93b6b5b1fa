import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))

from prediction_rig import Rig
from tenant_rig import TenantRig

from epitaxy.prediction.cache.tiers import TieredEmbeddings
from epitaxy.prediction.tenants.lanes import LaneLimits
from epitaxy.registry.mlflow_registry import MlflowRegistry
from epitaxy.registry.settings import RegistrySettings
from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.ensembles.artifact import ModelArtifact, load_artifact, shipped_model
from epitaxy_models.ensembles.embedder import Embedder
from epitaxy_models.structures import Structure

LIMITS = LaneLimits(threads=3, threads_each=1, max_waiting_each=16, timeout_seconds=60.0)


@pytest.fixture(scope="session")
def artifact() -> ModelArtifact:
    return load_artifact(shipped_model())


@pytest.fixture(scope="session")
def embedder(artifact: ModelArtifact) -> Embedder:
    torch.set_num_threads(1)
    return Embedder(artifact)


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=1) as pool:
        yield pool


@pytest.fixture(scope="session")
def crystals() -> list[Structure]:
    """40 real compounds of many structure types, each another crystal."""
    small = [crystal.structure for crystal in bundled_crystals() if crystal.structure.n_sites <= 40]
    return small[:: len(small) // 40][:40]


@pytest.fixture
def rig(artifact: ModelArtifact, embedder: Embedder, executor: ThreadPoolExecutor) -> Callable[..., Rig]:
    def build(store: Any = None, backend: Any = None, readings_bytes: int = 0) -> Rig:
        return Rig(artifact, embedder, executor, store or TieredEmbeddings(64 * 2**20, None), backend, readings_bytes)

    return build


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("registry")
    MlflowRegistry(RegistrySettings(folder=folder, tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")).list("nobody")
    return folder / "mlflow.db"


@pytest.fixture
def tenants(
    rig: Callable[..., Rig], tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch
) -> TenantRig:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    home = tmp_path / "registry"
    home.mkdir()
    shutil.copy(empty_database, home / "mlflow.db")
    return TenantRig(rig(), MlflowRegistry(RegistrySettings(folder=home)), tmp_path, LIMITS)
