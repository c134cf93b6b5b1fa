"""What one CIF data block says: cell, sites, symmetry and formula."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.cell import lattice_from_parameters
from epitaxy_models.structures.checks import check_coordinates, check_site_count, site_name
from epitaxy_models.structures.cif_block import CifBlock, value_of
from epitaxy_models.structures.formula import Composition, parse_formula
from epitaxy_models.structures.intake import IntakeLimits, RefusalReason
from epitaxy_models.structures.species import Species, species_of, species_of_label, unknown_element
from epitaxy_models.structures.symmetry import (
    SpaceGroup,
    space_group_of_hall,
    space_group_of_triplets,
    space_groups_of_number,
    space_groups_of_symbol,
)

_FRACTS = [(f"_atom_site_fract_{axis}", f"_atom_site.fract_{axis}") for axis in "xyz"]
_LABEL = ("_atom_site_label", "_atom_site.label", "_atom_site.id")
_TYPE_SYMBOL = ("_atom_site_type_symbol", "_atom_site.type_symbol")
_OCCUPANCY = ("_atom_site_occupancy", "_atom_site.occupancy")
_LENGTHS = [(f"_cell_length_{name}", f"_cell.length_{name}") for name in "abc"]
_ANGLES = [(f"_cell_angle_{name}", f"_cell.angle_{name}") for name in ("alpha", "beta", "gamma")]
_OPERATIONS = (
    "_space_group_symop_operation_xyz",
    "_symmetry_equiv_pos_as_xyz",
    "_space_group_symop.operation_xyz",
    "_symmetry_equiv.pos_as_xyz",
)
_HALL = ("_space_group_name_hall", "_symmetry_space_group_name_hall", "_space_group.name_hall")
_SYMBOL = (
    "_space_group_name_h-m_alt",
    "_symmetry_space_group_name_h-m",
    "_space_group.name_h-m_alt",
    "_symmetry.space_group_name_h-m",
)
_NUMBER = ("_space_group_it_number", "_symmetry_int_tables_number", "_space_group.it_number")
_OCCUPANCY_TOLERANCE = 1e-3
_FULL = frozenset({"1", "1.0", "1.00", "?", "."})
# Longer than any symbol or operation of the tables; keeps the caches of groups small.
_MAX_SYMBOL_LENGTH = 80


@dataclass(frozen=True, slots=True, eq=False)
class ListedSites:
    """The sites as listed, before symmetry: labels, species, and fractional coordinates ``[n_listed, 3]``."""

    labels: list[str]
    species: list[Species]
    frac_coords: NDArray[np.float64]


def has_sites(block: CifBlock) -> bool:
    """Whether the block has columns for atom positions, filled or not."""
    return block.has_tag(*_FRACTS[0])


def read_formula(block: CifBlock) -> Composition | None:
    """The stated ``_chemical_formula_sum``, None where absent or no plain formula."""
    stated = value_of(block, "_chemical_formula_sum", "_chemical_formula.sum")
    return parse_formula(stated) if stated else None


def read_units_in_cell(block: CifBlock) -> int | None:
    """The stated Z, None where absent or no positive integer."""
    stated = value_of(block, "_cell_formula_units_z", "_cell.formula_units_z")
    return int(stated) if stated and stated.isdecimal() and 0 < len(stated) < 6 and int(stated) else None


def read_cell(block: CifBlock, limits: IntakeLimits) -> NDArray[np.float64]:
    """Lattice row vectors, Angstrom. Raises InvalidStructureError (UNREADABLE, DEGENERATE_CELL, NON_FINITE)."""
    texts = [value_of(block, *tags) for tags in _LENGTHS]
    missing = [tags[0] for tags, text in zip(_LENGTHS, texts, strict=True) if text is None]
    if missing:
        raise InvalidStructureError(
            f"the CIF has no {', '.join(missing)}: add the cell", reason=RefusalReason.UNREADABLE
        )
    lengths = [_number(text or "", tags[0]) for tags, text in zip(_LENGTHS, texts, strict=True)]
    # The CIF core dictionary gives 90 degrees as the default of an angle.
    angles = [_number(value_of(block, *tags) or "90", tags[0]) for tags in _ANGLES]
    return lattice_from_parameters(lengths, angles, limits)


def read_sites(block: CifBlock, formula: Composition | None, limits: IntakeLimits) -> ListedSites:
    """The listed sites, all of them ordered and of known elements.

    Raises InvalidStructureError (TRUNCATED_FILE, UNREADABLE, TOO_MANY_ATOMS, PARTIAL_OCCUPANCY, UNKNOWN_ELEMENT,
    NON_FINITE).
    """
    columns = [block.column(*tags) for tags in _FRACTS]
    n_listed = len(columns[0])
    if not n_listed:
        raise InvalidStructureError(
            "the loop of atom sites has no rows: send the complete file", reason=RefusalReason.TRUNCATED_FILE
        )
    check_site_count(n_listed, limits)
    types, labels = block.column(*_TYPE_SYMBOL), block.column(*_LABEL)
    names = labels or types
    if any(len(column) != n_listed for column in (*columns, names, types or names)):
        raise InvalidStructureError(
            "the atom sites need _atom_site_label or _type_symbol and _atom_site_fract_x, _y and _z in one loop",
            reason=RefusalReason.UNREADABLE,
        )
    _check_occupancies(block.column(*_OCCUPANCY), names)
    species = _read_species(types, names, formula)
    frac_coords = np.array([_coordinates(column) for column in columns]).T
    check_coordinates(frac_coords, names)
    return ListedSites(names, species, frac_coords)


def read_space_groups(block: CifBlock, lattice: NDArray[np.float64]) -> tuple[SpaceGroup, ...]:
    """The space group, or all of its settings that fit the cell; empty where the file is silent on symmetry.

    Operations listed in the file come before the Hall symbol, the Hermann-Mauguin symbol and the number.
    Raises InvalidStructureError (SYMMETRY_MISMATCH, UNREADABLE, TRUNCATED_FILE).
    """
    groups = _stated_groups(block)
    fitting = tuple(group for group in groups if group.fits(lattice))
    if groups and not fitting:
        raise InvalidStructureError(
            f"the cell lengths and angles contradict {groups[0].name}: correct the cell or the symmetry",
            reason=RefusalReason.SYMMETRY_MISMATCH,
        )
    return fitting


def _stated_groups(block: CifBlock) -> tuple[SpaceGroup, ...]:
    triplets = tuple("".join(text.split())[:_MAX_SYMBOL_LENGTH].lower() for text in block.column(*_OPERATIONS))
    if triplets and triplets != ("?",):
        return (space_group_of_triplets(triplets),)
    if block.has_tag(*_OPERATIONS) and not triplets:
        raise InvalidStructureError(
            "the loop of symmetry operations has no rows: send the complete file", reason=RefusalReason.TRUNCATED_FILE
        )
    hall, symbol, number = (value_of(block, *tags) for tags in (_HALL, _SYMBOL, _NUMBER))
    by_hall = space_group_of_hall(hall[:_MAX_SYMBOL_LENGTH]) if hall else None
    if by_hall:
        return (by_hall,)
    by_symbol = space_groups_of_symbol(symbol[:_MAX_SYMBOL_LENGTH]) if symbol else ()
    by_number = space_groups_of_number(int(number)) if number and number.isdecimal() and len(number) <= 3 else ()
    if not (by_symbol or by_number) and (hall or symbol or number):
        raise InvalidStructureError(
            f"space group {(symbol or hall or number or '')[:40]!r} is not known: list its symmetry operations",
            reason=RefusalReason.UNREADABLE,
        )
    return by_symbol or by_number


def _check_occupancies(column: Sequence[str], names: Sequence[str]) -> None:
    if _FULL.issuperset(column):
        return
    for index, (text, _) in enumerate(zip(column, names, strict=False)):
        occupancy = 1.0 if text in {"?", "."} else _number(text, "_atom_site_occupancy")
        if not abs(occupancy - 1.0) <= _OCCUPANCY_TOLERANCE:
            raise InvalidStructureError(
                f"{site_name(index, names)} has occupancy {occupancy:g}: send an ordered approximant, each site full",
                reason=RefusalReason.PARTIAL_OCCUPANCY,
            )


def _read_species(types: Sequence[str], names: Sequence[str], formula: Composition | None) -> list[Species]:
    species = []
    for index, name in enumerate(names):
        symbol = types[index] if types and types[index] not in {"?", "."} else ""
        found = species_of(symbol) if symbol else species_of_label(name, formula or ())
        if found is None:
            raise unknown_element(symbol or name, site_name(index, names))
        species.append(found)
    return species


def _coordinates(column: list[str]) -> list[float]:
    try:
        if "_" not in "".join(column):  # which float() would take for a separator of thousands
            return list(map(float, column))
    except ValueError:  # uncertainties in parentheses, unknown values, words: one by one
        pass
    return [nan if text in {"?", "."} else _number(text, "a fractional coordinate") for text in column]


def _number(text: str, what: str) -> float:
    """The number without its uncertainty: ``5.640(1)`` is 5.64."""
    try:
        value = float(text.partition("(")[0])
    except ValueError:
        value = None
    if value is None or "_" in text:
        raise InvalidStructureError(f"{what} is {text[:40]!r}: give a number", reason=RefusalReason.UNREADABLE)
    return value
