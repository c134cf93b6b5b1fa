import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from epitaxy.client import InvalidRequestError, ItemError
from epitaxy.client.inputs.item import Cell, InputItem, Text
from epitaxy.client.inputs.source import open_inputs


def read(inputs: object) -> list[InputItem]:
    return list(open_inputs(inputs).items)


def assert_rock_salt(item: InputItem) -> None:
    assert isinstance(item.source, Cell)
    np.testing.assert_array_equal(item.source.atomic_numbers, [11, 17])
    np.testing.assert_allclose(item.source.frac_coords, [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]], atol=1e-12)
    np.testing.assert_allclose(item.source.lattice, [[0.0, 2.8, 2.8], [2.8, 0.0, 2.8], [2.8, 2.8, 0.0]])


def pymatgen_structure(rock_salt: Any, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen's own imports
        from pymatgen.core import Structure
    return Structure(*rock_salt, **options)


def test_a_tuple_a_dict_and_pairs_are_structures(rock_salt: Any) -> None:
    lattice, species, frac = rock_salt
    record = {"lattice": lattice, "species": species, "frac": frac}
    named = {**record, "material_id": "mp-22862", "species": np.array([11, 17])}
    items = read([rock_salt, record, named, ("mine", rock_salt)])
    assert [item.id for item in items] == ["0", "1", "mp-22862", "mine"]
    assert [item.index for item in items] == [0, 1, 2, 3]
    for item in items:
        assert_rock_salt(item)


def test_one_structure_and_a_mapping_of_ids_are_taken_too(rock_salt: Any) -> None:
    assert_rock_salt(read(tuple(rock_salt))[0])
    assert [item.id for item in read({"a": rock_salt, "b": rock_salt})] == ["a", "b"]


def test_a_pymatgen_structure_is_packed(rock_salt: Any) -> None:
    structure = pymatgen_structure(rock_salt, properties={"material_id": "mp-22862"})
    (item,) = read(structure)
    assert item.id == "mp-22862"
    assert_rock_salt(item)


def test_a_disordered_pymatgen_structure_is_left_to_the_server_to_refuse(rock_salt: Any) -> None:
    lattice, _, frac = rock_salt
    (item,) = read(pymatgen_structure((lattice, [{"Na": 0.5, "K": 0.5}, "Cl"], frac)))
    assert isinstance(item.source, Text)
    assert item.source.kind == "pymatgen_json"


def test_ase_atoms_are_packed(rock_salt: Any) -> None:
    from ase import Atoms

    lattice, species, frac = rock_salt
    atoms = Atoms(species, scaled_positions=frac, cell=lattice, pbc=True, info={"id": "halite"})
    (item,) = read([atoms])
    assert item.id == "halite"
    assert_rock_salt(item)


def test_ase_molecules_are_refused(rock_salt: Any) -> None:
    from ase import Atoms

    (item,) = read([Atoms("H2", positions=[[0, 0, 0], [0, 0, 0.7]])])
    assert isinstance(item.source, ItemError)
    assert item.source.reason == "NOT_PERIODIC"


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (([[1, 0], [0, 1]], ["Na"], [[0, 0, 0]]), "UNKNOWN_FORMAT"),
        ((np.eye(3), ["Na", "Cl"], [[0, 0, 0]]), "UNREADABLE"),
        ((np.eye(3), ["Na"], [[0, 0]]), "UNREADABLE"),
        ((np.eye(3), ["Qq"], [[0, 0, 0]]), "UNKNOWN_ELEMENT"),
        ((np.eye(3), [119], [[0, 0, 0]]), "UNKNOWN_ELEMENT"),
        ((np.eye(3), [11.5], [[0, 0, 0]]), "UNKNOWN_ELEMENT"),
        ({"lattice": "no", "species": [1], "frac": [[0, 0, 0]]}, "UNREADABLE"),
        ({"lattice": np.eye(3)}, "UNREADABLE"),
        (object(), "UNKNOWN_FORMAT"),
    ],
)
def test_a_broken_object_is_refused_beside_its_neighbours(rock_salt: Any, broken: Any, reason: str) -> None:
    items = read([broken, rock_salt])
    assert isinstance(items[0].source, ItemError)
    assert items[0].source.reason == reason
    assert_rock_salt(items[1])


def test_paths_and_structures_can_be_mixed_in_a_generator(rock_salt: Any, tmp_path: Path) -> None:
    (tmp_path / "a.cif").write_text("data_")

    def inputs() -> Iterator[Any]:
        yield tmp_path / "a.cif"
        yield rock_salt

    items = read(inputs())
    assert [(item.id, item.index) for item in items] == [("a", 0), ("1", 1)]


def test_what_is_no_input_at_all_is_a_mistake_of_the_request() -> None:
    with pytest.raises(InvalidRequestError, match="int is neither paths nor structures"):
        open_inputs(5)


def test_a_file_name_that_is_not_utf8_still_has_an_id(tmp_path: Path) -> None:
    (tmp_path / "caf\udce9.cif").write_text("data_")
    (item,) = read(tmp_path)
    assert item.id == "caf?"
