"""Structures as objects: pymatgen's, ase's, plain tuples and dicts, known by what they carry."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from epitaxy.client.inputs.item import Source, Text, clean_id, refuse
from epitaxy.client.inputs.records import cell_from_arrays, read_record

ID_NAMES = ("id", "material_id", "mp_id", "mpid", "structure_id", "jid")


def is_structure(value: object) -> bool:
    """True for one structure; False for a collection of them."""
    return _is_pymatgen(value) or _is_ase(value) or _is_record(value) or _is_triple(value) or _is_named(value)


def read_object(value: Any, default_id: str) -> tuple[str, Source]:
    """Id and source of one structure object."""
    if _is_named(value):
        return clean_id(value[0]), read_object(value[1], default_id)[1]
    if _is_pymatgen(value):
        return _own_id(getattr(value, "properties", None), default_id), _read_pymatgen(value)
    if _is_ase(value):
        return _own_id(value.info, default_id), _read_ase(value)
    if _is_record(value):
        return _own_id(value, default_id), read_record(value)
    if _is_triple(value):
        return default_id, cell_from_arrays(*value)
    return default_id, refuse("UNKNOWN_FORMAT", f"a {type(value).__name__} is neither a path nor a structure")


def own_id(record: object) -> str | None:
    """The id that a row or an object carries, None if there is none."""
    if not isinstance(record, Mapping):
        return None
    found = (record[name] for name in ID_NAMES if record.get(name) not in (None, ""))
    value = next(found, None)
    return None if value is None else clean_id(value)


def _own_id(record: object, default_id: str) -> str:
    return own_id(record) or default_id


def _is_pymatgen(value: object) -> bool:
    return all(hasattr(value, name) for name in ("lattice", "frac_coords", "species_and_occu", "as_dict"))


def _is_ase(value: object) -> bool:
    return all(hasattr(value, name) for name in ("get_scaled_positions", "numbers", "cell", "info"))


def _is_record(value: object) -> bool:
    return isinstance(value, Mapping) and "lattice" in value


def _is_triple(value: object) -> bool:
    """A ``(lattice, species, frac)`` tuple."""
    if not isinstance(value, tuple) or len(value) != 3 or isinstance(value[0], str):
        return False
    return np.shape(value[0]) == (3, 3)


def _is_named(value: object) -> bool:
    """An ``(id, structure)`` pair."""
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str | int) and is_structure(value[1])


def _read_pymatgen(structure: Any) -> Source:
    if not structure.is_ordered:
        # The server refuses it with the reason that a file of it would get.
        return Text("pymatgen_json", json.dumps(structure.as_dict()))
    return cell_from_arrays(structure.lattice.matrix, structure.atomic_numbers, structure.frac_coords)


def _read_ase(atoms: Any) -> Source:
    if not all(atoms.pbc):
        return refuse("NOT_PERIODIC", "the atoms are not periodic in three directions; set pbc=True if they are")
    return cell_from_arrays(atoms.cell[:], atoms.numbers, atoms.get_scaled_positions(wrap=False))
