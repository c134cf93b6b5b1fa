"""ASE's ``Atoms`` and rows of its databases as structures."""

from typing import Any

import numpy as np

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.carried import carried_notes, check_ase_occupancy, check_periodic
from epitaxy_models.structures.cell import check_cell
from epitaxy_models.structures.checks import check_structure
from epitaxy_models.structures.elements import SYMBOLS
from epitaxy_models.structures.intake import DEFAULT_LIMITS, Intake, RefusalReason
from epitaxy_models.structures.numbers import fractions_of
from epitaxy_models.structures.structure import Structure


def read_atoms(atoms: Any) -> Intake:
    """The checked structure of periodic atoms. Raises InvalidStructureError."""
    check_periodic(atoms.pbc)
    info = _info_of(atoms)
    check_ase_occupancy(info.get("occupancy"), _array_of(atoms, info, "spacegroup_kinds"))
    numbers = np.asarray(atoms.numbers)
    if len(numbers) and not (numbers.min() >= 1 and numbers.max() <= len(SYMBOLS)):
        raise InvalidStructureError("there is an atom X without an element", reason=RefusalReason.UNKNOWN_ELEMENT)
    lattice = np.array(atoms.cell, dtype=np.float64)
    check_cell(lattice, DEFAULT_LIMITS)
    fractions = fractions_of(np.array(atoms.positions, dtype=np.float64).reshape(-1, 3), lattice)
    charges = _array_of(atoms, info, "initial_charges")
    net_charge = info.get("charge", None if charges is None else float(np.sum(charges)))
    notes = carried_notes(net_charge, charges, _array_of(atoms, info, "initial_magmoms"))
    return check_structure(Structure(lattice, numbers.astype(np.uint8), fractions)).after(notes=notes)


def _info_of(atoms: Any) -> dict[str, Any]:
    """``info`` of atoms; of a row, which has none, the key-value pairs and the data beside them."""
    info = getattr(atoms, "info", None)
    if info is not None:
        return dict(info)
    return {**getattr(atoms, "key_value_pairs", {}), **(getattr(atoms, "data", None) or {})}


def _array_of(atoms: Any, info: dict[str, Any], name: str) -> Any:
    arrays = getattr(atoms, "arrays", None)
    if arrays is not None:
        return arrays.get(name)
    stored = atoms.get(name) if hasattr(atoms, "get") else None
    return info.get(name) if stored is None else stored
