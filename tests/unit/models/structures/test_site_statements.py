"""What a CIF says of a site beyond its position is heeded, and magnetic files give the nuclear crystal."""

import gemmi
import pytest
from cif_texts import cif_text, loop

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures import TextFormat, read_text

P1 = "_space_group_IT_number 1"


def read(text: str):
    return read_text(text, TextFormat.CIF)


def codes(findings) -> list[str]:
    return [one.code for one in findings]


def reason_of(text: str) -> str:
    with pytest.raises(InvalidStructureError, match=r".{10,}") as error:
        read(text)
    return error.value.reason


# Disorder.


@pytest.mark.parametrize(
    "rows",
    [
        ["K1 K 0 0 0 . .", "F1 F .42 .5 .5 A 1", "F2 F .6 .5 .5 A 2"],
        ["K1 K 0 0 0 . .", "F1 F .42 .5 .5 . 1", "F2 F .6 .5 .5 . 2"],
        ["K1 K 0 0 0 A 1", "K2 K .1 0 0 A 2", "F1 F .42 .5 .5 B 1"],
        ["K1 K 0 0 0 . .", "F1 F .42 .5 .5 . -1"],  # about a symmetry element: SHELX's PART -1
    ],
)
def test_alternatives_of_one_assembly_are_refused(rows):
    assert reason_of(cif_text(P1, rows, columns=["disorder_assembly", "disorder_group"])) == "PARTIAL_OCCUPANCY"


def test_groups_without_assemblies_and_alternate_locations_are_alternatives_too():
    assert reason_of(cif_text(P1, ["F1 F 0 0 0 1", "F2 F .2 0 0 2"], columns=["disorder_group"])) == "PARTIAL_OCCUPANCY"
    text = cif_text(P1, ["F1 F 0 0 0 A", "F2 F .2 0 0 B"], columns=["label_alt_id"]).replace(
        "_atom_site_", "_atom_site."
    )
    assert reason_of(text) == "PARTIAL_OCCUPANCY"


@pytest.mark.parametrize("group", [".", "?", "0"])
def test_no_group_is_no_disorder(group):
    rows = [f"Na1 Na 0 0 0 {group}", f"Cl1 Cl .5 .5 .5 {group}"]
    assert read(cif_text(P1, rows, columns=["disorder_group"])).notes == ()


def test_a_group_without_an_alternative_is_kept_and_noted():
    intake = read(cif_text(P1, ["Na1 Na 0 0 0 .", "Cl1 Cl .5 .5 .5 1"], columns=["disorder_group"]))
    assert intake.structure.n_sites == 2
    assert codes(intake.notes) == ["SINGLE_DISORDER_GROUP"]


@pytest.mark.parametrize("occupancy", ["0.5", "-0.5", "0", "0.98(3)", "1.2", "nan"])
def test_any_occupancy_but_one_is_refused(occupancy):
    rows = ["Na1 Na 0 0 0 1", f"Cl1 Cl .5 .5 .5 {occupancy}"]
    assert reason_of(cif_text(P1, rows, columns=["occupancy"])) == "PARTIAL_OCCUPANCY"


@pytest.mark.parametrize("occupancy", ["1", "1.0000", "1.000(2)", "?", "."])
def test_full_and_unstated_occupancies_are_full(occupancy):
    rows = ["Na1 Na 0 0 0 1", f"Cl1 Cl .5 .5 .5 {occupancy}"]
    assert read(cif_text(P1, rows, columns=["occupancy"])).structure.n_sites == 2


# Dummies and hydrogens.


def test_dummy_sites_are_left_out_and_noted():
    rows = ["Na1 Na 0 0 0 d", "Cl1 Cl .5 .5 .5 ?", "Cg1 C .25 .25 .25 dum"]
    intake = read(cif_text(P1, rows, columns=["calc_flag"]))
    assert intake.structure.reduced_formula == "ClNa"
    assert codes(intake.notes) == ["DROPPED_DUMMY_SITES"]
    assert reason_of(cif_text(P1, ["X1 C 0 0 0 dum"], columns=["calc_flag"])) == "EMPTY_STRUCTURE"


@pytest.mark.parametrize("symbol", ["X", "Q", "Du", "Xx", "Va", "M", "Cg"])
def test_dummy_and_unknown_types_are_refused(symbol):
    assert reason_of(cif_text(P1, ["Na1 Na 0 0 0", f"A1 {symbol} .5 .5 .5"])) == "UNKNOWN_ELEMENT"


@pytest.mark.parametrize("attached", ["1", "2", "1.0", "-1"])
def test_hydrogens_that_are_attached_and_not_placed_are_missing(attached):
    rows = ["Ca1 Ca 0 0 0 0", f"O1 O .3 .3 .3 {attached}", f"O2 O .6 .6 .6 {attached}"]
    assert reason_of(cif_text(P1, rows, columns=["attached_hydrogens"])) == "MISSING_ATOMS"


@pytest.mark.parametrize("attached", ["0", ".", "?"])
def test_no_attached_hydrogens_are_none(attached):
    rows = [f"Na1 Na 0 0 0 {attached}", f"Cl1 Cl .5 .5 .5 {attached}"]
    assert read(cif_text(P1, rows, columns=["attached_hydrogens"])).notes == ()


def test_attached_hydrogens_that_the_list_holds_are_noted_if_the_formula_is_complete():
    rows = ["Li1 Li 0 0 0 0", "O1 O .5 .5 .3 1", "H1 H .5 .5 .46 0"]
    intake = read(cif_text(f"{P1}\n_chemical_formula_sum 'H Li O'", rows, columns=["attached_hydrogens"]))
    assert intake.structure.reduced_formula == "HLiO"
    assert codes(intake.notes) == ["UNUSED_ATTACHED_HYDROGENS"]
    more = cif_text(f"{P1}\n_chemical_formula_sum 'H2 Li O'", rows, columns=["attached_hydrogens"])
    assert reason_of(more) == "FORMULA_MISMATCH"


def test_deuterium_is_hydrogen_and_said_so():
    intake = read(cif_text(P1, ["Li1 Li 0 0 0", "D1 D .5 .5 .5"]))
    assert intake.structure.reduced_formula == "HLi"
    assert codes(intake.repairs) == ["DEUTERIUM_AS_HYDROGEN"]


# Modulated and magnetic structures.


@pytest.mark.parametrize(
    "statement",
    [
        "_cell_modulation_dimension 1",
        "_space_group_ssg_name 'P m n a(0 b 0)s00'",
        "_space_group.ssg_name_IT 'P m n a(0 b 0)s00'",
        loop("_space_group_symop_ssg_operation_algebraic", ["x1,x2,x3,x4"]),
        loop("_space_group_symop_magn_ssg_operation.algebraic", ["x1,x2,x3,x4,+1"]),
        loop("_cell_wave_vector_seq_id", ["1"]),
        "_cell_subsystems_number 2",
    ],
)
def test_modulated_structures_are_refused(statement):
    assert reason_of(cif_text(f"{P1}\n{statement}")) == "MODULATED_STRUCTURE"


def test_a_modulation_of_no_dimension_is_none():
    assert read(cif_text(f"{P1}\n_cell_modulation_dimension 0")).structure.n_sites == 2


def magnetic(name: str) -> list[str]:
    """All operations of a group, every second one with time reversal."""
    triplets = [one.triplet() for one in gemmi.find_spacegroup_by_name(name).operations().sym_ops]
    return [f"{triplet},{'+1' if at % 2 else '-1'}" for at, triplet in enumerate(triplets)]


# Nickel oxide's doubled cell along c, tetragonal for simplicity: rows of the asymmetric unit.
ROWS = ["Ni1 Ni2+ 0 0 0", "O1 O2- 0 0 0.25"]
CELL = (2.95, 2.95, 8.34, 90, 90, 90)
CENTRINGS = ["x,y,z,+1", "x+1/2,y+1/2,z+1/4,-1", "x,y,z+1/2,-1", "x+1/2,y+1/2,z+3/4,+1"]


@pytest.mark.parametrize(
    ("operations", "centrings"),
    [
        ("_space_group_symop_magn_operation.xyz", "_space_group_symop_magn_centering.xyz"),
        ("_space_group_symop_magn_operation_xyz", "_space_group_symop_magn_centering_xyz"),
        ("_space_group_symop.magn_operation_xyz", "_space_group_symop.magn_centering_xyz"),
    ],
)
def test_magnetic_operations_give_the_nuclear_crystal(operations, centrings):
    symmetry = "\n".join(
        [
            "_parent_space_group.name_H-M_alt 'F m -3 m'",
            "_space_group_magn.number_BNS '15.90'",
            loop(operations, magnetic("P 4/m m m")),
            loop(centrings, CENTRINGS),
        ]
    )
    intake = read(cif_text(symmetry, ROWS, cell=CELL))
    assert (intake.structure.reduced_formula, intake.structure.n_sites) == ("NiO", 8)
    assert "DROPPED_MAGNETISM" in codes(intake.notes)


def test_time_reversal_in_plain_operations_is_dropped():
    plain = [triplet.rsplit(",", 1)[0] for triplet in magnetic("P 4/m m m")]
    texts = [
        cif_text(loop("_symmetry_equiv_pos_as_xyz", triplets), ROWS[:1], cell=CELL)
        for triplets in (plain, magnetic("P 4/m m m"))
    ]
    first, second = (read(text).structure for text in texts)
    assert first.content_digest() == second.content_digest()


def test_a_magnetic_group_by_name_alone_is_refused_and_never_means_p1():
    for name in ("_space_group_magn.number_BNS 129.416", "_space_group_magn.name_OG 'P_2c 4/m m m'"):
        assert reason_of(cif_text(name, ROWS, cell=CELL)) == "UNREADABLE"


def test_magnetic_operations_outweigh_a_default_p1():
    symmetry = "\n".join(
        [
            "_symmetry_space_group_name_H-M 'P 1'\n_chemical_formula_sum 'Ni O'\n_cell_formula_units_Z 4",
            loop("_space_group_symop_magn_operation.xyz", magnetic("P 4/m m m")),
            loop("_space_group_symop_magn_centering.xyz", CENTRINGS),
        ]
    )
    intake = read(cif_text(symmetry, ROWS, cell=CELL))
    assert intake.structure.n_sites == 8
    assert "CHOSEN_SYMMETRY" in codes(intake.repairs)


def test_moments_beside_a_plain_group_are_noted():
    moments = "\n".join(["loop_", "_atom_site_moment.label", "_atom_site_moment.crystalaxis_z", "Ni1 1.7", ""])
    intake = read(cif_text("_space_group_IT_number 225") + moments)
    assert intake.structure.n_sites == 8
    assert codes(intake.notes) == ["DROPPED_MAGNETISM"]
