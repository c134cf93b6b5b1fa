import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from epitaxy_models.structures import Structure, structure_from_column

HERE = Path(__file__).parent
# cif_texts.py writes the CIFs of several files of tests.
sys.path.insert(0, str(HERE))
MATERIALS_PROJECT = HERE.parents[3].parent / "shared" / "data" / "mp_general.parquet"
NEIGHBOUR_RADIUS_ANGSTROM = 5.0

Fingerprint = list[tuple[int, NDArray[np.float64]]]


@pytest.fixture(scope="session")
def prototypes() -> dict[str, str]:
    return {path.stem: path.read_text() for path in sorted((HERE / "prototypes").glob("*.cif"))}


@pytest.fixture(scope="session")
def real_structures() -> list[Structure]:
    """80 Materials Project crystals of up to 60 sites."""
    if not MATERIALS_PROJECT.exists():
        pytest.skip("the Materials Project table of the shared data sets is absent")
    import pandas as pd

    table = pd.read_parquet(MATERIALS_PROJECT, columns=["structure", "nsites"])
    small = table[table["nsites"] <= 60].sample(80, random_state=7)
    return [structure_from_column(text) for text in small["structure"]]


@pytest.fixture(scope="session")
def to_pymatgen() -> Callable[[Structure], object]:
    from pymatgen.core import Lattice
    from pymatgen.core import Structure as PymatgenStructure

    def convert(structure: Structure) -> object:
        return PymatgenStructure(
            Lattice(structure.lattice), structure.atomic_numbers.tolist(), structure.frac_coords, to_unit_cell=True
        )

    return convert


@pytest.fixture(scope="session")
def neighbour_distances() -> Callable[[object], Fingerprint]:
    """Per site: atomic number and the sorted distances to its neighbours by species, computed by pymatgen."""

    def fingerprint(crystal: object) -> Fingerprint:
        centres, neighbours, _, distances = crystal.get_neighbor_list(NEIGHBOUR_RADIUS_ANGSTROM)
        numbers = np.array([site.specie.Z for site in crystal])
        sites = []
        for index, number in enumerate(numbers):
            mine = centres == index
            keyed = np.column_stack([numbers[neighbours[mine]] * 100.0, distances[mine]]).sum(axis=1)
            sites.append((int(number), np.sort(keyed)))
        return sites

    return fingerprint


@pytest.fixture(scope="session")
def same_crystal(to_pymatgen, neighbour_distances) -> Callable[[Structure, object, float], bool]:
    """Whether a structure of ours has the composition and the neighbour distances of a pymatgen one."""

    def compare(ours: Structure, theirs: object, tolerance: float) -> bool:
        mine, other = neighbour_distances(to_pymatgen(ours)), neighbour_distances(theirs)
        if sorted(number for number, _ in mine) != sorted(number for number, _ in other):
            return False
        return all(any(number == n and _agree(distances, d, tolerance) for n, d in other) for number, distances in mine)

    return compare


def _agree(first: NDArray[np.float64], second: NDArray[np.float64], tolerance: float) -> bool:
    # A neighbour on the edge of the sphere may fall on either side of it: compare what both see.
    first, second = (keyed[keyed % 100 < NEIGHBOUR_RADIUS_ANGSTROM - 2 * tolerance] for keyed in (first, second))
    return len(first) == len(second) and bool(np.allclose(first, second, rtol=0, atol=tolerance))


@pytest.fixture
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
