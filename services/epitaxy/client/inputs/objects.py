"""Structures as objects: pymatgen's, ase's, plain tuples and dicts, known by what they carry."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import numpy as np

from epitaxy.client.defaults import MAX_STRUCTURE_BYTES
from epitaxy.client.inputs.carried import is_nonzero, kinds_with_shares, text_of
from epitaxy.client.inputs.elements import SYMBOLS as _SYMBOLS
from epitaxy.client.inputs.item import Source, Text, refuse
from epitaxy.client.inputs.records import cell_from_arrays, read_record
from epitaxy.tables.ids import id_text, own_id

# Site properties of pymatgen's that the server notes.
_CARRIED = frozenset({"charge", "charges", "final_charge", "bader_charge", "magmom", "magmoms", "final_magmom", "spin"})


def is_structure(value: object) -> bool:
    """True for one structure; False for a collection of them."""
    return (
        is_ready(value)
        or _is_pymatgen(value)
        or _is_ase(value)
        or _is_record(value)
        or _is_triple(value)
        or _is_named(value)
    )


def read_object(value: Any, default_id: str) -> tuple[str, Source]:
    """Id and source of one structure object."""
    # What is sent most: telling it from objects of all other kinds costs as much as reading it.
    if type(value) is tuple:
        named = len(value) == 2 and type(value[0]) is str
        arrays = value[1] if named else value
        if type(arrays) is tuple and _is_triple(arrays):
            return (id_text(value[0]) if named else None) or default_id, cell_from_arrays(*arrays)
    if _is_named(value):
        return id_text(value[0]) or default_id, read_object(value[1], default_id)[1]
    for is_kind, id_holder, read in _KINDS:
        if is_kind(value):
            return own_id(id_holder(value)) or default_id, read(value)
    return default_id, refuse("UNKNOWN_FORMAT", f"a {type(value).__name__} is neither a path nor a structure")


def is_ready(value: object) -> bool:
    """True for a composition, molecule or polymer that is made ready to send."""
    return isinstance(value, Text)


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
    if not all(getattr(structure.lattice, "pbc", (True,))):
        return _not_periodic("the lattice is")
    if not structure.is_ordered or _carries_more(structure):
        # The server reads it as it would read a file of it, and refuses or notes the same.
        content = json.dumps(structure.as_dict(), default=_plain_value)
        if len(content) <= MAX_STRUCTURE_BYTES or not structure.is_ordered:
            return Text("pymatgen_json", content)
    return cell_from_arrays(structure.lattice.matrix, structure.atomic_numbers, structure.frac_coords)


def _carries_more(structure: Any) -> bool:
    """Whether a structure has charges, moments or oxidation states besides its atoms."""
    if getattr(structure, "_charge", None) or not _CARRIED.isdisjoint(structure.site_properties):
        return True
    return any(hasattr(one, "oxi_state") or getattr(one, "spin", None) for one in set(structure.species))


def _read_ase(atoms: Any) -> Source:
    if not all(atoms.pbc):
        return _not_periodic("the atoms are")
    cell, coords = atoms.cell[:], atoms.get_scaled_positions(wrap=False)
    arrays = getattr(atoms, "arrays", {})
    charges, moments = arrays.get("initial_charges"), arrays.get("initial_magmoms")
    kinds = arrays.get("spacegroup_kinds")
    mixed = kinds_with_shares(atoms.info.get("occupancy"), kinds)
    net_charge = atoms.info.get("charge", None if charges is None else float(np.sum(charges)))
    if mixed or is_nonzero(net_charge) or is_nonzero(charges) or is_nonzero(moments):
        symbols = [_SYMBOLS[number] if 0 <= number < len(_SYMBOLS) else "X" for number in atoms.numbers.tolist()]
        # Without kinds, any site may be the mixed one: the first one stands for all.
        species = (
            [mixed.get(str(kind), symbol) for kind, symbol in zip(kinds, symbols, strict=True)]
            if (kinds is not None)
            else [*mixed.values(), *symbols][: len(symbols)]
        )
        carried = text_of(cell, species, coords, net_charge=net_charge, charges=charges, moments=moments)
        if carried is not None:
            return carried
    return cell_from_arrays(cell, atoms.numbers, coords)


def _not_periodic(what: str) -> Source:
    return refuse("NOT_PERIODIC", f"{what} not periodic in three directions; set pbc=True if the vacuum is meant")


def _plain_value(value: Any) -> Any:
    """Values of numpy and objects of pymatgen in JSON."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return value.as_dict() if hasattr(value, "as_dict") else str(value)


# How to know a kind of object, what of it may hold an id, and how to read it.
_KINDS: tuple[tuple[Callable[[Any], bool], Callable[[Any], Any], Callable[[Any], Source]], ...] = (
    (is_ready, lambda _: None, lambda value: value),
    (is_text, lambda _: None, read_record),
    (_is_pymatgen, lambda structure: getattr(structure, "properties", None), _read_pymatgen),
    (_is_ase, lambda atoms: atoms.info, _read_ase),
    (_is_record, lambda record: record, read_record),
    (_is_triple, lambda _: None, lambda triple: cell_from_arrays(*triple)),
)
