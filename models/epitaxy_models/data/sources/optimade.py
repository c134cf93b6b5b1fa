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
from epitaxy_models.structures.cell import check_cell
from epitaxy_models.structures.checks import check_site_count, check_structure
from epitaxy_models.structures.intake import DEFAULT_LIMITS, Intake, RefusalReason
from epitaxy_models.structures.numbers import fractions_of
from epitaxy_models.structures.pymatgen_json import array_of
from epitaxy_models.structures.species import species_of, unknown_element
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
_FULL = 1e-3


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
    _check_periodic(attributes.get("dimension_types"))
    elements = _elements_of(attributes.get("species"))
    unknown = next((name for name in sites if name not in elements), None)
    if unknown is not None:
        raise _unreadable(f"species_at_sites names {str(unknown)[:40]!r}, which species does not define")
    lattice = array_of(attributes.get("lattice_vectors"), (3, 3), "lattice_vectors")
    check_cell(lattice, DEFAULT_LIMITS)
    positions = array_of(attributes.get("cartesian_site_positions"), (len(sites), 3), "cartesian_site_positions")
    numbers = np.array([_number(elements[name]) for name in sites], dtype=np.uint8)
    return check_structure(Structure(lattice, numbers, fractions_of(positions, lattice)))


def _refuse_nameless() -> Intake:
    raise _unreadable("the entry has no id")


def _check_periodic(dimension_types: object) -> None:
    if isinstance(dimension_types, list) and 0 in dimension_types:
        raise _unreadable(f"dimension_types {dimension_types} is no crystal in three dimensions")


def _elements_of(species: object) -> dict[str, Mapping[str, Any]]:
    if not isinstance(species, list) or not all(isinstance(one, dict) and "name" in one for one in species):
        raise _unreadable("the entry has no list 'species'")
    return {str(one["name"]): one for one in species}


def _number(species: Mapping[str, Any]) -> int:
    """Atomic number of an ordered species."""
    symbols, shares = species.get("chemical_symbols") or [], species.get("concentration") or [1.0]
    if len(symbols) != 1 or abs(shares[0] - 1) > _FULL or symbols[0] == "vacancy" or species.get("attached"):
        raise InvalidStructureError(
            f"species {str(species['name'])[:40]} holds {symbols} at {shares}: one element a site is needed",
            reason=RefusalReason.PARTIAL_OCCUPANCY,
        )
    found = species_of(symbols[0])
    if found is None:
        raise unknown_element(str(symbols[0])[:80], "species")
    return found.atomic_number


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
