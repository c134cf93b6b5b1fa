"""ASE's ``Atoms`` as a structure."""

from typing import Any

import numpy as np

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.cell import check_cell
from epitaxy_models.structures.checks import check_structure
from epitaxy_models.structures.elements import SYMBOLS
from epitaxy_models.structures.intake import DEFAULT_LIMITS, Intake, RefusalReason
from epitaxy_models.structures.numbers import fractions_of
from epitaxy_models.structures.structure import Structure


def read_atoms(atoms: Any) -> Intake:
    """The checked structure of periodic atoms. Raises InvalidStructureError."""
    if not all(atoms.pbc):
        raise InvalidStructureError(
            f"pbc={list(map(bool, atoms.pbc))} is no crystal: set pbc=True if vacuum is meant",
            reason=RefusalReason.UNREADABLE,
        )
    numbers = np.asarray(atoms.numbers)
    if len(numbers) and not (numbers.min() >= 1 and numbers.max() <= len(SYMBOLS)):
        raise InvalidStructureError("there is an atom X without an element", reason=RefusalReason.UNKNOWN_ELEMENT)
    lattice = np.array(atoms.cell, dtype=np.float64)
    check_cell(lattice, DEFAULT_LIMITS)
    fractions = fractions_of(np.array(atoms.positions, dtype=np.float64).reshape(-1, 3), lattice)
    return check_structure(Structure(lattice, numbers.astype(np.uint8), fractions))
