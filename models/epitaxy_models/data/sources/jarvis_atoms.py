"""JARVIS's ``atoms`` dictionaries, as its downloads hold them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.cell import check_cell
from epitaxy_models.structures.checks import check_structure, site_name
from epitaxy_models.structures.intake import DEFAULT_LIMITS, Intake, RefusalReason
from epitaxy_models.structures.numbers import fractions_of
from epitaxy_models.structures.pymatgen_json import array_of
from epitaxy_models.structures.species import Species, species_of, species_repairs, unknown_element
from epitaxy_models.structures.structure import Structure


def is_jarvis_atoms(value: Mapping[str, Any]) -> bool:
    """True for a mapping with the keys of ``jarvis.core.atoms.Atoms.to_dict()``."""
    return {"lattice_mat", "coords", "elements"} <= set(value)


def read_jarvis_atoms(value: Mapping[str, Any]) -> Intake:
    """The checked structure; coordinates are fractional unless ``cartesian``. Raises InvalidStructureError."""
    elements = value["elements"]
    if not isinstance(elements, list):
        raise InvalidStructureError("elements is no list of symbols", reason=RefusalReason.UNREADABLE)
    species = [_species(symbol, index) for index, symbol in enumerate(elements)]
    numbers = [one.atomic_number for one in species]
    lattice = array_of(value["lattice_mat"], (3, 3), "lattice_mat")
    check_cell(lattice, DEFAULT_LIMITS)
    coords = array_of(value["coords"], (len(numbers), 3), "coords")
    fractions = fractions_of(coords, lattice) if value.get("cartesian") else coords
    intake = check_structure(Structure(lattice, np.array(numbers, dtype=np.uint8), fractions))
    return intake.after(species_repairs(species))


def _species(symbol: object, index: int) -> Species:
    found = species_of(symbol) if isinstance(symbol, str) else None
    if found is None:
        raise unknown_element(str(symbol)[:80], site_name(index, None))
    return found
