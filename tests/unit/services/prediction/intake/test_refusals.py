"""Every reason for which intake refuses reaches the caller, and every neighbour is answered."""

import json

import numpy as np
import pytest
from prediction_rig import MAX_SITES, poscar, rock_salt

from epitaxy.prediction.domain import Accepted, Refusal, TextSource
from epitaxy_models.structures import RefusalReason, Structure, TextFormat

CIF = """data_salt
_chemical_formula_sum 'Na Cl'
_cell_length_a 5.640
_cell_length_b 5.640
_cell_length_c 5.640
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F m -3 m'
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Na 0 0 0 1
Cl 0.5 0.5 0.5 1
"""


def cif(old="", new=""):
    assert old in CIF
    return TextSource(TextFormat.CIF, CIF.replace(old, new, 1))


def structure(lattice=None, numbers=(11, 17), coords=((0.0, 0.0, 0.0), (0.5, 0.5, 0.5))):
    lattice = 4.0 * np.eye(3) if lattice is None else lattice
    return Structure(lattice, np.array(numbers, dtype=np.uint8), np.array(coords, dtype=float).reshape(-1, 3))


SOURCES = {
    "PARTIAL_OCCUPANCY": cif("0 0 0 1", "0 0 0 0.5"),
    "UNKNOWN_ELEMENT": structure(numbers=(11, 0)),
    "OVERLAPPING_ATOMS": structure(coords=((0, 0, 0), (0.05, 0.05, 0.05))),
    "NON_FINITE": structure(coords=((0, 0, 0), (0.5, np.nan, 0.5))),
    "DEGENERATE_CELL": structure(lattice=np.array([[4.0, 0, 0], [0, 4.0, 0], [4.0, 4.0, 0]])),
    "EMPTY_STRUCTURE": structure(numbers=(), coords=()),
    "TOO_MANY_ATOMS": structure(numbers=(14,) * (MAX_SITES + 1), coords=np.zeros((MAX_SITES + 1, 3))),
    "TRUNCATED_FILE": cif("Cl 0.5 0.5 0.5 1", "Cl 0.5"),
    "FORMULA_MISMATCH": cif("'Na Cl'", "'Na Cl3'"),
    "SYMMETRY_MISMATCH": cif("_cell_length_c 5.640", "_cell_length_c 6.5"),
    "MALFORMED_BLOCK": structure(coords=((0, 0, 0),)),
    "UNREADABLE": TextSource(TextFormat.PYMATGEN_JSON, json.dumps({"sites": None})),
    "TOO_LARGE": TextSource(TextFormat.EXTXYZ, "1\n" * 4_000_000),
    "UNSUPPORTED_ELEMENT": structure(numbers=(11, 84)),
    "MISSING_ATOMS": TextSource(
        TextFormat.CIF,
        CIF.replace("_atom_site_occupancy", "_atom_site_attached_hydrogens"),
    ),
    "MODULATED_STRUCTURE": cif("_cell_length_a", "_cell_modulation_dimension 1\n_cell_length_a"),
    "NOT_PERIODIC": TextSource(TextFormat.EXTXYZ, '1\nLattice="4 0 0 0 4 0 0 0 4" pbc="T T F"\nNa 0 0 0\n'),
}
# Several structures are refused for labels alone: a prediction takes the first, and sends it to review.
_OF_LABELS = {RefusalReason.SEVERAL_STRUCTURES.value}


def test_every_reason_has_an_example():
    assert set(SOURCES) == {reason.value for reason in RefusalReason} - _OF_LABELS | {"UNSUPPORTED_ELEMENT"}


@pytest.mark.parametrize("reason", SOURCES)
async def test_a_bad_structure_is_refused_with_its_reason_and_its_neighbours_are_answered(rig, reason):
    subject = rig()
    block = await subject.evaluate([cif(), SOURCES[reason], poscar(rock_salt())])
    refusal = block.answers[1].outcome
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.is_retryable) == (reason, False)
    assert refusal.message
    assert "\n" not in refusal.message
    assert [type(block.answers[index].outcome) for index in (0, 2)] == [Accepted, Accepted]
    assert subject.metrics.outcomes == {("answered", ""): 2, ("refused", reason): 1}


async def test_all_bad_structures_together_leave_one_good_one_alone(rig):
    block = await rig().evaluate([*SOURCES.values(), rock_salt()])
    assert [answer.outcome.reason for answer in block.answers[:-1]] == list(SOURCES)
    assert block.answers[-1].row == 0
    assert np.isfinite(block.prediction.values).all()
