from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from epitaxy_models.structures import Structure, structure_from_column

MATERIALS_PROJECT = Path(__file__).resolve().parents[4].parent / "shared" / "data" / "mp_general.parquet"
N_SHARED = 3000


@pytest.fixture(scope="package", autouse=True)
def single_thread() -> Iterator[None]:
    """Small batches gain nothing from threads and lose much where cores are shared."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="package")
def shared_structures() -> list[Structure]:
    """3,000 Materials Project crystals of up to 60 sites."""
    if not MATERIALS_PROJECT.exists():
        pytest.skip("the Materials Project table of the shared data sets is absent")
    import pandas as pd

    table = pd.read_parquet(MATERIALS_PROJECT, columns=["structure", "nsites"])
    small = table[table["nsites"] <= 60].sample(N_SHARED, random_state=11)
    return [structure_from_column(text) for text in small["structure"]]
