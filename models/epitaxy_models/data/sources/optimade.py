"""Structures as OPTIMADE serves them (specification 1.2): a page's entries to rows.

Attributes asked for beyond the structure are labels; a dotted name reaches into a nested attribute
(``_mp_stability.gga_gga+u.formation_energy_per_atom``).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from epitaxy_models.data.source_row import SourceColumns, SourceRow
from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.carried import check_periodic, is_full
from epitaxy_models.structures.cell import check_cell
from epitaxy_models.structures.checks import check_site_count, check_structure
from epitaxy_models.structures.intake import DEFAULT_LIMITS, Intake, RefusalReason
from epitaxy_models.structures.numbers import fractions_of
from epitaxy_models.structures.pymatgen_json import array_of
from epitaxy_models.structures.species import Species, species_of, species_repairs, unknown_element
from epitaxy_models.structures.structure import Structure

STRUCTURE_FIELDS = (
    "lattice_vectors",
    "cartesian_site_positions",
    "species",
    "species_at_sites",
    "structure_features",
    "dimension_types",
    "chemical_formula_reduced",
)
# Features of a structure under which its list of sites is not its atoms. "disorder" is seen at the species themselves.
_REFUSED_FEATURES = {
    "assemblies": (RefusalReason.PARTIAL_OCCUPANCY, "sites are alternatives, send an ordered approximant"),
    "implicit_atoms": (RefusalReason.MISSING_ATOMS, "atoms of the formula have no sites, add them"),
    "unknown_positions": (RefusalReason.MISSING_ATOMS, "sites have no positions, add them"),
    "site_attachments": (RefusalReason.MISSING_ATOMS, "atoms are attached and not placed, add their sites"),
}


class OptimadeSource:
    """Entries that were downloaded, with the fields asked for as label columns."""

    kind = "optimade"

    def __init__(
        self,
        entries: Callable[[], Iterable[Mapping[str, Any]]],
        n_rows: int,
        fields: Sequence[str],
        known_units: Mapping[str, str],
    ) -> None:
        self._entries = entries
        self._fields = tuple(fields)
        self.n_rows: int | None = n_rows
        self.columns: SourceColumns = SourceColumns(self._fields, (), known_units, are_chosen=True)

    def rows(self) -> Iterator[SourceRow]:
        """All entries, in order."""
        for entry in self._entries():
            attributes = entry.get("attributes") or {}
            labels = {name: _value_at(attributes, name) for name in self._fields}
            formula = attributes.get("chemical_formula_reduced")
            row_id = entry.get("id")
            read = partial(read_attributes, attributes) if row_id else _refuse_nameless
            yield SourceRow(str(row_id or ""), read, labels, formula)


def read_attributes(attributes: Mapping[str, Any]) -> Intake:
    """The checked structure of an entry's attributes. Raises InvalidStructureError."""
    sites = attributes.get("species_at_sites")
    if not isinstance(sites, list):
        raise _unreadable("the entry has no species_at_sites")
    check_site_count(len(sites), DEFAULT_LIMITS)
    _check_periodic(attributes)
    _check_features(attributes)
    elements = _elements_of(attributes.get("species"))
    unknown = next((name for name in sites if name not in elements), None)
    if unknown is not None:
        raise _unreadable(f"species_at_sites names {str(unknown)[:40]!r}, which species does not define")
    lattice = array_of(attributes.get("lattice_vectors"), (3, 3), "lattice_vectors")
    check_cell(lattice, DEFAULT_LIMITS)
    positions = array_of(attributes.get("cartesian_site_positions"), (len(sites), 3), "cartesian_site_positions")
    species = [_species(elements[name]) for name in sites]
    numbers = np.array([one.atomic_number for one in species], dtype=np.uint8)
    intake = check_structure(Structure(lattice, numbers, fractions_of(positions, lattice)))
    return intake.after(species_repairs(species))


def _refuse_nameless() -> Intake:
    raise _unreadable("the entry has no id")


def _check_periodic(attributes: Mapping[str, Any]) -> None:
    types, n_periodic = attributes.get("dimension_types"), attributes.get("nperiodic_dimensions")
    if isinstance(types, list):
        check_periodic(types, "dimension_types")
    elif isinstance(n_periodic, int) and n_periodic != 3:
        check_periodic([axis < n_periodic for axis in range(3)], "nperiodic_dimensions")


def _check_features(attributes: Mapping[str, Any]) -> None:
    """Raise InvalidStructureError for atoms that are stated and have no place, and for places that are alternatives."""
    features = attributes.get("structure_features") or []
    for feature, (reason, what) in _REFUSED_FEATURES.items():
        if feature in features or (feature == "assemblies" and attributes.get("assemblies")):
            raise InvalidStructureError(f"structure_features says {feature!r}: {what}", reason=reason)


def _elements_of(species: object) -> dict[str, Mapping[str, Any]]:
    if not isinstance(species, list) or not all(isinstance(one, dict) and "name" in one for one in species):
        raise _unreadable("the entry has no list 'species'")
    return {str(one["name"]): one for one in species}


def _species(species: Mapping[str, Any]) -> Species:
    """An ordered species."""
    symbols, shares = species.get("chemical_symbols") or [], species.get("concentration") or [1.0]
    if any(species.get("nattached") or ([1] if species.get("attached") else [])):
        raise InvalidStructureError(
            f"species {str(species['name'])[:40]} has {species.get('attached')} attached and not placed: every atom "
            "needs a site",
            reason=RefusalReason.MISSING_ATOMS,
        )
    if len(symbols) != 1 or not is_full(shares[0]) or symbols[0] == "vacancy":
        raise InvalidStructureError(
            f"species {str(species['name'])[:40]} holds {symbols} at {shares}: one element a site is needed",
            reason=RefusalReason.PARTIAL_OCCUPANCY,
        )
    found = species_of(symbols[0])
    if found is None:
        raise unknown_element(str(symbols[0])[:80], "species")
    return found


def _value_at(attributes: Mapping[str, Any], name: str) -> object:
    if name in attributes:
        return attributes[name]
    value: object = attributes
    for part in name.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value


def _unreadable(problem: str) -> InvalidStructureError:
    return InvalidStructureError(problem, reason=RefusalReason.UNREADABLE)
