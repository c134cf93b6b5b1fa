"""Every way to state a space group says the same, and statements that contradict each other are never passed over."""

import warnings

import gemmi
import pytest
import spglib
from cif_texts import CELL_TAGS, ROCK_SALT_ROWS, cif_text, loop

from epitaxy_models.data.crystals.builder import write_cifs
from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures import TextFormat, read_text
from epitaxy_models.structures.filled_cell import are_same_atoms
from epitaxy_models.structures.schoenflies import number_of_schoenflies
from epitaxy_models.structures.space_group_names import space_groups_of_symbol

DIAMOND = {"cell": (3.567, 3.567, 3.567, 90, 90, 90), "rows": ["C1 C 0 0 0"]}


def read(text: str):
    return read_text(text, TextFormat.CIF)


def codes(findings) -> list[str]:
    return [one.code for one in findings]


def refusal(text: str) -> InvalidStructureError:
    with pytest.raises(InvalidStructureError, match=r".{10,}") as error:
        read(text)
    assert len(error.value.message) < 420
    return error.value


def group_number(structure) -> int:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Set OLD_ERROR_HANDLING", DeprecationWarning)
        cell = (structure.lattice, structure.frac_coords, structure.atomic_numbers)
        return spglib.get_symmetry_dataset(cell, 1e-4).number


@pytest.mark.parametrize(
    "statement",
    [
        "_symmetry_space_group_name_H-M 'F m -3 m'",
        "_symmetry_space_group_name_H_M 'F m -3 m'",
        "_symmetry.space_group_name_H-M 'F m -3 m'",
        "_space_group_name_H-M 'F m -3 m'",
        "_space_group_name_H-M_alt 'F m -3 m'",
        "_space_group_name_H_M_alt Fm-3m",
        "_space_group.name_H-M_alt 'F m -3 m'",
        "_space_group.name_H-M_ref 'F m -3 m'",
        "_space_group.name_H-M_full 'F 4/m -3 2/m'",
        "_SPACE_GROUP_NAME_HM 'FM-3M'",
        "_space_group_name_Hall '-F 4 2 3'",
        "_symmetry_space_group_name_Hall '-F 4 2 3'",
        "_space_group.name_Hall '-F 4 2 3'",
        "_space_group_IT_number 225",
        "_space_group.IT_number 225",
        "_symmetry_Int_Tables_number 225",
        "_symmetry.Int_Tables_number 225",
        "_symmetry_space_group_number 225",
        "_spacegroup_symbol 'F m -3 m'",
        "_symmetry_group Fm-3m",
        "_space_group_name_Schoenflies Oh.5",
        "_space_group.name_Schoenflies 'O_h^5'",
        "_symmetry_Int_Tables_number 'No. 225'",
        "_space_group_IT_number 225.0",
        "_sg_Hall_name '-F 4 2 3'",
    ],
)
def test_the_group_is_read_under_any_tag_that_states_it(statement):
    intake = read(cif_text(statement))
    assert (intake.structure.reduced_formula, intake.structure.n_sites) == ("ClNa", 8)
    assert intake.repairs == ()


@pytest.mark.parametrize(
    "tag",
    [
        "_symmetry_equiv_pos_as_xyz",
        "_symmetry_equiv.pos_as_xyz",
        "_space_group_symop_operation_xyz",
        "_space_group_symop.operation_xyz",
        "_space_group_symop_xyz",
        "_symop_list",
    ],
)
def test_operations_are_read_under_any_tag_that_lists_them(tag):
    triplets = gemmi.find_spacegroup_by_name("F m -3 m").operations()
    intake = read(cif_text(loop(tag, [operation.triplet() for operation in triplets])))
    assert intake.structure.n_sites == 8
    assert intake.repairs == ()


@pytest.mark.parametrize(
    "statement",
    [
        "_space_group_kind 'something else'",
        "_symmetry_code 17",
        "_space_group_name_H-M_alt 'Q 7 z'",
        loop("_local_symop_codes", ["a", "b"]),
    ],
)
def test_a_statement_that_nobody_understands_is_refused_and_never_means_p1(statement):
    error = refusal(cif_text(statement))
    assert error.reason == "UNREADABLE"
    assert "operations" in error.message


@pytest.mark.parametrize(
    "statement",
    ["_symmetry_cell_setting triclinic", "_space_group_crystal_system triclinic", "_space_group_name_H-M_alt ?"],
)
def test_what_names_no_group_leaves_p1_assumed_and_said_so(statement):
    intake = read(cif_text(statement))
    assert intake.structure.n_sites == 2
    assert codes(intake.repairs) == ["ASSUMED_P1"]


@pytest.mark.parametrize(
    ("symbol", "number", "n_operations"),
    [
        ("P2(1)/c", 14, 4),
        ("P 2_1/c", 14, 4),
        ("P 2~1~/c", 14, 4),
        ("P 2<sub>1</sub>/c", 14, 4),
        ("P 21/n", 14, 4),
        ("P 1 21/n 1", 14, 4),
        ("P21/b", 14, 4),
        ("P n m a :cab", 62, 8),
        ("C 1 2/c 1", 15, 8),
        ("A b m 2 (-cba)", 39, 8),
        ("A e m 2", 39, 8),
        ("I 41/a m d S", 141, 32),
        ("I41/amdZ", 141, 32),
        ("F d -3 m O2", 227, 192),
        ("Fd3mz", 227, 192),
        ("R -3 m R", 166, 12),
        ("R-3mH", 166, 36),
        ("F m -3 m (225)", 225, 192),
        ("F 4/m -3 2/m", 225, 192),
    ],
)
def test_symbols_are_read_as_programs_spell_them(symbol, number, n_operations):
    (group,) = space_groups_of_symbol(symbol)
    assert (group.number, group.n_operations) == (number, n_operations)


def test_suffixes_name_the_setting_that_the_tables_have():
    for symbol, setting in {
        "A b m 2 (-cba)": "C 2 m b",
        "I 41/a m d S": "I 41/a m d:1",
        "P 21/c :b2": "P 1 21/n 1",
        "Fd-3mZ": "F d -3 m:2",
    }.items():
        assert [group.name for group in space_groups_of_symbol(symbol)] == [f"space group {setting}"]


CELLS = {
    "triclinic": (5.1, 6.3, 7.7, 81, 97, 103),
    "b": (5.1, 6.3, 7.7, 90, 103, 90),
    "c": (5.1, 6.3, 7.7, 90, 90, 103),
    "a": (5.1, 6.3, 7.7, 103, 90, 90),
    "orthorhombic": (6.1, 7.3, 8.7, 90, 90, 90),
    "tetragonal": (7.1, 7.1, 9.7, 90, 90, 90),
    "hexagonal": (14.1, 14.1, 13.7, 90, 90, 120),
    "rhombohedral": (7.1, 7.1, 7.1, 71, 71, 71),
    "cubic": (9.1, 9.1, 9.1, 90, 90, 90),
}


def cell_of(entry: gemmi.SpaceGroup) -> tuple[float, ...]:
    system = entry.crystal_system_str()
    if system == "monoclinic":
        return CELLS[entry.qualifier.strip("-")[0]]
    if system == "trigonal":
        return CELLS["rhombohedral" if entry.ext == "R" else "hexagonal"]
    return CELLS[system]


SETTINGS = [entry for entry in gemmi.spacegroup_table() if entry.hall][::3]


@pytest.mark.parametrize("entry", SETTINGS, ids=lambda entry: f"{entry.xhm()} {entry.qualifier}".strip())
def test_operations_hall_symbol_and_name_of_a_setting_give_one_crystal(entry):
    rows, cell = ["Si1 Si 0.083 0.211 0.347"], cell_of(entry)
    triplets = [operation.triplet() for operation in entry.operations()]
    listed = read(cif_text(loop("_symmetry_equiv_pos_as_xyz", triplets), rows, cell=cell)).structure
    assert listed.n_sites == len(triplets)
    for statement in (f"_space_group_name_Hall '{entry.hall}'", f"_space_group_name_H-M_alt '{entry.xhm()}'"):
        intake = read(cif_text(statement, rows, cell=cell))
        assert intake.repairs == ()
        assert are_same_atoms(intake.structure, listed, 1e-3)
    both = cif_text(
        f"_space_group_IT_number {entry.number}\n_space_group_name_H-M_alt '{entry.xhm()}'\n"
        + loop("_space_group_symop_operation_xyz", triplets),
        rows,
        cell=cell,
    )
    assert (read(both).repairs, read(both).notes) == ((), ())


@pytest.mark.parametrize("number", [2, 14, 19, 62, 88, 141, 148, 166, 176, 194, 205, 216, 221, 225, 227, 230])
def test_the_group_of_what_was_read_is_the_group_that_was_stated(number):
    entry = gemmi.find_spacegroup_by_number(number)
    text = cif_text(f"_space_group_name_H-M_alt '{entry.xhm()}'", ["Si1 Si 0.083 0.211 0.347"], cell=cell_of(entry))
    structure = read(text).structure
    assert group_number(structure) == number


# Statements that contradict each other.


def test_a_lone_identity_against_the_symbol_is_decided_by_the_multiplicities():
    rows = ["Mg1 Mg 4 0 0 0", "O1 O 4 0.5 0.5 0.5"]
    text = cif_text("_space_group_name_H-M_alt 'F m -3 m'\n" + loop("_symmetry_equiv_pos_as_xyz", ["x, y, z"]))
    text = text.replace("_type_symbol\n", "_type_symbol\n_atom_site_symmetry_multiplicity\n")
    for old, new in zip(ROCK_SALT_ROWS, rows, strict=True):
        text = text.replace(old, new)
    intake = read(text.replace("5.64", "4.21"))
    assert (intake.structure.reduced_formula, intake.structure.n_sites) == ("MgO", 8)
    (repair,) = intake.repairs
    assert repair.code == "CHOSEN_SYMMETRY"
    assert "_symmetry_equiv_pos_as_xyz" in repair.message
    assert "'F m -3 m'" in repair.message


@pytest.mark.parametrize(
    "rest",
    [
        "_chemical_formula_sum 'Na Cl'\n_cell_formula_units_Z 4",
        "_exptl_crystal_density_diffrn 2.163",
        "",  # the distances alone: 4.9 Angstrom from a sodium to the next atom are none
    ],
)
@pytest.mark.parametrize("wrong", ["_symmetry_Int_Tables_number 1", "_space_group_name_Hall 'P 1'"])
def test_a_default_p1_beside_the_true_symbol_is_overruled_by_the_rest_of_the_file(wrong, rest):
    intake = read(cif_text(f"_symmetry_space_group_name_H-M 'F m -3 m'\n{wrong}\n{rest}"))
    assert intake.structure.n_sites == 8
    assert codes(intake.repairs) == ["CHOSEN_SYMMETRY"]


def test_a_default_symbol_beside_the_true_operations_is_overruled_too():
    triplets = [operation.triplet() for operation in gemmi.find_spacegroup_by_name("F m -3 m").operations()]
    intake = read(cif_text("_symmetry_space_group_name_H-M 'P 1'\n" + loop("_symmetry_equiv_pos_as_xyz", triplets)))
    assert intake.structure.n_sites == 8
    assert codes(intake.repairs) == ["CHOSEN_SYMMETRY"]


def test_centring_left_out_of_the_operations_is_seen():
    triplets = [operation.triplet() for operation in gemmi.find_spacegroup_by_name("P m -3 m").operations()]
    text = cif_text("_symmetry_space_group_name_H-M 'F m -3 m'\n" + loop("_symmetry_equiv_pos_as_xyz", triplets))
    intake = read(text)
    assert intake.structure.n_sites == 8
    assert codes(intake.repairs) == ["CHOSEN_SYMMETRY"]


def shifted(name: str, eighths: tuple[int, int, int]) -> list[str]:
    """The operations of a group about another origin, which no table lists."""
    forth, back = (
        gemmi.Op(",".join(f"{axis}{sign}{step}/8" for axis, step in zip("xyz", eighths, strict=True))) for sign in "+-"
    )
    operations = gemmi.find_spacegroup_by_name(name).operations()
    return [(forth * operation * back).wrap().triplet() for operation in operations]


def test_another_origin_agrees_with_the_symbol_and_a_lattice_without_centring_does_not():
    rows = ["Na1 Na 0.125 0.25 0.375", "Cl1 Cl 0.625 0.75 0.875"]
    name = "_symmetry_space_group_name_H-M 'F m -3 m'\n"
    whole = read(cif_text(name + loop("_symmetry_equiv_pos_as_xyz", shifted("F m -3 m", (1, 2, 3))), rows))
    assert (whole.structure.n_sites, whole.repairs, whole.notes) == (8, (), ())
    assert group_number(whole.structure) == 225
    primitive = cif_text(name + loop("_symmetry_equiv_pos_as_xyz", shifted("P m -3 m", (1, 2, 3))), rows)
    # Read by the symbol, the sites overlap; read by the operations, they are lone atoms.
    error = refusal(primitive)
    assert error.reason == "SYMMETRY_MISMATCH"
    assert "no reading of them has the distances of bonds" in error.message
    stated = read(primitive.replace("data_x", "data_x\n_cell_formula_units_Z 1\n_chemical_formula_sum 'Na Cl'"))
    assert (stated.structure.n_sites, codes(stated.repairs)) == (2, ["CHOSEN_SYMMETRY"])


def test_operations_that_break_off_are_completed_by_the_name_that_holds_them():
    triplets = [operation.triplet() for operation in gemmi.find_spacegroup_by_name("F d -3 m:1").operations()]
    text = cif_text("_space_group_name_H-M_alt 'F d -3 m'\n" + loop("_symmetry_equiv_pos_as_xyz", triplets[:50]))
    intake = read(text.replace("5.64", "5.43").replace("Na1 Na 0 0 0\nCl1 Cl 0.5 0.5 0.5", "Si1 Si 0 0 0"))
    assert intake.structure.n_sites == 8
    assert codes(intake.repairs) == ["COMPLETED_OPERATIONS"]
    bare = cif_text(loop("_symmetry_equiv_pos_as_xyz", triplets[:50]))
    assert refusal(bare).reason == "TRUNCATED_FILE"


def test_the_identity_may_be_left_out_of_the_operations():
    triplets = [operation.triplet() for operation in gemmi.find_spacegroup_by_name("F m -3 m").operations()]
    assert triplets[0] == "x,y,z"
    assert read(cif_text(loop("_symmetry_equiv_pos_as_xyz", triplets[1:]))).structure.n_sites == 8


def test_contradictions_that_nothing_decides_are_refused_by_both_names():
    text = cif_text(
        "_symmetry_space_group_name_H-M 'P m -3 m'\n_space_group_IT_number 221\n"
        "_space_group_name_Hall 'F 4 2 3'\n_chemical_formula_sum 'Cs Cl'\n_cell_formula_units_Z 1",
        ["Cs1 Cs 0 0 0", "Cl1 Cl 0.5 0.25 0.5"],
        cell=(4.12, 4.12, 4.12, 90, 90, 90),
    )
    error = refusal(text)
    assert error.reason == "SYMMETRY_MISMATCH"
    assert "'P m -3 m'" in error.message
    assert "'F 4 2 3'" in error.message


def test_a_contradiction_that_does_not_matter_is_a_note():
    """All atoms of the cell in P 1, and the symbol that they came from: either way the same crystal."""
    corners = [(0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)]
    rows = [f"Na{at} Na {x} {y} {z}" for at, (x, y, z) in enumerate(corners)]
    rows += [f"Cl{at} Cl {x + 0.5} {y} {z}" for at, (x, y, z) in enumerate(corners)]
    text = cif_text("_symmetry_space_group_name_H-M 'F m -3 m'\n" + loop("_symmetry_equiv_pos_as_xyz", ["x,y,z"]), rows)
    intake = read(text)
    assert intake.structure.n_sites == 8
    assert "UNUSED_SYMMETRY" in codes(intake.notes)
    assert "CHOSEN_SYMMETRY" not in codes(intake.repairs)


def test_hall_symbol_of_one_origin_and_name_of_the_other_never_pass_in_silence():
    statements = "_space_group_name_Hall '-F 4vw 2vw 3'\n_space_group_name_H-M_alt 'F d -3 m :1'"
    silicon = cif_text(statements, ["Si1 Si 0 0 0"], cell=(5.43, 5.43, 5.43, 90, 90, 90))
    assert refusal(silicon).reason == "SYMMETRY_MISMATCH"
    with_formula = f"{statements}\n_chemical_formula_sum C\n_cell_formula_units_Z 8"
    intake = read(cif_text(with_formula, **DIAMOND))
    assert intake.structure.n_sites == 8
    assert codes(intake.repairs) == ["CHOSEN_SYMMETRY"]


@pytest.mark.parametrize("symbol", ["P 1", "P -1"])
def test_an_asymmetric_unit_in_too_low_a_symmetry_is_refused_by_its_multiplicities(symbol):
    rows = ["Na1 Na 0 0 0 4", "Cl1 Cl 0.5 0.5 0.5 4"]
    error = refusal(cif_text(f"_symmetry_space_group_name_H-M '{symbol}'", rows, columns=["symmetry_multiplicity"]))
    assert error.reason == "SYMMETRY_MISMATCH"
    assert "multiplicity 4" in error.message


@pytest.mark.parametrize("system", ["_symmetry_cell_setting cubic", "_space_group_crystal_system Tetragonal"])
@pytest.mark.parametrize("group", ["", "_symmetry_space_group_name_H-M 'P 1'"])
def test_lone_atoms_in_a_cell_of_high_symmetry_are_refused(system, group):
    assert refusal(cif_text(f"{system}\n{group}")).reason == "SYMMETRY_MISMATCH"
    near = cif_text(
        f"{system}\n_space_group_IT_number 1", ["Cs1 Cs 0 0 0", "Cl1 Cl .5 .5 .5"], cell=(4.12,) * 3 + (90,) * 3
    )
    assert read(near).structure.n_sites == 2


def test_an_unknown_angle_is_no_right_angle():
    text = cif_text("_space_group_IT_number 1", cell=(5.64, 5.64, 5.64, 90, "?", 90))
    assert refusal(text).reason == "UNREADABLE"
    assert read(text.replace("_cell_angle_beta ?", "")).structure.n_sites == 2


def test_density_shows_that_atoms_are_missing():
    error = refusal(cif_text("_symmetry_space_group_name_H-M 'P 1'\n_exptl_crystal_density_diffrn 2.163(2)"))
    assert error.reason == "FORMULA_MISMATCH"
    assert "2.163 g/cm3" in error.message
    assert read(cif_text("_space_group_IT_number 225\n_exptl_crystal_density_diffrn 2163")).structure.n_sites == 8


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (["Na1 Na 0 0 0 4", "Cl1 Cl .5 .5 .5 4"], ["symmetry_multiplicity"]),
        (["Na1 Na 0 0 0 4", "Cl1 Cl .5 .5 .5 4"], ["site_symmetry_multiplicity"]),
        (["Na1 Na 0 0 0 48", "Cl1 Cl .5 .5 .5 48"], ["site_symmetry_order"]),
        (["Na1 Na 0 0 0 48", "Cl1 Cl .5 .5 .5 48"], ["symmetry_multiplicity"]),  # as SHELX-97 wrote it
        (["Na1 Na 0 0 0 ?", "Cl1 Cl .5 .5 .5 4"], ["symmetry_multiplicity"]),
    ],
)
def test_multiplicities_that_agree_say_nothing(rows, columns):
    intake = read(cif_text("_symmetry_Int_Tables_number 225", rows, columns=columns))
    assert intake.structure.n_sites == 8
    assert (intake.repairs, intake.notes) == ((), ())


def test_all_atoms_listed_in_p1_may_keep_their_multiplicities():
    rows = ["C1 C 0 0 0 2", "C2 C 0.5 0.5 0.5 2"]
    text = cif_text("_space_group_IT_number 1", rows, columns=["symmetry_multiplicity"], cell=(3, 3, 3, 90, 90, 90))
    assert read(text).structure.n_sites == 2


# Settings that the file leaves open.


@pytest.mark.parametrize("statement", ["_space_group_name_H-M_alt 'F d -3 m'", "_symmetry_Int_Tables_number 227"])
@pytest.mark.parametrize("element", ["Si 5.43", "C 3.567", "Ge 5.66"])
def test_the_open_origin_of_diamond_is_found_by_its_distances(statement, element):
    symbol, edge = element.split()
    cell = (*[float(edge)] * 3, 90, 90, 90)
    first = read(cif_text(statement, [f"A1 {symbol} 0 0 0"], cell=cell))
    second = read(cif_text(statement, [f"A1 {symbol} 0.125 0.125 0.125"], cell=cell))
    assert (first.structure.n_sites, second.structure.n_sites) == (8, 8)
    assert codes(first.repairs) == ["ASSUMED_SETTING"]
    assert "F d -3 m:1 assumed" in first.repairs[0].message
    assert "16 atoms" in first.repairs[0].message
    assert codes(second.repairs + second.notes)[0] in {"ASSUMED_SETTING", "CHOSEN_SETTING"}


def test_an_open_setting_that_multiplicities_or_density_decide_is_a_note():
    for extra, columns in (("8", ["symmetry_multiplicity"]), ("", [])):
        density = "" if columns else "\n_exptl_crystal_density_diffrn 3.51"
        text = cif_text(
            f"_space_group_name_H-M_alt 'F d -3 m'{density}",
            [f"C1 C 0 0 0 {extra}"],
            columns=columns,
            cell=DIAMOND["cell"],
        )
        intake = read(text)
        assert intake.structure.n_sites == 8
        assert (codes(intake.repairs), codes(intake.notes)) == ([], ["CHOSEN_SETTING"])


def test_axes_of_r_are_taken_from_the_cell():
    rows = ["Bi1 Bi 0 0 0"]
    hexagonal = read(cif_text("_space_group_name_H-M_alt 'R -3 m'", rows, cell=(4.55, 4.55, 11.86, 90, 90, 120)))
    rhombohedral = read(cif_text("_space_group_name_H-M_alt 'R -3 m'", rows, cell=(4.75, 4.75, 4.75, 57, 57, 57)))
    assert (hexagonal.structure.n_sites, rhombohedral.structure.n_sites) == (3, 1)
    assert hexagonal.repairs == rhombohedral.repairs == ()


@pytest.mark.parametrize(("cell", "n_sites"), [("b", 4), ("c", 4), ("a", 4)])
@pytest.mark.parametrize("statement", ["_space_group_name_H-M_alt 'P 2/m'", "_space_group_IT_number 10"])
def test_the_unique_axis_of_a_short_symbol_is_taken_from_the_cell(statement, cell, n_sites):
    text = cif_text(statement, ["Si1 Si 0.083 0.211 0.347"], cell=CELLS[cell])
    structure = read(text).structure
    assert structure.n_sites == n_sites
    assert group_number(structure) == 10


def test_the_coordinate_system_code_settles_the_origin():
    text = cif_text("_space_group_IT_number 227\n_space_group.IT_coordinate_system_code 1", **DIAMOND)
    intake = read(text)
    assert (intake.structure.n_sites, intake.repairs, intake.notes) == (8, (), ())
    assert read(text.replace("_code 1", "_code 2").replace("3.567", "4.6")).structure.n_sites == 16


@pytest.fixture(scope="module")
def bundled_cifs(tmp_path_factory) -> list[str]:
    return [path.read_text() for path in write_cifs(tmp_path_factory.mktemp("crystals"))]


def test_the_origins_of_real_crystals_are_found_when_their_files_do_not_say_them(bundled_cifs):
    """Spinels, scheelites, zircons and others, with nothing but the symbol, never become another crystal in silence."""
    n_tried = n_right = 0
    for text in bundled_cifs:
        block = gemmi.cif.read_string(text)[0]
        symbol = block.find_value("_symmetry_space_group_name_H-M").strip("'")
        if not symbol.endswith((":1", ":2")):
            continue
        bare = cif_text(
            f"_symmetry_space_group_name_H-M '{symbol[:-2]}'",
            [
                " ".join(row)
                for row in block.find("_atom_site_", ["label", "type_symbol", "fract_x", "fract_y", "fract_z"])
            ],
            cell=[block.find_value(f"_cell_{tag}") for tag in CELL_TAGS],
        )
        n_tried += 1
        intake = read(bare)
        if are_same_atoms(intake.structure, read(text).structure, 0.1):
            n_right += 1
        else:
            assert codes(intake.repairs) == ["ASSUMED_SETTING"]
    assert n_tried >= 50
    assert n_right / n_tried > 0.95


def test_what_agrees_is_neither_repaired_nor_noted(bundled_cifs):
    for text in bundled_cifs[::4]:
        intake = read(text)
        assert set(codes(intake.repairs)) <= {"WRAPPED_COORDINATES"}
        assert intake.notes == ()


@pytest.mark.parametrize(
    "statement",
    [
        "_space_group.layer_number 61",
        "_space_group_layer_group_name 'p 4/m m m'",
        "_space_group.Bravais_type cF",
        "_space_group.Laue_class m-3m",
        "_space_group.point_group_H-M m-3m",
        "_space_group.Patterson_name_H-M 'F m -3 m'",
        "_space_group_name_Schoenflies Qq.7",
    ],
)
def test_a_class_or_a_group_of_a_layer_alone_is_no_space_group_and_not_p1(statement):
    assert "states a symmetry that is not known" in refusal(cif_text(statement)).message


def test_a_setting_code_is_held_against_the_symbol():
    """Distances decide for carbon; for silicon both origins are possible."""
    text = "_symmetry_space_group_name_H-M 'F d -3 m :2'\n_space_group_IT_coordinate_system_code 1"
    intake = read(cif_text(text, **{**DIAMOND, "rows": ["C1 C 0.125 0.125 0.125"]}))
    assert (intake.structure.n_sites, codes(intake.repairs)) == (8, ["CHOSEN_SYMMETRY"])
    cell = (5.43, 5.43, 5.43, 90, 90, 90)
    error = refusal(cif_text(text, cell=cell, rows=["Si1 Si 0.125 0.125 0.125"]))
    assert error.reason == "SYMMETRY_MISMATCH"
    assert "'227 1'" in error.message


def test_every_schoenflies_symbol_of_the_tables_is_read():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Set OLD_ERROR_HANDLING", DeprecationWarning)
        types = [spglib.get_spacegroup_type(hall) for hall in range(1, 531)]
    assert [number_of_schoenflies(one.schoenflies) for one in types] == [one.number for one in types]
    assert number_of_schoenflies("Oh") is None
    assert number_of_schoenflies("Oh.11") is None
