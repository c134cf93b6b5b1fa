"""Whatever the text, intake answers with a sound structure or with InvalidStructureError, and soon."""

import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures import IntakeLimits, RefusalReason, TextFormat, read_text

GOOD = {
    TextFormat.POSCAR: "c\n1.0\n4 0 0\n0 4 0\n0 0 5\nTi O\n1 1\nSelective dynamics\nCartesian\n"
    "0 0 0 T T T\n2 2 2.5 F F F\n",
    TextFormat.EXTXYZ: '2\nLattice="5 0 0 0 5 0 0 0 5" Properties=species:S:1:pos:R:3 pbc="T T T"\n'
    "Na 0 0 0\nCl 2 2 2\n",
    TextFormat.PYMATGEN_JSON: '{"lattice": {"matrix": [[5, 0, 0], [0, 5, 0], [0, 0, 5]]}, "sites": [{"species": '
    '[{"element": "Fe3+", "oxidation_state": 3, "occu": 1}], "abc": [0, 0.5, 0.25]}]}',
}
TOKENS = [
    "nan",
    "-inf",
    "1e308",
    "1e-308",
    "-1",
    "0",
    "1e999",
    "9" * 20,
    "1_000",
    "x,y,z",
    "Uuo",
    "null",
    "_",
    "'",
    '"',
]
TOKENS += [";", "\n;", "#", "{", "[", "loop_", "data_", "_cell_length_a", "_symmetry_Int_Tables_number"]
TOKENS += ["\n", "\n\n\n", "\r", "\x00", "\x85", "\ud800", "\u0661", "é"]
# Further statements of symmetry and of sites, which contradict what a file says already.
TOKENS += [
    "\n_space_group_name_H-M_alt 'F d -3 m'\n",
    "\n_space_group_name_Hall '-P 2ybc'\n",
    "\n_symmetry_Int_Tables_number 1\n",
    "\n_space_group.IT_coordinate_system_code 2\n",
    "\n_symmetry_cell_setting cubic\n",
    "\n_exptl_crystal_density_diffrn 4.2\n",
    "\n_space_group_symop_magn_operation.xyz x,y,z,-1\n",
    "\n_symmetry_equiv_pos_as_xyz -x,-y,-z\n",
    "\n_cell_modulation_dimension 1\n",
    "_atom_site_disorder_group\n",
    "_atom_site_symmetry_multiplicity\n",
    "_atom_site_attached_hydrogens\n",
    "_atom_site_calc_flag\n",
    "\ndata_more\n",
]
STALLING = [
    "\n",
    " ",
    "'",
    '"',
    "data_\n",
    "data_x\n_a ",
    "loop_\n",
    "_a 'b\n",
    "{",
    "[",
    '{"a":',
    "a={",
    'a="',
    "0\n",
    "; \n",
]
STALLING += ["\n#", "123456789 ", "x,y,z\n", "_symmetry_magn", "data_x\n_space_group_magn_cent", "\n_symop"]
edits = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 12), st.sampled_from(TOKENS) | st.text(max_size=4)),
    min_size=1,
    max_size=4,
)
fuzz = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@fuzz
@given(data=st.data(), changes=edits)
def test_mutated_cifs_never_raise_anything_else(prototypes, data, changes):
    name = data.draw(st.sampled_from(sorted(prototypes)))
    _assert_answers(_mutated(prototypes[name], changes), TextFormat.CIF)


@fuzz
@given(text_format=st.sampled_from(sorted(GOOD)), changes=edits)
def test_mutated_texts_never_raise_anything_else(text_format, changes):
    _assert_answers(_mutated(GOOD[text_format], changes), text_format)


@fuzz
@given(text_format=st.sampled_from(TextFormat), text=st.text())
def test_any_text_never_raises_anything_else(text_format, text):
    _assert_answers(text, text_format)


@pytest.mark.parametrize("text_format", GOOD)
def test_the_unmutated_texts_are_good(text_format):
    assert read_text(GOOD[text_format], text_format).structure.n_sites >= 1


@pytest.mark.parametrize("text_format", TextFormat)
@pytest.mark.parametrize("unit", STALLING)
def test_texts_made_to_stall_are_answered_soon(text_format, unit):
    limits = IntakeLimits()
    for n_bytes in (limits.max_fallback_bytes, limits.max_text_bytes):
        begin = time.process_time()
        for head in ("", "1\n", "data_x\n_a b c\n"):
            text = (head + unit * (n_bytes // len(unit)))[:n_bytes]
            with pytest.raises(InvalidStructureError, match=r".{10,}"):
                read_text(text, text_format)
        assert time.process_time() - begin < 20


def _mutated(text: str, changes: list[tuple[float, int, str]]) -> str:
    for place, n_removed, inserted in changes:
        at = int(place * len(text))
        text = text[:at] + inserted + text[at + n_removed :]
    return text


def _assert_answers(text: str, text_format: TextFormat) -> None:
    try:
        structure = read_text(text, text_format).structure
    except InvalidStructureError as refused:
        refusal = refused
    else:
        assert structure.n_sites >= 1
        assert np.isfinite(structure.lattice).all()
        assert ((structure.frac_coords >= 0) & (structure.frac_coords < 1)).all()
        return
    assert refusal.reason in set(RefusalReason)
    assert "\n" not in refusal.message
