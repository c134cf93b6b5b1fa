"""The ``structure`` column of data sets: ``{"lattice": 3x3, "species": [Z, ...], "frac": [[x, y, z], ...]}``."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.elements import SYMBOLS
from epitaxy_models.structures.intake import RefusalReason
from epitaxy_models.structures.structure import Structure

_REMEDY = 'give {"lattice": 3x3 Angstrom, "species": [Z, ...], "frac": [[x, y, z], ...]}'


def structure_from_column(text_or_dict: str | Mapping[str, Any]) -> Structure:
    """The structure of a column value, not yet checked for physics (see ``check_structure``).

    Raises InvalidStructureError (UNREADABLE, UNKNOWN_ELEMENT).
    """
    try:
        value = json.loads(text_or_dict) if isinstance(text_or_dict, str) else text_or_dict
        lattice = np.array(value["lattice"], dtype=np.float64)
        numbers = np.array(value["species"], dtype=np.int64)
        frac_coords = np.array(value["frac"], dtype=np.float64).reshape(-1, 3)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise _unreadable(str(error)) from error
    if lattice.shape != (3, 3) or numbers.ndim != 1 or len(frac_coords) != len(numbers):
        raise _unreadable(
            f"shapes lattice {list(lattice.shape)}, species {list(numbers.shape)}, frac {frac_coords.shape}"
        )
    if len(numbers) and not (numbers.min() >= 1 and numbers.max() <= len(SYMBOLS)):
        raise InvalidStructureError(
            f"species holds atomic numbers {numbers.min()} to {numbers.max()}: give 1 to {len(SYMBOLS)}",
            reason=RefusalReason.UNKNOWN_ELEMENT,
        )
    return Structure(lattice, numbers.astype(np.uint8), frac_coords)


def structure_to_column(structure: Structure) -> str:
    """Compact JSON that reads back to the same floats."""
    value = {
        "lattice": structure.lattice.tolist(),
        "species": structure.atomic_numbers.tolist(),
        "frac": structure.frac_coords.tolist(),
    }
    return json.dumps(value, separators=(",", ":"))


def _unreadable(problem: str) -> InvalidStructureError:
    return InvalidStructureError(f"no structure column ({problem[:80]}): {_REMEDY}", reason=RefusalReason.UNREADABLE)
