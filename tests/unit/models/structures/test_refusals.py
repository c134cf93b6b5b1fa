"""Every reason for a refusal, in every format that can have it; messages carry numbers and a remedy."""

import json
import re

import numpy as np
import pytest

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures import IntakeLimits, Structure, TextFormat, check_structure, read_text

GOOD_CIF = """data_good
_chemical_formula_sum 'Na Cl'
_cell_formula_units_Z 4
_cell_length_a 5.640
_cell_length_b 5.640
_cell_length_c 5.640
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F m -3 m'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Na1 Na 0 0 0 1
Cl1 Cl 0.5 0.5 0.5 1
"""
# Name: what to replace by what, reason, a part of the message.
BROKEN_CIFS = {
    "half occupied": ("0 0 0 1\n", "0 0 0 0.5\n", "PARTIAL_OCCUPANCY", r"site 1 \(Na1\) has occupancy 0\.5"),
    "two species on one site": ("0 0 0 1\n", "0 0 0 1\nK1 K 0 0 0 1\n", "PARTIAL_OCCUPANCY", r"Na1.*K1.*share one"),
    "unknown element": ("Na1 Na", "Na1 Xx", "UNKNOWN_ELEMENT", r"site 1 \(Na1\) has the species 'Xx'"),
    "vacancy label": ("Na1 Na", "Vac1 ?", "UNKNOWN_ELEMENT", r"'Vac1'"),
    "overlap": ("0 0 0 1\n", "0 0 0 1\nCl2 Cl 0.03 0.03 0.03 1\n", "OVERLAPPING_ATOMS", r"0\.\d+ Angstrom apart"),
    "coordinate nan": ("0 0 0 1\n", "0 nan 0 1\n", "NON_FINITE", r"coordinate y of site 1 \(Na1\) is nan"),
    "coordinate unknown": ("0 0 0 1\n", "0 0 ? 1\n", "NON_FINITE", r"coordinate z of site 1 \(Na1\)"),
    "length overflow": ("_cell_length_b 5.640", "_cell_length_b 1e999", "NON_FINITE", r"cell lengths .*inf"),
    "zero length": ("_cell_length_a 5.640", "_cell_length_a 0", "DEGENERATE_CELL", r"cell lengths 0, 5\.64, 5\.64"),
    "absurd length": ("_cell_length_a 5.640", "_cell_length_a 56400", "DEGENERATE_CELL", r"between 0\.5 and 1000"),
    "flat angles": ("alpha 90", "alpha 0.0001", "DEGENERATE_CELL", r"cell angles 0\.0001, 90, 90 degrees"),
    "impossible angles": ("gamma 90", "gamma 190", "DEGENERATE_CELL", r"cell angles 90, 90, 190"),
    "row broken off": ("0.5 0.5 0.5 1\n", "0.5 0.5\n", "TRUNCATED_FILE", r"breaks off .*line 11"),
    "no rows": ("Na1 Na 0 0 0 1\nCl1 Cl 0.5 0.5 0.5 1\n", "", "TRUNCATED_FILE", r"no rows"),
    "text field broken off": ("Na1 Na 0", "_publ_text\n;Na1 Na 0", "TRUNCATED_FILE", r"unterminated text field"),
    "atom missing": ("Cl1 Cl 0.5 0.5 0.5 1\n", "", "FORMULA_MISMATCH", r"says NaCl and the sites add up to Na"),
    "wrong Z": ("_Z 4", "_Z 3", "FORMULA_MISMATCH", r"Z = 3 .*8 atoms"),
    "larger formula": ("'Na Cl'", "'Na2 Cl6'", "FORMULA_MISMATCH", r"says NaCl3 and the sites add up to NaCl:"),
    "hydrogen missing": ("'Na Cl'", "'Na Cl H2'", "FORMULA_MISMATCH", r"says NaH2Cl"),
    "no coordinates": ("_atom_site_fract_", "_atom_site_Cartn_", "EMPTY_STRUCTURE", r"_atom_site_fract_x"),
    "no cell": ("_cell_length_c 5.640\n", "", "UNREADABLE", r"no _cell_length_c"),
    "word for a number": ("0 0 0 1\n", "0 zero 0 1\n", "UNREADABLE", r"'zero'"),
    "unknown space group": ("F m -3 m", "F m -7 m", "UNREADABLE", r"'F m -7 m' is not known"),
    "cell against symmetry": ("_cell_length_c 5.640", "_cell_length_c 6.5", "SYMMETRY_MISMATCH", r"F m -3 m"),
    "open operations": (
        "_symmetry_space_group_name_H-M 'F m -3 m'",
        "loop_\n_symmetry_equiv_pos_as_xyz\nx,y,z\ny,z,x",
        "TRUNCATED_FILE",
        r"2 symmetry operations listed form no group",
    ),
    "wrong operation": (
        "_symmetry_space_group_name_H-M 'F m -3 m'",
        "loop_\n_symmetry_equiv_pos_as_xyz\nx,y,q",
        "UNREADABLE",
        r"'x,y,q' is no symmetry operation",
    ),
    "not a CIF": (GOOD_CIF, "dear reader", "UNREADABLE", r"no readable CIF \(line 1: expected block header"),
    "a comment": (GOOD_CIF, "# nothing\n", "UNREADABLE", r"no data_ block"),
}


def test_the_unbroken_file_is_good():
    assert read_text(GOOD_CIF, TextFormat.CIF).repairs == ()


@pytest.mark.parametrize("name", BROKEN_CIFS)
def test_broken_cif_is_refused_with_its_reason(name):
    old, new, reason, message = BROKEN_CIFS[name]
    assert old in GOOD_CIF
    _assert_refused(GOOD_CIF.replace(old, new), TextFormat.CIF, reason, message)


def test_symmetry_copies_count_against_the_atom_limit():
    with pytest.raises(InvalidStructureError, match="the cell has 8 atoms, over the limit of 7") as error:
        read_text(GOOD_CIF, TextFormat.CIF, IntakeLimits(max_sites=7))
    assert error.value.reason == "TOO_MANY_ATOMS"


GOOD_POSCAR = """rock salt, primitive
1.0
0.0 2.82 2.82
2.82 0.0 2.82
2.82 2.82 0.0
Na Cl
1 1
Direct
0.0 0.0 0.0
0.5 0.5 0.5
"""
BROKEN_POSCARS = {
    "row missing": ("0.5 0.5 0.5\n", "", "TRUNCATED_FILE", r"2 atoms are announced and 1 have"),
    "row short": ("0.5 0.5 0.5\n", "0.5 0.5\n", "TRUNCATED_FILE", r"2 atoms are announced and 1 have"),
    "header only": ("Direct\n0.0 0.0 0.0\n0.5 0.5 0.5\n", "", "TRUNCATED_FILE", r"this has 7"),
    "no species line": ("Na Cl\n", "", "UNREADABLE", r"line 6 must name the species"),
    "counts disagree": ("1 1\n", "1 1 1\n", "UNREADABLE", r"2 species on line 6 and 3 counts"),
    "count is a word": ("1 1\n", "1 one\n", "UNREADABLE", r"'one'"),
    "no atoms": ("1 1\n", "0 0\n", "EMPTY_STRUCTURE", r"no atoms"),
    "too many atoms": ("1 1\n", "1 99999\n", "TOO_MANY_ATOMS", r"100000 atoms, over the limit of 1000"),
    "unknown element": ("Na Cl", "Na Qq", "UNKNOWN_ELEMENT", r"'Qq'"),
    "no mode": ("Direct\n", "\n", "UNREADABLE", r"Direct or Cartesian"),
    "flat cell": ("2.82 2.82 0.0\n", "2.82 2.82 5.64\n", "DEGENERATE_CELL", r"cell volume is"),
    "zero scale": ("\n1.0\n", "\n0.0\n", "DEGENERATE_CELL", r"cell lengths 0, 0, 0"),
    "huge scale": ("\n1.0\n", "\n1e308\n", "NON_FINITE", r"cell lengths inf"),
    "nan": ("0.5 0.5 0.5", "0.5 0.5 nan", "NON_FINITE", r"coordinate z of site 2 is nan"),
    "overlap": ("0.5 0.5 0.5", "0.0 0.0 0.95", "OVERLAPPING_ATOMS", r"site 1 \(Na\) and site 2 \(Cl\) are 0\.199"),
}


@pytest.mark.parametrize("name", BROKEN_POSCARS)
def test_broken_poscar_is_refused_with_its_reason(name):
    old, new, reason, message = BROKEN_POSCARS[name]
    assert old in GOOD_POSCAR
    _assert_refused(GOOD_POSCAR.replace(old, new), TextFormat.POSCAR, reason, message)


GOOD_EXTXYZ = """2
Lattice="5 0 0 0 5 0 0 0 5" Properties=species:S:1:pos:R:3 pbc="T T T"
Na 0.0 0.0 0.0
Cl 2.5 2.5 2.5
"""
BROKEN_EXTXYZ = {
    "row missing": ("Cl 2.5 2.5 2.5\n", "", "TRUNCATED_FILE", r"2 atoms are announced and 1 have"),
    "row short": ("Cl 2.5 2.5 2.5\n", "Cl 2.5\n", "TRUNCATED_FILE", r"2 atoms are announced and 1 have"),
    "no lattice": ("Lattice", "Box", "UNREADABLE", r"Lattice"),
    "slab": ("T T T", "T T F", "NOT_PERIODIC", r'pbc="T T F"'),
    "no positions": ("pos:R:3", "forces:R:3", "UNREADABLE", r"pos:R:3"),
    "no count": ("2\n", "two\n", "UNREADABLE", r"'two'"),
    "flat": ("0 0 0 5 0", "0 0 5 0 0", "DEGENERATE_CELL", r"cell volume is 0"),
    "unknown element": ("Cl 2.5", "X 2.5", "UNKNOWN_ELEMENT", r"line 4 has the species 'X'"),
    "infinite": ("Cl 2.5", "Cl inf", "NON_FINITE", r"coordinate x of site 2 is inf"),
    "too many": ("2\n", "5000\n", "TOO_MANY_ATOMS", r"5000 atoms"),
    "other text": (GOOD_EXTXYZ, "hello", "UNREADABLE", r"number of atoms"),
}


@pytest.mark.parametrize("name", BROKEN_EXTXYZ)
def test_broken_extxyz_is_refused_with_its_reason(name):
    old, new, reason, message = BROKEN_EXTXYZ[name]
    assert old in GOOD_EXTXYZ
    _assert_refused(GOOD_EXTXYZ.replace(old, new, 1), TextFormat.EXTXYZ, reason, message)


def _json(**changes: object) -> str:
    site = {"species": [{"element": "Na", "occu": 1}], "abc": [0, 0, 0]}
    return json.dumps({"lattice": {"matrix": np.eye(3).tolist()}, "sites": [site]} | changes)


def _sites(*sites: dict[str, object]) -> str:
    return _json(lattice={"matrix": (5 * np.eye(3)).tolist()}, sites=list(sites))


NA = {"element": "Na", "occu": 1}
BROKEN_JSONS = {
    "cut": (_json()[:30], "UNREADABLE", r"no JSON"),
    "a list": ("[1, 2]", "UNREADABLE", r"no object"),
    "deep": ("[" * 100_000, "UNREADABLE", r"no JSON"),
    "no sites": (_json(sites=None), "UNREADABLE", r"no list 'sites'"),
    "no lattice": (_json(lattice=3), "UNREADABLE", r"no object 'lattice'"),
    "empty": (_json(sites=[]), "EMPTY_STRUCTURE", r"no atoms"),
    "lattice of words": (_json(lattice={"matrix": "abc"}), "UNREADABLE", r"lattice\.matrix is no array"),
    "lattice of another shape": (_json(lattice={"matrix": [[1, 2]]}), "UNREADABLE", r"shape \[1, 2\]"),
    "mixed": (
        _sites({"species": [{"element": "Na", "occu": 0.5}, {"element": "K", "occu": 0.5}], "abc": [0, 0, 0]}),
        "PARTIAL_OCCUPANCY",
        r"site 1 holds Na 0\.5, K 0\.5",
    ),
    "half": (_sites({"species": [{"element": "Na", "occu": 0.5}], "abc": [0, 0, 0]}), "PARTIAL_OCCUPANCY", r"Na 0\.5"),
    "dummy": (_sites({"species": [{"element": "X", "occu": 1}], "abc": [0, 0, 0]}), "UNKNOWN_ELEMENT", r"'X'"),
    "no position": (_sites({"species": [NA]}), "UNREADABLE", r"xyz of the sites"),
    "ragged": (_sites({"species": [NA], "abc": [0, 0, [0]]}), "UNREADABLE", r"abc of the sites"),
    "huge number": (_sites({"species": [NA], "abc": [0, 0, 10**400]}), "UNREADABLE", r"abc of the sites"),
    "nan": (_sites({"species": [NA], "abc": [0, 0, float("nan")]}), "NON_FINITE", r"coordinate z of site 1 is nan"),
}


@pytest.mark.parametrize("name", BROKEN_JSONS)
def test_broken_json_is_refused_with_its_reason(name):
    text, reason, message = BROKEN_JSONS[name]
    _assert_refused(text, TextFormat.PYMATGEN_JSON, reason, message)


@pytest.mark.parametrize("text", ["", " \n\t\n", "\ufeff\n"], ids=["empty", "blank", "mark"])
@pytest.mark.parametrize("text_format", TextFormat)
def test_a_text_without_content_is_refused_as_empty(text_format, text):
    _assert_refused(text, text_format, "EMPTY_STRUCTURE", r"^the text is empty: send a ")


@pytest.mark.parametrize("text_format", TextFormat)
def test_a_text_over_the_limit_is_refused_unread(text_format):
    with pytest.raises(InvalidStructureError, match="has 101 characters, over the limit of 100") as error:
        read_text(" " * 101, text_format, IntakeLimits(max_text_bytes=100))
    assert error.value.reason == "TOO_LARGE"


@pytest.mark.parametrize(
    ("changes", "reason", "message"),
    [
        ({"atomic_numbers": np.zeros(2, np.uint8)}, "UNKNOWN_ELEMENT", "site 1 has atomic number 0: give 1 to 118"),
        ({"atomic_numbers": np.full(2, 119, np.uint8)}, "UNKNOWN_ELEMENT", "atomic number 119"),
        ({"frac_coords": np.zeros((3, 3))}, "MALFORMED_BLOCK", r"\[3, 3\] for 2 atomic numbers|\[2, 3\]"),
        ({"frac_coords": np.full((2, 3), np.nan)}, "NON_FINITE", "coordinate x of site 1 is nan"),
        ({"frac_coords": np.full((2, 3), 1e300)}, "NON_FINITE", r"is 1e\+300"),
        ({"lattice": np.full((3, 3), np.inf)}, "NON_FINITE", "cell lengths inf"),
        ({"lattice": np.full((3, 3), 1e200)}, "DEGENERATE_CELL", "cell lengths"),
        ({"lattice": np.zeros((3, 3))}, "DEGENERATE_CELL", "cell lengths 0, 0, 0"),
        ({"frac_coords": np.zeros((2, 3))}, "OVERLAPPING_ATOMS", r"site 1 \(O\) and site 2 \(O\) are 0\.000"),
    ],
)
def test_arrays_are_refused_with_their_reason(changes, reason, message):
    arrays = {
        "lattice": 4 * np.eye(3),
        "atomic_numbers": np.full(2, 8, np.uint8),
        "frac_coords": np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]]),
    }
    with pytest.raises(InvalidStructureError, match=message) as error:
        check_structure(Structure(**(arrays | changes)))
    assert error.value.reason == reason


@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_limits_are_validated_when_built(value):
    with pytest.raises(ValueError, match="max_sites must be positive"):
        IntakeLimits(max_sites=value)
    with pytest.raises(ValueError, match="must not exceed"):
        IntakeLimits(special_position_tolerance_angstrom=1.0)


def _assert_refused(text: str, text_format: TextFormat, reason: str, message: str) -> None:
    with pytest.raises(InvalidStructureError, match=message) as error:
        read_text(text, text_format)
    assert error.value.reason == reason
    assert re.fullmatch(r"[^\n]{10,400}", error.value.message)
    assert ": " in error.value.message or "must" in error.value.message
