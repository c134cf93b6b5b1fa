import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "unit" / "services" / "prediction"))

from epitaxy_models.data.synthetic_labels import DISTANCE_COLUMN, WAVE_COLUMN, synthetic_table


@pytest.fixture(scope="package")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled crystals with computed labels; one row has no label at all."""
    frame = synthetic_table()
    frame.loc[3, [DISTANCE_COLUMN, WAVE_COLUMN]] = float("nan")
    path = tmp_path_factory.mktemp("data") / "crystals.parquet"
    frame.to_parquet(path, index=False)
    return path


@pytest.fixture(scope="package")
def ray_node() -> Iterator[None]:
    """One private Ray for all tests here."""
    import ray
    from private_ray import start_ray

    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
    start_ray(2)
    yield
    ray.shutdown()


@pytest.fixture(scope="package", autouse=True)
def single_thread() -> Iterator[None]:
    """Small batches gain nothing from threads and lose much where cores are shared."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
