from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import torch

from epitaxy_models.structures import Structure, structure_from_column

MATERIALS_PROJECT = Path(__file__).resolve().parents[4].parent / "shared" / "data" / "mp_general.parquet"


@pytest.fixture(scope="package", autouse=True)
def single_thread() -> Iterator[None]:
    """Small batches gain nothing from threads and lose much where cores are shared."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="package")
def materials_project() -> pd.DataFrame:
    """Structures of up to 60 sites, with formula and number of sites."""
    if not MATERIALS_PROJECT.exists():
        pytest.skip("the Materials Project table of the shared data sets is absent")
    table = pd.read_parquet(MATERIALS_PROJECT, columns=["structure", "formula", "nsites"])
    return table[table["nsites"] <= 60]


@pytest.fixture(scope="package")
def shared_structures(materials_project: pd.DataFrame) -> list[Structure]:
    """300 Materials Project crystals."""
    return [structure_from_column(text) for text in materials_project.sample(300, random_state=11)["structure"]]


@pytest.fixture(scope="package")
def many_structures(materials_project: pd.DataFrame) -> list[Structure]:
    """2,500 other Materials Project crystals, of which 2,000 or so have up to 30 sites."""
    return [structure_from_column(text) for text in materials_project.sample(2500, random_state=12)["structure"]]


@pytest.fixture(scope="package")
def shared_polymorphs(materials_project: pd.DataFrame) -> list[Structure]:
    """3,000 Materials Project crystals whose formula and number of sites another one has too."""
    twins = materials_project[materials_project.duplicated(["formula", "nsites"], keep=False)]
    return [structure_from_column(text) for text in twins.sort_values(["formula", "nsites"]).head(3000)["structure"]]
