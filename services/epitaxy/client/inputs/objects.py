"""Structures as objects: pymatgen's, ase's, plain tuples and dicts, known by what they carry."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import numpy as np

from epitaxy.client.inputs.item import Source, Text, refuse
from epitaxy.client.inputs.records import cell_from_arrays, read_record
from epitaxy.tables.ids import id_text, own_id


def is_structure(value: object) -> bool:
    """True for one structure; False for a collection of them."""
    return _is_pymatgen(value) or _is_ase(value) or _is_record(value) or _is_triple(value) or _is_named(value)


def read_object(value: Any, default_id: str) -> tuple[str, Source]:
    """Id and source of one structure object."""
    if _is_named(value):
        return id_text(value[0]) or default_id, read_object(value[1], default_id)[1]
    for is_kind, id_holder, read in _KINDS:
        if is_kind(value):
            return own_id(id_holder(value)) or default_id, read(value)
    return default_id, refuse("UNKNOWN_FORMAT", f"a {type(value).__name__} is neither a path nor a structure")


def is_text(value: object) -> bool:
    """True for the text of a structure, which a path is not: JSON, or more than one line."""
    if isinstance(value, bytes):
        return True
    return isinstance(value, str) and (value.lstrip("\ufeff \t\r\n").startswith("{") or "\n" in value.strip())


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
    if not isinstance(value, tuple) or len(value) != 2 or not (np.isscalar(value[0]) or isinstance(value[0], UUID)):
        return False
    return is_structure(value[1]) or is_text(value[1])


def _read_pymatgen(structure: Any) -> Source:
    if not structure.is_ordered:
        # The server refuses it with the reason that a file of it would get.
        return Text("pymatgen_json", json.dumps(structure.as_dict()))
    return cell_from_arrays(structure.lattice.matrix, structure.atomic_numbers, structure.frac_coords)


def _read_ase(atoms: Any) -> Source:
    if not all(atoms.pbc):
        return refuse("NOT_PERIODIC", "the atoms are not periodic in three directions; set pbc=True if they are")
    return cell_from_arrays(atoms.cell[:], atoms.numbers, atoms.get_scaled_positions(wrap=False))


# How to know a kind of object, what of it may hold an id, and how to read it.
_KINDS: tuple[tuple[Callable[[Any], bool], Callable[[Any], Any], Callable[[Any], Source]], ...] = (
    (is_text, lambda _: None, read_record),
    (_is_pymatgen, lambda structure: getattr(structure, "properties", None), _read_pymatgen),
    (_is_ase, lambda atoms: atoms.info, _read_ase),
    (_is_record, lambda record: record, read_record),
    (_is_triple, lambda _: None, lambda triple: cell_from_arrays(*triple)),
)
