"""Situations from public reports, if the folder with their files is beside the checkout."""

from pathlib import Path

import pytest

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures import TextFormat, read_text

CASES = Path(__file__).parents[4].parent / "shared" / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the folder of shared cases is absent")

READ = {
    "identity_op_contradicts_F_m-3m_and_multiplicity.cif": ("ClNa", 8, ["CHOSEN_SYMMETRY"]),
    "magcif_operations_ignored.cif": ("F3KMn", 10, ["DROPPED_MAGNETISM"]),
    "name_H_M_underscore_read_as_P1.cif": ("ClNa", 8, []),
    "space_group_name_HM_plain_read_as_P1.cif": ("ClNa", 8, []),
    "POSCAR.glued_numbers_called_truncated": ("O2Ti", 3, ["SPLIT_GLUED_NUMBERS", "WRAPPED_COORDINATES"]),
}
REFUSED = {
    "attached_hydrogens_dropped.cif": "MISSING_ATOMS",
    "disorder_groups_without_occupancy_all_kept.cif": "PARTIAL_OCCUPANCY",
    "hall_and_hm_name_two_origins.cif": "SYMMETRY_MISMATCH",
}


def read(name: str):
    text_format = TextFormat.CIF if name.endswith(".cif") else TextFormat.POSCAR
    return read_text((CASES / name).read_text(), text_format)


@pytest.mark.parametrize("name", READ)
def test_case_is_read_as_it_should_be(name):
    intake = read(name)
    told = [one.code for one in (*intake.repairs, *intake.notes)]
    assert (intake.structure.reduced_formula, intake.structure.n_sites, told) == READ[name]


@pytest.mark.parametrize("name", REFUSED)
def test_case_is_refused_as_it_should_be(name):
    with pytest.raises(InvalidStructureError, match=r".{10,}") as error:
        read(name)
    assert error.value.reason == REFUSED[name]
