"""Real crystals written by other programs and read back, against the structure they were written from."""

from io import BytesIO, StringIO

import pytest

from epitaxy_models.structures import TextFormat, read_text


def test_cif_with_symmetry_by_pymatgen(real_structures, to_pymatgen, same_crystal, quiet):
    from pymatgen.io.cif import CifParser, CifWriter

    with_symmetry = 0
    for structure in real_structures:
        text = str(CifWriter(to_pymatgen(structure), symprec=0.01))
        with_symmetry += "'x, y, z'" in text and text.count("x, ") > 2
        theirs = CifParser(StringIO(text), site_tolerance=1e-3).parse_structures(primitive=False)[0]
        assert same_crystal(read_text(text, TextFormat.CIF).structure, theirs, 5e-3), structure.reduced_formula
    assert with_symmetry > 40


def test_cif_in_p1_by_pymatgen(real_structures, to_pymatgen, same_crystal):
    from pymatgen.io.cif import CifWriter

    for structure in real_structures:
        crystal = to_pymatgen(structure)
        intake = read_text(str(CifWriter(crystal)), TextFormat.CIF)
        assert intake.repairs == ()
        assert same_crystal(intake.structure, crystal, 1e-4), structure.reduced_formula


def test_cif_by_ase(real_structures, to_pymatgen, same_crystal):
    from ase import Atoms
    from ase.io.cif import write_cif

    for structure in real_structures[:60]:
        atoms = Atoms(
            structure.atomic_numbers, cell=structure.lattice, scaled_positions=structure.frac_coords, pbc=True
        )
        written = BytesIO()
        write_cif(written, atoms)
        text = written.getvalue().decode()
        intake = read_text(text, TextFormat.CIF)
        assert intake.repairs == ()
        assert same_crystal(intake.structure, to_pymatgen(structure), 1e-3), structure.reduced_formula


def test_cif_by_gemmi(prototypes, same_crystal, to_pymatgen):
    import gemmi

    for name in ("rutile", "bi2te3_hexagonal", "baddeleyite", "spinel_origin_2"):
        small = gemmi.make_small_structure_from_block(gemmi.cif.read_string(prototypes[name])[0])
        text = small.make_cif_block().as_string()
        ours = read_text(text, TextFormat.CIF).structure
        published = read_text(prototypes[name], TextFormat.CIF).structure
        assert same_crystal(ours, to_pymatgen(published), 1e-4), name


@pytest.mark.parametrize("direct", [True, False])
def test_poscar_by_pymatgen(real_structures, to_pymatgen, same_crystal, direct):
    from pymatgen.io.vasp import Poscar

    for structure in real_structures:
        crystal = to_pymatgen(structure).get_sorted_structure()
        text = Poscar(crystal).get_str(direct=direct, significant_figures=10)
        assert same_crystal(read_text(text, TextFormat.POSCAR).structure, crystal, 1e-6), structure.reduced_formula


def test_extxyz_by_ase(real_structures, to_pymatgen, same_crystal):
    from ase import Atoms
    from ase.io import write

    for structure in real_structures:
        atoms = Atoms(
            structure.atomic_numbers, cell=structure.lattice, scaled_positions=structure.frac_coords, pbc=True
        )
        atoms.info["note"] = 'a "quoted" word'
        written = StringIO()
        write(written, atoms, format="extxyz")
        ours = read_text(written.getvalue(), TextFormat.EXTXYZ).structure
        assert same_crystal(ours, to_pymatgen(structure), 1e-4), structure.reduced_formula


def test_json_by_pymatgen(real_structures, to_pymatgen, same_crystal):
    import json

    for structure in real_structures:
        crystal = to_pymatgen(structure)
        intake = read_text(json.dumps(crystal.as_dict()), TextFormat.PYMATGEN_JSON)
        assert intake.repairs == ()
        assert same_crystal(intake.structure, crystal, 1e-9), structure.reduced_formula
