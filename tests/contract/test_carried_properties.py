"""One policy for what inputs carry beyond a crystal, at every door: docs/inputs.md has the table."""

import json
import warnings
from collections.abc import Callable
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from epitaxy.client.inputs.item import Cell, Text
from epitaxy.client.inputs.source import open_inputs
from epitaxy_models.data.sources.ase_structure import read_atoms
from epitaxy_models.data.sources.jarvis_atoms import read_jarvis_atoms
from epitaxy_models.data.sources.optimade import read_attributes
from epitaxy_models.data.sources.structure_value import read_structure_value
from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures import Intake, Structure, TextFormat, check_structure, read_text

EDGE = 4.2
Door = Callable[[dict[str, Any]], Intake]

# What a crystal may carry, as facts of the two sites of a CsCl-like cell.
PLAIN: dict[str, Any] = {"symbols": ["Cs", "Cl"]}
CARRIED: dict[str, dict[str, Any]] = {
    "slab": PLAIN | {"pbc": [True, True, False]},
    "mixed site": PLAIN | {"shares": {"Cs": 0.5, "Rb": 0.5}},
    "half-empty site": PLAIN | {"shares": {"Cs": 0.5}},
    "net charge": PLAIN | {"charge": 1.0},
    "site charges": PLAIN | {"charges": [0.8, -0.8]},
    "moments": PLAIN | {"moments": [0.0, 1.5]},
    "zero moments and charges": PLAIN | {"moments": [0.0, 0.0], "charges": [0.0, 0.0], "charge": 0.0},
    "oxidation states": PLAIN | {"oxidation": [1, -1]},
    "deuterium": {"symbols": ["D", "Li"]},
    "dummy": {"symbols": ["Cs", "X"]},
}
# The policy: the reason of the refusal, or the codes of repairs and notes.
POLICY: dict[str, str | list[str]] = {
    "slab": "NOT_PERIODIC",
    "mixed site": "PARTIAL_OCCUPANCY",
    "half-empty site": "PARTIAL_OCCUPANCY",
    "net charge": ["DROPPED_NET_CHARGE"],
    "site charges": ["DROPPED_SITE_CHARGES"],
    "moments": ["DROPPED_MAGNETISM"],
    "zero moments and charges": [],
    "oxidation states": ["STRIPPED_OXIDATION_STATES"],
    "deuterium": ["DEUTERIUM_AS_HYDROGEN"],
    "dummy": "UNKNOWN_ELEMENT",
}


def through_cif(facts: dict[str, Any]) -> Intake:
    shares = facts.get("shares", {facts["symbols"][0]: 1})
    signs = [f"{abs(state)}{'+' if state > 0 else '-'}" for state in facts.get("oxidation", [])] or ["", ""]
    rows = [f"A{at} {symbol}{signs[0]} 0 0 0 {share}" for at, (symbol, share) in enumerate(shares.items())]
    rows.append(f"B1 {facts['symbols'][1]}{signs[1]} .5 .5 .5 1")
    cell = [f"_cell_length_{axis} {EDGE}" for axis in "abc"]
    columns = ["label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy"]
    moments = [f"{label} {moment}" for label, moment in zip(("A0", "B1"), facts.get("moments", []), strict=False)]
    loop = ["loop_", "_atom_site_moment.label", "_atom_site_moment.crystalaxis_z", *moments] if moments else []
    lines = ["data_x", *cell, "_space_group_IT_number 1", "loop_", *(f"_atom_site_{name}" for name in columns), *rows]
    return read_text("\n".join([*lines, *loop, ""]), TextFormat.CIF)


def extxyz_of(facts: dict[str, Any]) -> str:
    shares = facts.get("shares")
    columns = {"initial_charges": "charges", "initial_magmoms": "moments"}
    present = [(name, facts[key]) for name, key in columns.items() if key in facts]
    comment = f'Lattice="{EDGE} 0 0 0 {EDGE} 0 0 0 {EDGE}" Properties=species:S:1:pos:R:3'
    comment += "".join(f":{name}:R:1" for name, _ in present)
    if shares:
        occupancy = json.dumps({"0": shares, "1": {facts["symbols"][1]: 1.0}}).replace('"', '\\"')
        comment += f' occupancy="_JSON {occupancy}"'
    if "pbc" in facts:
        comment += f' pbc="{" ".join("T" if flag else "F" for flag in facts["pbc"])}"'
    if "charge" in facts:
        comment += f" charge={facts['charge']}"
    rows = [
        " ".join(map(str, [symbol, at, at, at, *(values[index] for _, values in present)]))
        for index, (symbol, at) in enumerate(zip(facts["symbols"], (0, EDGE / 2), strict=True))
    ]
    return "\n".join(["2", comment, *rows, ""])


def through_extxyz(facts: dict[str, Any]) -> Intake:
    return read_text(extxyz_of(facts), TextFormat.EXTXYZ)


def through_table_cell(facts: dict[str, Any]) -> Intake:
    return read_structure_value(extxyz_of(facts))


def pymatgen_dict(facts: dict[str, Any]) -> dict[str, Any]:
    first, second = facts["symbols"]
    species = [[{"element": one, "occu": share} for one, share in facts.get("shares", {first: 1}).items()]]
    species.append([{"element": second, "occu": 1}])
    for listed, state in zip(species, facts.get("oxidation", []), strict=False):
        listed[0]["oxidation_state"] = state
    names = {"charge": "charges", "magmom": "moments"}
    properties = [{name: facts[key][at] for name, key in names.items() if key in facts} for at in (0, 1)]
    sites = [
        {"species": listed, "abc": [at] * 3, "properties": carried}
        for listed, at, carried in zip(species, (0, 0.5), properties, strict=True)
    ]
    lattice = {"matrix": (EDGE * np.eye(3)).tolist(), "pbc": facts.get("pbc", [True] * 3)}
    return {"@class": "Structure", "charge": facts.get("charge"), "lattice": lattice, "sites": sites}


def through_pymatgen_json(facts: dict[str, Any]) -> Intake:
    return read_text(json.dumps(pymatgen_dict(facts)), TextFormat.PYMATGEN_JSON)


def through_pymatgen_cell(facts: dict[str, Any]) -> Intake:
    return read_structure_value(pymatgen_dict(facts))


def through_pymatgen_object(facts: dict[str, Any]) -> Intake:
    from pymatgen.core import Structure

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Structure charge")
        return read_structure_value(Structure.from_dict(pymatgen_dict(facts)).as_dict())


def ase_atoms(facts: dict[str, Any]) -> Any:
    from ase import Atoms

    atoms = Atoms(facts["symbols"], cell=[EDGE] * 3, scaled_positions=[[0] * 3, [0.5] * 3], pbc=facts.get("pbc", True))
    if "charges" in facts:
        atoms.set_initial_charges(facts["charges"])
    if "moments" in facts:
        atoms.set_initial_magnetic_moments(facts["moments"])
    if "charge" in facts:
        atoms.info["charge"] = facts["charge"]
    if "shares" in facts:
        atoms.info["occupancy"] = {"0": facts["shares"], "1": {facts["symbols"][1]: 1.0}}
        atoms.set_array("spacegroup_kinds", np.array([0, 1]))
    return atoms


def through_ase_atoms(facts: dict[str, Any]) -> Intake:
    return read_atoms(ase_atoms(facts))


def through_ase_extxyz(facts: dict[str, Any]) -> Intake:
    from ase.io import write

    text = StringIO()
    write(text, ase_atoms(facts), format="extxyz")
    return read_text(text.getvalue(), TextFormat.EXTXYZ)


def through_optimade(facts: dict[str, Any]) -> Intake:
    first, second = facts["symbols"]
    shares = facts.get("shares", {first: 1.0})
    symbols, concentration = list(shares), list(shares.values())
    if sum(concentration) < 1:
        symbols, concentration = [*symbols, "vacancy"], [*concentration, 1 - sum(concentration)]
    return read_attributes(
        {
            "lattice_vectors": (EDGE * np.eye(3)).tolist(),
            "cartesian_site_positions": [[0] * 3, [EDGE / 2] * 3],
            "species_at_sites": ["first", second],
            "species": [
                {"name": "first", "chemical_symbols": symbols, "concentration": concentration},
                {"name": second, "chemical_symbols": [second], "concentration": [1.0]},
            ],
            "dimension_types": [int(flag) for flag in facts.get("pbc", [True] * 3)],
        }
    )


def through_jarvis(facts: dict[str, Any]) -> Intake:
    value = {"lattice_mat": (EDGE * np.eye(3)).tolist(), "coords": [[0] * 3, [0.5] * 3], "elements": facts["symbols"]}
    return read_jarvis_atoms(value)


def through_poscar(facts: dict[str, Any]) -> Intake:
    cell = f"{EDGE} 0 0\n0 {EDGE} 0\n0 0 {EDGE}"
    text = f"x\n1\n{cell}\n{' '.join(facts['symbols'])}\n1 1\nDirect\n0 0 0\n.5 .5 .5\n"
    return read_text(text, TextFormat.POSCAR)


def through_client(value: Any) -> Intake:
    """What the server makes of what the client sends for an input."""
    ((source,),) = ([item.source] for item in open_inputs(value).items)
    if isinstance(source, Text):
        return read_text(source.content, TextFormat(source.kind))
    if isinstance(source, Cell):
        return check_structure(Structure(source.lattice, source.atomic_numbers, source.frac_coords))
    raise InvalidStructureError(source.message, reason=source.reason)


def through_client_with_pymatgen(facts: dict[str, Any]) -> Intake:
    from pymatgen.core import Structure

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Structure charge")
        return through_client(Structure.from_dict(pymatgen_dict(facts)))


def through_client_with_pymatgen_dict(facts: dict[str, Any]) -> Intake:
    return through_client(pymatgen_dict(facts))


def through_client_with_ase(facts: dict[str, Any]) -> Intake:
    return through_client(ase_atoms(facts))


def through_client_with_record(facts: dict[str, Any]) -> Intake:
    lattice, frac = (EDGE * np.eye(3)).tolist(), [[0] * 3, [0.5] * 3]
    return through_client({"lattice": lattice, "species": facts["symbols"], "frac": frac})


EVERYTHING = set(CARRIED)
OF_FORMATS_WITHOUT_MORE = {"deuterium", "dummy"}
# What each format can carry; what it has no words for cannot come by that door.
DOORS: dict[Door, set[str]] = {
    through_cif: EVERYTHING - {"slab", "net charge", "site charges", "zero moments and charges"},
    through_poscar: OF_FORMATS_WITHOUT_MORE,
    through_extxyz: EVERYTHING - {"oxidation states"},
    through_table_cell: EVERYTHING - {"oxidation states"},
    through_pymatgen_json: EVERYTHING,
    through_pymatgen_cell: EVERYTHING,
    # pymatgen itself makes hydrogen of deuterium when it reads its own JSON.
    through_pymatgen_object: EVERYTHING - {"dummy", "deuterium"},
    through_ase_atoms: EVERYTHING - {"oxidation states", "deuterium"},
    through_ase_extxyz: EVERYTHING - {"oxidation states", "deuterium"},
    through_optimade: {"slab", "mixed site", "half-empty site", *OF_FORMATS_WITHOUT_MORE},
    through_jarvis: OF_FORMATS_WITHOUT_MORE,
    through_client_with_pymatgen: EVERYTHING - {"dummy", "deuterium"},
    through_client_with_pymatgen_dict: EVERYTHING,
    through_client_with_ase: EVERYTHING - {"oxidation states", "deuterium"},
    through_client_with_record: OF_FORMATS_WITHOUT_MORE,
}


@pytest.mark.parametrize(
    ("door", "carried"),
    [(door, carried) for door, cases in DOORS.items() for carried in sorted(cases)],
    ids=lambda value: value if isinstance(value, str) else value.__name__.removeprefix("through_"),
)
def test_what_is_carried_means_the_same_at_every_door(door: Door, carried: str) -> None:
    expected = POLICY[carried]
    if isinstance(expected, str):
        with pytest.raises(InvalidStructureError, match=r".{10,}") as error:
            door(CARRIED[carried])
        assert error.value.reason == expected
        return
    intake = door(CARRIED[carried])
    assert [one.code for one in (*intake.repairs, *intake.notes)] == expected
    assert intake.structure.n_sites == 2


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__.removeprefix("through_"))
def test_a_plain_crystal_passes_every_door_without_a_word(door: Door) -> None:
    intake = door(PLAIN)
    assert (intake.structure.reduced_formula, intake.repairs, intake.notes) == ("ClCs", (), ())


def test_ase_databases_keep_the_policy(tmp_path: Path) -> None:
    from ase.db import connect

    from epitaxy_models.data.sources import open_source

    names = ["slab", "moments", "site charges", "half-empty site"]
    with connect(tmp_path / "in.db") as database:
        for name in names:
            atoms = ase_atoms(CARRIED[name])
            database.write(atoms, name=name, data={"occupancy": atoms.info.get("occupancy")})
    for row in open_source(tmp_path / "in.db").rows():
        expected = POLICY[row.id]
        if isinstance(expected, str):
            with pytest.raises(InvalidStructureError) as error:
                row.read()
            assert error.value.reason == expected
        else:
            assert [note.code for note in row.read().notes] == expected


def test_a_cif_of_a_mixed_site_is_refused_by_way_of_ase_too() -> None:
    from ase.io import read

    cif = BytesIO(
        b"data_x\n_cell_length_a 5.6\n_cell_length_b 5.6\n_cell_length_c 5.6\n_cell_angle_alpha 90\n"
        b"_cell_angle_beta 90\n_cell_angle_gamma 90\n_symmetry_space_group_name_H-M 'F m -3 m'\n"
        b"loop_\n_atom_site_label\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
        b"_atom_site_occupancy\nMg1 Mg 0 0 0 0.7\nFe1 Fe 0 0 0 0.3\nO1 O 0.5 0.5 0.5 1\n"
    )
    with pytest.raises(InvalidStructureError, match=r"Mg 0\.7, Fe 0\.3"):
        read_atoms(read(cif, format="cif"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"structure_features": ["assemblies"]}, "PARTIAL_OCCUPANCY"),
        ({"structure_features": ["implicit_atoms"]}, "MISSING_ATOMS"),
        ({"structure_features": ["unknown_positions"]}, "MISSING_ATOMS"),
        ({"structure_features": ["site_attachments"]}, "MISSING_ATOMS"),
        ({"assemblies": [{"sites_in_groups": [[0], [1]], "group_probabilities": [0.5, 0.5]}]}, "PARTIAL_OCCUPANCY"),
        ({"nperiodic_dimensions": 2}, "NOT_PERIODIC"),
    ],
)
def test_features_of_optimade_under_which_sites_are_no_atoms_are_refused(change: dict[str, Any], reason: str) -> None:
    attributes = {
        "lattice_vectors": (EDGE * np.eye(3)).tolist(),
        "cartesian_site_positions": [[0, 0, 0]],
        "species_at_sites": ["Cs"],
        "species": [{"name": "Cs", "chemical_symbols": ["Cs"], "concentration": [1.0]}],
    }
    assert read_attributes(attributes).structure.n_sites == 1
    with pytest.raises(InvalidStructureError) as error:
        read_attributes(attributes | change)
    assert error.value.reason == reason


def test_hydrogens_attached_to_an_optimade_species_are_missing() -> None:
    attributes = {
        "lattice_vectors": (EDGE * np.eye(3)).tolist(),
        "cartesian_site_positions": [[0, 0, 0]],
        "species_at_sites": ["OH"],
        "species": [
            {"name": "OH", "chemical_symbols": ["O"], "concentration": [1.0], "attached": ["H"], "nattached": [1]}
        ],
    }
    with pytest.raises(InvalidStructureError, match="attached and not placed") as error:
        read_attributes(attributes)
    assert error.value.reason == "MISSING_ATOMS"
