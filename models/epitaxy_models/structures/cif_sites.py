"""The atom sites of a CIF data block, and what it says of each beyond its position."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite, nan

import gemmi
import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.checks import check_coordinates, check_site_count, site_name
from epitaxy_models.structures.cif_block import CifBlock
from epitaxy_models.structures.cif_crystal import cif_number, is_unknown
from epitaxy_models.structures.formula import Composition
from epitaxy_models.structures.intake import IntakeLimits, Note, NoteCode, RefusalReason
from epitaxy_models.structures.species import Species, species_of, species_of_label, unknown_element

_FRACTS = [f"_atom_site_fract_{axis}" for axis in "xyz"]
_LABEL = ("_atom_site_label", "_atom_site_id")
_TYPE_SYMBOL = "_atom_site_type_symbol"
_OCCUPANCY = "_atom_site_occupancy"
_MULTIPLICITY = ("_atom_site_symmetry_multiplicity", "_atom_site_site_symmetry_multiplicity")
_SYMMETRY_ORDER = "_atom_site_site_symmetry_order"
_DISORDER_GROUP = ("_atom_site_disorder_group", "_atom_site_label_alt_id")
_DISORDER_ASSEMBLY = "_atom_site_disorder_assembly"
_ATTACHED_HYDROGENS = "_atom_site_attached_hydrogens"
_CALC_FLAG = "_atom_site_calc_flag"
_OCCUPANCY_TOLERANCE = 1e-3
_FULL = frozenset({"1", "1.0", "1.00", "?", "."})
_NO_GROUP = frozenset({"?", ".", "", "0"})


@dataclass(frozen=True, slots=True, eq=False)
class ListedSites:
    """The sites as listed, before symmetry.

    Attributes:
        labels: Names for messages.
        species: One a site.
        frac_coords: Fractional coordinates, shape ``[n_listed, 3]``.
        multiplicities: Stated number of copies of each site in the cell; empty if nothing is stated.
        orders: Stated order of the site symmetry of each site; empty if nothing is stated.
        notes: What was dropped or is unusual.
    """

    labels: list[str]
    species: list[Species]
    frac_coords: NDArray[np.float64]
    multiplicities: list[int] = field(default_factory=list)
    orders: list[int] = field(default_factory=list)
    notes: tuple[Note, ...] = ()


def has_sites(block: CifBlock) -> bool:
    """Whether the block has columns for atom positions, filled or not."""
    return _FRACTS[0] in block.tags


def read_sites(block: CifBlock, formula: Composition | None, limits: IntakeLimits) -> ListedSites:
    """The listed sites, all of them ordered and of known elements; dummies are left out.

    Raises InvalidStructureError (TRUNCATED_FILE, UNREADABLE, TOO_MANY_ATOMS, PARTIAL_OCCUPANCY, MISSING_ATOMS,
    UNKNOWN_ELEMENT, NON_FINITE).
    """
    columns = [block.column(tag) for tag in _FRACTS]
    n_listed = len(columns[0])
    if not n_listed:
        raise InvalidStructureError(
            "the loop of atom sites has no rows: send the complete file", reason=RefusalReason.TRUNCATED_FILE
        )
    types, labels = block.column(_TYPE_SYMBOL), block.column(*_LABEL)
    names = labels or types
    if any(len(column) != n_listed for column in (*columns, names, types or names)):
        raise InvalidStructureError(
            "the atom sites need _atom_site_label or _type_symbol and _atom_site_fract_x, _y and _z in one loop",
            reason=RefusalReason.UNREADABLE,
        )
    kept, notes = _real_sites(block, n_listed)
    if len(kept) < n_listed:
        columns = [_only(column, kept) for column in columns]
        types, names = _only(types, kept), _only(names, kept)
    check_site_count(len(kept), limits)
    _check_occupancies(_only(block.column(_OCCUPANCY), kept), names)
    notes += _check_disorder(block, kept, names)
    species = _read_species(types, names, formula)
    notes += _check_attached_hydrogens(block, kept, names, species, formula)
    frac_coords = _read_coordinates(columns, names)
    multiplicities, orders = (
        _whole_numbers(_only(block.column(*tags), kept), len(kept)) for tags in (_MULTIPLICITY, (_SYMMETRY_ORDER,))
    )
    return ListedSites(names, species, frac_coords, multiplicities, orders, notes)


def _real_sites(block: CifBlock, n_listed: int) -> tuple[Sequence[int], tuple[Note, ...]]:
    """Rows that are no dummies: the dictionary's ``dum`` marks sites with meaningless coordinates."""
    flags = block.column(_CALC_FLAG) if _CALC_FLAG in block.tags else []
    kept = [row for row, flag in enumerate(flags) if flag.lower() != "dum"]
    n_dummies = len(flags) - len(kept)
    if not n_dummies or len(flags) != n_listed:
        return range(n_listed), ()
    text = f"{n_dummies} dummy site(s) (_atom_site_calc_flag dum) left out"
    return kept, (Note(NoteCode.DROPPED_DUMMY_SITES, text),)


def _only(column: list[str], rows: Sequence[int]) -> list[str]:
    return column if len(column) <= len(rows) else [column[row] for row in rows]


def _check_occupancies(column: Sequence[str], names: Sequence[str]) -> None:
    if _FULL.issuperset(column):
        return
    for index, (text, _) in enumerate(zip(column, names, strict=False)):
        occupancy = 1.0 if text in {"?", "."} else cif_number(text, _OCCUPANCY)
        if not abs(occupancy - 1.0) <= _OCCUPANCY_TOLERANCE:
            raise InvalidStructureError(
                f"{site_name(index, names)} has occupancy {occupancy:g}: send an ordered approximant, each site full",
                reason=RefusalReason.PARTIAL_OCCUPANCY,
            )


def _check_disorder(block: CifBlock, kept: Sequence[int], names: Sequence[str]) -> tuple[Note, ...]:
    """Sites in different groups of one assembly are alternatives: one crystal cannot hold them all."""
    groups = next((block.column(tag) for tag in _DISORDER_GROUP if tag in block.tags), [])
    if _NO_GROUP.issuperset(groups):
        return ()
    groups = _only(groups, kept)
    assemblies = _only(block.column(_DISORDER_ASSEMBLY), kept) or ["."] * len(groups)
    first_of: dict[str, int] = {}
    for index, (group, assembly, _) in enumerate(zip(groups, assemblies, names, strict=False)):
        if group in _NO_GROUP:
            continue
        other = first_of.setdefault(assembly, index)
        if group.startswith("-") or groups[other] != group:
            raise _alternatives(index, other, groups, names)
    text = f"{len(first_of)} disorder group(s) without an alternative in the file: read as fully occupied"
    return (Note(NoteCode.SINGLE_DISORDER_GROUP, text),) if first_of else ()


def _alternatives(index: int, other: int, groups: list[str], names: Sequence[str]) -> InvalidStructureError:
    which = (
        f"{site_name(other, names)} and {site_name(index, names)} are alternatives (disorder groups "
        f"{groups[other][:20]} and {groups[index][:20]} of one assembly)"
        if groups[other] != groups[index]
        else f"{site_name(index, names)} is disordered about a symmetry element (disorder group {groups[index][:20]})"
    )
    return InvalidStructureError(
        f"{which}: keep one of them, in an ordered approximant", reason=RefusalReason.PARTIAL_OCCUPANCY
    )


def _check_attached_hydrogens(
    block: CifBlock, kept: Sequence[int], names: Sequence[str], species: Sequence[Species], formula: Composition | None
) -> tuple[Note, ...]:
    """The dictionary counts hydrogens without coordinates there; some programs count those that are listed, too."""
    column = block.column(_ATTACHED_HYDROGENS) if _ATTACHED_HYDROGENS in block.tags else []
    if not column or is_unknown(column):
        return ()
    counts = [0.0 if text in {"?", "."} else cif_number(text, _ATTACHED_HYDROGENS) for text in _only(column, kept)]
    first = next((index for index, count in enumerate(counts[: len(names)]) if count != 0), None)
    if first is None:
        return ()
    if formula and formula.get(1) and any(one.atomic_number == 1 for one in species):
        # The check of the formula, later, decides: with the hydrogens of the list it is complete or refused.
        text = f"{sum(counts):g} attached hydrogen(s) are stated; those that the file lists make up its formula"
        return (Note(NoteCode.UNUSED_ATTACHED_HYDROGENS, text),)
    raise InvalidStructureError(
        f"{site_name(first, names)} has {counts[first]:g} attached hydrogen(s) without coordinates "
        f"(_atom_site_attached_hydrogens): add the hydrogens as sites",
        reason=RefusalReason.MISSING_ATOMS,
    )


def _read_species(types: Sequence[str], names: Sequence[str], formula: Composition | None) -> list[Species]:
    if types and None not in (known := list(map(species_of, types))):
        return known  # type: ignore[return-value]  # none of them is None
    species = []
    for index, name in enumerate(names):
        symbol = types[index] if types and types[index] not in {"?", "."} else ""
        found = species_of(symbol) if symbol else species_of_label(name, formula or ())
        if found is None:
            raise unknown_element(symbol or name, site_name(index, names))
        species.append(found)
    return species


def _read_coordinates(columns: Sequence[Sequence[str]], names: Sequence[str]) -> NDArray[np.float64]:
    """Fractions, ``[n_sites, 3]``. Raises InvalidStructureError (UNREADABLE, NON_FINITE)."""
    # gemmi reads what the grammar of CIF calls a number, to the same bits and several times faster.
    texts = [text for column in columns for text in column]
    numbers = list(map(gemmi.cif.as_number, texts))
    if isfinite(sum(numbers)) and min(numbers) >= -1 and max(numbers) <= 2:
        return np.array(numbers).reshape(3, -1).T
    # Unknown values, words, odd spellings of numbers and fractions far outside of the cell: one by one.
    numbers = [nan if text in {"?", "."} else cif_number(text, "a fractional coordinate") for text in texts]
    frac_coords = np.array(numbers).reshape(3, -1).T
    check_coordinates(frac_coords, names)
    return frac_coords


def _whole_numbers(column: list[str], n_sites: int) -> list[int]:
    """The positive whole numbers of a column, empty if one is missing."""
    if len(column) == n_sites and set(column) == {"1"}:
        return [1] * n_sites
    if len(column) != n_sites or not all(text.isdecimal() and len(text) < 5 and int(text) for text in column):
        return []
    return list(map(int, column))
