"""Sketches of texts: what a header tells, by whichever convention it was written."""

import io
import math

import pytest
from ase.io import write as write_with_ase
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor
from pymatgen.io.cif import CifWriter

from epitaxy.prediction.searching.sketch import UNKNOWN, sketch_text
from epitaxy_models.structures import TextFormat

SALT = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
STANDARD = """data_salt
_symmetry_space_group_name_H-M 'F m -3 m'
_cell_length_a 5.64
_cell_length_b 5.64
_cell_length_c 5.64
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_chemical_formula_sum 'Cl Na'
_cell_formula_units_Z 4
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Na1 0 0 0
Cl1 0.5 0.5 0.5
"""


def by_ase(structure):
    file = io.BytesIO()
    write_with_ase(file, AseAtomsAdaptor.get_atoms(structure), format="cif")
    return file.getvalue().decode()


@pytest.mark.parametrize(
    ("text", "structure"),
    [
        pytest.param(STANDARD, SALT, id="the formula of a unit and Z, as the standard says"),
        pytest.param(str(CifWriter(SALT)), SALT, id="the formula of the cell and Z, as pymatgen writes"),
        pytest.param(STANDARD.replace("Cl Na", "Na4 Cl4"), SALT, id="the same with symmetry"),
        pytest.param(by_ase(SALT), SALT, id="the formula of the cell without Z, as ASE writes"),
        pytest.param(STANDARD.replace("_chemical_formula_sum 'Cl Na'\n", ""), SALT, id="no formula: read in full"),
    ],
)
def test_sites_and_volume_are_those_of_the_cell(text, structure):
    sketch = sketch_text(text, TextFormat.CIF)
    assert sketch.n_sites == len(structure)
    assert sketch.volume == pytest.approx(structure.volume)
    shares = {element.Z: share for element, share in structure.composition.fractional_composition.items()}
    assert {number: amount / sum(sketch.amounts.values()) for number, amount in sketch.amounts.items()} == shares


def test_units_of_an_element_are_molecules_as_pymatgen_counts_them():
    oxygen = STANDARD.replace("'Cl Na'", "O8").replace("Cl1 0.5 0.5 0.5\n", "")
    assert sketch_text(oxygen, TextFormat.CIF).n_sites == 8


def test_a_formula_alone_does_not_tell_how_many_sites_a_cell_with_symmetry_has():
    text = STANDARD.replace("_cell_formula_units_Z 4\n", "").replace("Cl1 0.5 0.5 0.5\n", "")
    sketch = sketch_text(text, TextFormat.CIF)
    assert math.isnan(sketch.n_sites)
    assert sketch.volume == pytest.approx(SALT.volume)


@pytest.mark.parametrize("text", ["", "data_x\n", "no CIF", "data_x\n_chemical_formula_sum 'Qq2'\n_cell_length_a 3\n"])
def test_what_cannot_be_read_is_unknown_so_that_it_is_evaluated_and_refused_in_full(text):
    assert sketch_text(text, TextFormat.CIF) is UNKNOWN
