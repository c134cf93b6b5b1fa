"""What a CIF says of its formula against its sites."""

import numpy as np
import pytest

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.formula import check_formula, parse_formula

HYDROGEN, NITROGEN, OXYGEN, SODIUM = 1, 7, 8, 11


def cell(**counts: int) -> np.ndarray:
    numbers = {"H": HYDROGEN, "N": NITROGEN, "O": OXYGEN, "Na": SODIUM}
    return np.repeat(np.array([numbers[name] for name in counts], dtype=np.uint8), list(counts.values()))


@pytest.mark.parametrize(
    ("sites", "units"),
    [(cell(H=8, O=8), 4), (cell(Na=6, O=6), 3), (cell(N=8), 4), (cell(H=8, O=8), 8), (cell(Na=4, O=2), 2)],
)
def test_z_counts_the_formula_as_chemists_write_it(sites: np.ndarray, units: int) -> None:
    """pymatgen writes the whole cell as formula, and beside it Z of H2O2, Na2O2 or N2."""
    stated = {int(number): float((sites == number).sum()) for number in np.unique(sites)}
    check_formula(sites, stated, units)


@pytest.mark.parametrize(("sites", "units"), [(cell(H=8, O=8), 2), (cell(Na=4, O=2), 1), (cell(Na=8, N=8), 4)])
def test_any_other_z_is_refused(sites: np.ndarray, units: int) -> None:
    stated = {int(number): float((sites == number).sum()) for number in np.unique(sites)}
    if units == 1:
        stated = {number: amount / 2 for number, amount in stated.items()}
    with pytest.raises(InvalidStructureError, match="formula units contradicts"):
        check_formula(sites, stated, units)


def test_a_hydrate_is_no_formula_sum() -> None:
    assert parse_formula("CuSO4.5H2O") is None
    assert parse_formula("Cu S O4.5 H2 O") == {29: 1.0, 16: 1.0, 8: 5.5, 1: 2.0}
    assert parse_formula("Li0.5CoO2") == {3: 0.5, 27: 1.0, 8: 2.0}
