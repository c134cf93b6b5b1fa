import subprocess
import sys

import numpy as np
import pytest

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures import TextFormat, read_text

HEADER = "comment\n{scale}\n4 0 0\n0 4 0\n0 0 5\nTi_pv O/3f2a\n1 1\n"


def test_intake_imports_neither_torch_nor_pymatgen_nor_ase():
    code = (
        "import sys, epitaxy_models.structures as s\n"
        "s.read_text('x', s.TextFormat.POSCAR) if False else None\n"
        "print([m for m in ('torch', 'pymatgen', 'ase', 'scipy', 'numba') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_poscar_reads_selective_dynamics_and_ignores_velocities():
    text = HEADER.format(scale=1.0) + "Selective dynamics\nDirect\n0 0 0 T T F\n.5 .5 .5 F F F\n\n0 0 0\n0 0 0\n"
    structure = read_text(text, TextFormat.POSCAR).structure
    assert structure.reduced_formula == "OTi"
    np.testing.assert_array_equal(structure.frac_coords, [[0, 0, 0], [0.5, 0.5, 0.5]])


def test_poscar_scale_stretches_cell_and_cartesian_coordinates():
    structure = read_text(
        HEADER.format(scale="1.5 ! wide") + "Cartesian\n0 0 0\n2 2 2.5\n", TextFormat.POSCAR
    ).structure
    np.testing.assert_allclose(np.diag(structure.lattice), [6, 6, 7.5])
    np.testing.assert_allclose(structure.frac_coords[1], 0.5)


def test_poscar_negative_scale_is_the_volume():
    structure = read_text(HEADER.format(scale=-640) + "Cartesian\n0 0 0\n2 2 2.5\n", TextFormat.POSCAR).structure
    assert structure.volume == pytest.approx(640)
    np.testing.assert_allclose(structure.frac_coords[1], 0.5)


def test_poscar_three_scales_stretch_the_axes():
    structure = read_text(HEADER.format(scale="1 2 3") + "Direct\n0 0 0\n.5 .5 .5\n", TextFormat.POSCAR).structure
    np.testing.assert_allclose(np.diag(structure.lattice), [4, 8, 15])


def test_coordinates_outside_of_the_cell_are_wrapped_and_counted():
    text = HEADER.format(scale=1) + "Direct\n-0.25 1.0 0\n.5 .5 .5\n"
    intake = read_text(text, TextFormat.POSCAR)
    np.testing.assert_allclose(intake.structure.frac_coords[0], [0.75, 0, 0])
    assert [(one.code, one.message) for one in intake.repairs] == [
        ("WRAPPED_COORDINATES", "coordinates of 1 site(s) wrapped into [0, 1)")
    ]


def test_rounding_below_zero_is_no_wrap():
    text = HEADER.format(scale=1) + "Direct\n-1e-18 0 0\n.5 .5 .5\n"
    intake = read_text(text, TextFormat.POSCAR)
    assert intake.repairs == ()
    np.testing.assert_array_equal(intake.structure.frac_coords[0], 0)


def test_left_handed_cells_are_fine():
    text = HEADER.format(scale=1).replace("4 0 0\n0 4 0", "0 4 0\n4 0 0") + "Direct\n0 0 0\n.5 .5 .5\n"
    structure = read_text(text, TextFormat.POSCAR).structure
    assert np.linalg.det(structure.lattice) < 0
    assert structure.volume == pytest.approx(80)


@pytest.mark.parametrize(
    ("properties", "rows"),
    [
        ("species:S:1:pos:R:3", ["Na 0 0 0", "Cl 2.5 2.5 2.5"]),
        ("pos:R:3:species:S:1", ["0 0 0 Na", "2.5 2.5 2.5 Cl"]),
        ("forces:R:3:Z:I:1:pos:R:3", ["9 9 9 11 0 0 0", "9 9 9 17 2.5 2.5 2.5"]),
        ("species:S:1:pos:R:3:magmom:R:1", ["Na 0 0 0 1.5", "Cl 2.5 2.5 2.5 0"]),
    ],
)
def test_extxyz_columns_come_in_any_order(properties, rows):
    comment = f'energy=-3.2 Lattice="5.0 0 0 0 5.0 0 0 0 5.0" name="a b" Properties={properties}'
    intake = read_text("\n".join(["2", comment, *rows]), TextFormat.EXTXYZ)
    assert intake.repairs == ()
    np.testing.assert_array_equal(intake.structure.atomic_numbers, [11, 17])
    np.testing.assert_allclose(intake.structure.frac_coords[1], 0.5)


def test_extxyz_reports_further_frames():
    frame = '1\nLattice="5 0 0 0 5 0 0 0 5"\nNa 0 0 0\n'
    assert read_text(frame, TextFormat.EXTXYZ).repairs == ()
    assert [one.code for one in read_text(frame * 2, TextFormat.EXTXYZ).repairs] == ["IGNORED_DATA_BLOCKS"]


@pytest.mark.parametrize(
    "species", [{"element": "Fe", "oxidation_state": 3, "occu": 1}, {"element": "Fe3+", "occu": 1.0}]
)
def test_json_strips_oxidation_states(species):
    import json

    text = json.dumps(
        {
            "lattice": {"a": 2.87, "b": 2.87, "c": 2.87, "alpha": 90, "beta": 90, "gamma": 90},
            "sites": [{"species": [species], "xyz": [0, 0, 0]}],
        }
    )
    intake = read_text(text, TextFormat.PYMATGEN_JSON)
    assert intake.structure.reduced_formula == "Fe"
    assert [one.code for one in intake.repairs] == ["STRIPPED_OXIDATION_STATES"]


SPACED = "x\n1.0\n4 0 0\n0 4 0\n0 0 8\nTi O\n1 2\nDirect\n0 0 0\n-.35 -.11227753 -.25402785\n.35 .11227753 .25402785\n"


@pytest.mark.parametrize(
    ("rows", "n_glued"),
    [
        (["0.00000000 0.00000000 0.00000000", "-0.35000000-0.11227753-0.25402785", ".35 .11227753 .25402785"], 1),
        (["0.000000000.000000000.00000000", "-0.35000000-0.11227753-0.25402785", "0.350000000.112277530.25402785"], 3),
        (["0 0 0", "-0.35000000 -0.11227753-0.25402785 T T F", "0.350000000.11227753 0.25402785 T T T"], 2),
        (["0 0 0", "-3.5E-01-1.1227753E-01-2.5402785E-01", "3.5D-1 1.1227753D-1 2.5402785D-1"], 1),
    ],
)
def test_poscar_columns_that_touch_are_taken_apart_and_told(rows, n_glued):
    head = "\n".join(SPACED.split("\n")[:8])
    intake = read_text("\n".join([head, *rows, ""]), TextFormat.POSCAR)
    spaced = read_text(SPACED, TextFormat.POSCAR).structure
    np.testing.assert_allclose(intake.structure.frac_coords, spaced.frac_coords, atol=1e-12)
    (repair,) = [one for one in intake.repairs if one.code == "SPLIT_GLUED_NUMBERS"]
    assert f"on {n_glued} line(s)" in repair.message


def test_poscar_vectors_that_touch_are_taken_apart():
    text = SPACED.replace("4 0 0\n0 4 0", "4.00000000-0.50000000-0.50000000\n0 4 0")
    structure = read_text(text, TextFormat.POSCAR).structure
    np.testing.assert_allclose(structure.lattice[0], [4, -0.5, -0.5])


def test_poscar_row_that_cannot_be_taken_apart_is_named_and_not_called_truncated():
    text = SPACED.replace("-.35 -.11227753 -.25402785", "0.35 0.112")
    with pytest.raises(InvalidStructureError, match=r"line 10 is '0\.35 0\.112'") as error:
        read_text(text, TextFormat.POSCAR)
    assert error.value.reason == "UNREADABLE"


@pytest.mark.parametrize(
    "header",
    [
        "Ti O\n1 2",
        "Ti\nO\n1 2",
        "Ti O\n1\n2",
        "Ti ! titanium\nO ! oxide\n1 ! one\n2 # two",
        "Ti O ! 2 species\n1 2 ! atoms",
        "  Ti_sv  O_s/3f2a \n  1   2  ",
    ],
)
def test_poscar_species_and_counts_run_over_lines_and_have_comments(header):
    text = SPACED.replace("Ti O\n1 2", header)
    assert read_text(text, TextFormat.POSCAR).structure.content_digest() == (
        read_text(SPACED, TextFormat.POSCAR).structure.content_digest()
    )


def test_poscar_without_species_is_refused_as_vasp_4():
    with pytest.raises(InvalidStructureError, match=r"line 6 must name the species .*VASP 4"):
        read_text(SPACED.replace("Ti O\n", ""), TextFormat.POSCAR)
