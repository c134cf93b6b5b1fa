"""JSON of pymatgen's ``Structure.as_dict()``, read without pymatgen."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.carried import carried_notes, check_periodic, is_full
from epitaxy_models.structures.cell import check_cell, lattice_from_parameters
from epitaxy_models.structures.checks import check_site_count, check_structure, site_name
from epitaxy_models.structures.intake import Intake, IntakeLimits, Note, RefusalReason
from epitaxy_models.structures.numbers import fractions_of
from epitaxy_models.structures.species import Species, species_of, species_repairs, unknown_element
from epitaxy_models.structures.structure import Structure

# Keys of pymatgen's site properties and species, as people fill them.
_CHARGES = ("charge", "charges", "final_charge", "bader_charge")
_MOMENTS = ("magmom", "magmoms", "final_magmom", "spin")


def read_pymatgen_json(text: str, limits: IntakeLimits) -> Intake:
    """The crystal of an ordered structure. Raises InvalidStructureError."""
    document = load_json_object(text)
    sites = document.get("sites")
    if not isinstance(sites, list):
        raise _unreadable("the JSON has no list 'sites'")
    check_site_count(len(sites), limits)
    lattice = _read_lattice(document.get("lattice"), limits)
    species = [_read_species(site, index) for index, site in enumerate(sites)]
    numbers = np.array([one.atomic_number for one in species], dtype=np.uint8)
    intake = check_structure(Structure(lattice, numbers, _read_positions(sites, lattice)), limits)
    return intake.after(species_repairs(species), _carried(document, sites))


def _carried(document: dict[str, Any], sites: list[dict[str, Any]]) -> tuple[Note, ...]:
    """Notes of net charge, site charges and moments."""
    properties = [found for site in sites if isinstance(found := site.get("properties"), dict) and found]
    spins = [_spin_of(one) for site in sites for one in site["species"] if "spin" in one or "properties" in one]
    return carried_notes(
        document.get("charge"),
        [found[name] for found in properties for name in _CHARGES if found.get(name) is not None],
        [found[name] for found in properties for name in _MOMENTS if found.get(name) is not None] + spins,
    )


def _spin_of(species: dict[str, Any]) -> object:
    properties = species.get("properties")
    return species.get("spin") or (properties.get("spin") if isinstance(properties, dict) else None)


def load_json_object(text: str) -> dict[str, Any]:
    """The JSON object of a text. Raises InvalidStructureError (UNREADABLE)."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _unreadable(f"the text is no JSON ({str(error)[:80]})") from error
    if not isinstance(document, dict):
        raise _unreadable("the JSON is no object")
    return document


def array_of(value: object, shape: tuple[int, ...], what: str) -> NDArray[np.float64]:
    """The nested lists as float64 of a shape. Raises InvalidStructureError (UNREADABLE) naming ``what``."""
    try:
        array = np.array(value, dtype=np.float64)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise _unreadable(f"{what} is no array of numbers") from error
    if array.shape != shape:
        raise _unreadable(f"{what} has the shape {list(array.shape)} in place of {list(shape)}")
    return array


def _read_lattice(stated: object, limits: IntakeLimits) -> NDArray[np.float64]:
    if not isinstance(stated, dict):
        raise _unreadable("the JSON has no object 'lattice'")
    periodic = stated.get("pbc")
    if isinstance(periodic, list):
        check_periodic(periodic, "lattice.pbc")
    if "matrix" in stated:
        lattice = array_of(stated["matrix"], (3, 3), "lattice.matrix")
        check_cell(lattice, limits)
        return lattice
    parameters = array_of([stated.get(name) for name in ("a", "b", "c", "alpha", "beta", "gamma")], (6,), "lattice")
    return lattice_from_parameters(parameters[:3].tolist(), parameters[3:].tolist(), limits)


def _read_positions(sites: list[dict[str, Any]], lattice: NDArray[np.float64]) -> NDArray[np.float64]:
    if all("abc" in site for site in sites):
        return array_of([site["abc"] for site in sites], (len(sites), 3), "abc of the sites")
    return fractions_of(array_of([site.get("xyz") for site in sites], (len(sites), 3), "xyz of the sites"), lattice)


def _read_species(site: object, index: int) -> Species:
    listed = site.get("species") if isinstance(site, dict) else None
    if not isinstance(listed, list) or not listed or not all(isinstance(one, dict) for one in listed):
        raise _unreadable(f"{site_name(index, None)} has no list 'species'")
    occupancies = [one.get("occu", 1) for one in listed]
    if len(listed) > 1 or not is_full(occupancies[0]):
        held = ", ".join(
            f"{one.get('element')} {occupancy}" for one, occupancy in zip(listed[:4], occupancies, strict=False)
        )
        raise InvalidStructureError(
            f"{site_name(index, None)} holds {held[:80]}: send an ordered approximant, one element a site",
            reason=RefusalReason.PARTIAL_OCCUPANCY,
        )
    symbol = listed[0].get("element")
    found = species_of(symbol) if isinstance(symbol, str) else None
    if found is None:
        raise unknown_element(str(symbol)[:80], site_name(index, None))
    has_charge = found.has_charge or listed[0].get("oxidation_state") is not None
    return Species(found.atomic_number, has_charge, found.is_heavy_hydrogen)


def _unreadable(problem: str) -> InvalidStructureError:
    return InvalidStructureError(f"{problem}: send the JSON of Structure.as_dict()", reason=RefusalReason.UNREADABLE)
