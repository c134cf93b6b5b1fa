"""Crystals written by hand from their published description: the facts are the test, not another reader."""

from io import StringIO

import numpy as np
import pytest

from epitaxy_models.structures import TextFormat, read_text
from epitaxy_models.structures.overlap import closest_pair_within

# Name: sites in the cell, reduced formula, shortest bond in Angstrom, repairs.
FACTS = {
    "rock_salt": (8, "ClNa", 2.820, []),
    "rock_salt_all_atoms_and_symmetry": (8, "ClNa", 2.820, ["MERGED_SYMMETRY_COPIES"]),
    "wurtzite_zno_listed_operations": (4, "OZn", 1.974, ["CHOSEN_SYMMETRY", "ROUNDED_SPECIAL_POSITIONS"]),
    "bi2te3_hexagonal": (15, "Bi2Te3", 3.070, []),
    "bi2te3_rhombohedral": (5, "Bi2Te3", 3.070, []),
    "bi2te3_setting_from_cell": (5, "Bi2Te3", 3.070, []),
    "spinel_origin_1": (56, "Al2MgO4", 1.923, []),
    "spinel_origin_2": (56, "Al2MgO4", 1.923, []),
    "spinel_origin_from_formula": (56, "Al2MgO4", 1.923, []),
    "perovskite_oxidation_states": (5, "O3SrTi", 1.9525, ["STRIPPED_OXIDATION_STATES"]),
    "fluorite_hall_symbol": (12, "CaF2", 2.3656, []),
    "rutile": (6, "O2Ti", 1.9464, []),
    "quartz_decimal_operations": (9, "O2Si", 1.605, ["STRIPPED_OXIDATION_STATES"]),
    "baddeleyite": (12, "O2Zr", 2.052, []),
    "graphite_three_digits": (4, "C", 1.4226, ["ROUNDED_SPECIAL_POSITIONS"]),
    "lithium_deuteride": (8, "HLi", 2.0325, ["DEUTERIUM_AS_HYDROGEN", "WRAPPED_COORDINATES"]),
}


def test_every_prototype_has_its_facts(prototypes):
    assert sorted(prototypes) == sorted(FACTS)


@pytest.mark.parametrize("name", FACTS)
def test_prototype_is_read_as_published(prototypes, name):
    n_sites, formula, bond, repairs = FACTS[name]
    intake = read_text(prototypes[name], TextFormat.CIF)
    structure = intake.structure
    assert structure.n_sites == n_sites
    assert structure.reduced_formula == formula
    # A cutoff under every lattice vector, so that the answer is the closest pair of atoms.
    closest = closest_pair_within(structure.lattice, structure.frac_coords, 2.4 if bond < 2.4 else 3.5)
    assert closest.distance == pytest.approx(bond, abs=2e-3)
    assert [repair.code for repair in intake.repairs] == repairs
    assert ((structure.frac_coords >= 0) & (structure.frac_coords < 1)).all()


@pytest.mark.parametrize(
    "name",
    [
        "rock_salt",
        "wurtzite_zno_listed_operations",
        "perovskite_oxidation_states",
        "spinel_origin_from_formula",
        "rutile",
        "quartz_decimal_operations",
        "baddeleyite",
        "graphite_three_digits",
        "lithium_deuteride",
    ],
)
def test_prototype_agrees_with_pymatgen_reader(prototypes, name, same_crystal, quiet):
    from pymatgen.io.cif import CifParser

    parser = CifParser(StringIO(prototypes[name]), site_tolerance=5e-3)
    theirs = parser.parse_structures(primitive=False)[0]
    theirs.remove_oxidation_states()
    assert same_crystal(read_text(prototypes[name], TextFormat.CIF).structure, theirs, 2e-2)


@pytest.mark.parametrize(
    ("name", "symbol", "asymmetric_unit"),
    [
        ("bi2te3_hexagonal", "R-3m:H", (["Bi", "Te", "Te"], [[0, 0, 0.4], [0, 0, 0], [0, 0, 0.2097]])),
        ("bi2te3_rhombohedral", "R-3m:R", (["Bi", "Te", "Te"], [[0.4] * 3, [0] * 3, [0.2097] * 3])),
        ("bi2te3_setting_from_cell", "R-3m:R", (["Bi", "Te", "Te"], [[0.4] * 3, [0] * 3, [0.2097] * 3])),
        ("spinel_origin_1", "Fd-3m:1", (["Mg", "Al", "O"], [[0] * 3, [0.625] * 3, [0.3874] * 3])),
        ("spinel_origin_2", "Fd-3m:2", (["Mg", "Al", "O"], [[0.125] * 3, [0.5] * 3, [0.2624] * 3])),
        ("fluorite_hall_symbol", "Fm-3m", (["Ca", "F"], [[0] * 3, [0.25] * 3])),
        ("rock_salt_all_atoms_and_symmetry", "Fm-3m", (["Na", "Cl"], [[0] * 3, [0.5] * 3])),
    ],
)
def test_setting_agrees_with_pymatgen_space_group(prototypes, name, symbol, asymmetric_unit, same_crystal):
    # pymatgen's CIF reader knows no setting suffix and no Hall symbol: it would read these files as P 1.
    from pymatgen.core import Structure as PymatgenStructure

    ours = read_text(prototypes[name], TextFormat.CIF).structure
    theirs = PymatgenStructure.from_spacegroup(symbol, ours.lattice, *asymmetric_unit)
    assert same_crystal(ours, theirs, 1e-6)


def test_special_positions_become_exact(prototypes):
    structure = read_text(prototypes["graphite_three_digits"], TextFormat.CIF).structure
    thirds = structure.frac_coords * 12
    np.testing.assert_allclose(thirds, np.rint(thirds), atol=1e-12)


def test_listed_operations_come_before_the_symbol(prototypes):
    text = prototypes["wurtzite_zno_listed_operations"]
    assert "'P 1'" in text
    assert read_text(text, TextFormat.CIF).structure.n_sites == 4


def test_translations_found_at_a_loose_tolerance_are_rounded(prototypes):
    text = prototypes["wurtzite_zno_listed_operations"]
    loose = text.replace("z+1/2", "z+499/999").replace("+1/2,", "+358/715,")
    assert loose != text
    assert read_text(loose, TextFormat.CIF).structure.content_digest() == (
        read_text(text, TextFormat.CIF).structure.content_digest()
    )


def test_the_two_origins_of_spinel_are_one_crystal(prototypes, same_crystal, to_pymatgen):
    first, second = (read_text(prototypes[f"spinel_origin_{n}"], TextFormat.CIF).structure for n in (1, 2))
    assert same_crystal(first, to_pymatgen(second), 1e-6)


def test_the_two_settings_of_bi2te3_are_one_crystal(prototypes, to_pymatgen):
    hexagonal, rhombohedral = (
        to_pymatgen(read_text(prototypes[f"bi2te3_{axes}"], TextFormat.CIF).structure)
        for axes in ("hexagonal", "rhombohedral")
    )
    assert hexagonal.matches(rhombohedral)
    assert hexagonal.volume == pytest.approx(3 * rhombohedral.volume, rel=1e-3)


def test_an_unstated_origin_that_nothing_decides_is_reported():
    text = _cubic("_symmetry_Int_Tables_number 227", "C1 C 0.3 0.3 0.3")
    assert "ASSUMED_SETTING" in [repair.code for repair in read_text(text, TextFormat.CIF).repairs]


def test_a_file_without_symmetry_is_taken_as_p1_and_says_so():
    intake = read_text(_cubic("", "C1 C 0.3 0.3 0.3"), TextFormat.CIF)
    assert intake.structure.n_sites == 1
    assert [repair.code for repair in intake.repairs] == ["ASSUMED_P1"]


def test_further_blocks_with_atoms_are_reported_and_others_are_not():
    block = _cubic("_symmetry_Int_Tables_number 1", "C1 C 0.3 0.3 0.3")
    publication = "data_global\n_journal_year 2020\n"
    assert read_text(publication + block, TextFormat.CIF).repairs == ()
    twice = read_text(block + block.replace("data_x", "data_y"), TextFormat.CIF)
    assert [repair.code for repair in twice.repairs] == ["IGNORED_DATA_BLOCKS"]


@pytest.mark.parametrize(
    "flaw",
    [
        "_chemical_name_common rock salt",  # a value of two words without quotes
        "_cell_length_a 5.0",  # a tag given twice
        "_chemical_name_mineral 'halite",  # a quote that never closes
    ],
)
def test_a_file_that_gemmi_refuses_is_read_by_the_fallback(flaw):
    import gemmi

    text = _cubic(flaw + "\n_symmetry_space_group_name_H-M 'F m -3 m'", "Na1 Na 0 0 0\nCl1 Cl 0.5 0.5 0.5")
    with pytest.raises((ValueError, RuntimeError), match=r"string"):
        gemmi.cif.read_string(text)
    intake = read_text(text, TextFormat.CIF)
    assert intake.structure.n_sites == 8
    assert [repair.code for repair in intake.repairs] == ["USED_FALLBACK_READER"]


def test_names_beyond_ascii_and_a_byte_order_mark_do_not_matter():
    text = _cubic("_publ_author_name 'Müller, Å.'\n_symmetry_Int_Tables_number 1", "C1 C 0.3 0.3 0.3")
    assert read_text("\ufeff" + text, TextFormat.CIF).repairs == ()


def test_formula_decides_an_upper_case_label():
    rows = "NA1 0 0 0\nCL1 0.5 0.5 0.5"
    text = _cubic("_symmetry_Int_Tables_number 221\n_chemical_formula_sum 'Na Cl'", rows).replace("_type_symbol", "_id")
    text = text.replace("_atom_site_id\n", "")
    assert read_text(text, TextFormat.CIF).structure.reduced_formula == "ClNa"


def _cubic(extra: str, rows: str) -> str:
    return (
        "data_x\n_cell_length_a 5.0\n_cell_length_b 5.0\n_cell_length_c 5.0\n_cell_angle_alpha 90\n"
        f"_cell_angle_beta 90\n_cell_angle_gamma 90\n{extra}\nloop_\n_atom_site_label\n_atom_site_type_symbol\n"
        f"_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n{rows}\n"
    )
