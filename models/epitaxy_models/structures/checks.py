"""The checks that every structure passes before anything is computed on it, wherever it came from."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.cell import check_cell
from epitaxy_models.structures.elements import SYMBOLS, symbol_of
from epitaxy_models.structures.intake import DEFAULT_LIMITS, Intake, IntakeLimits, RefusalReason, Repair, RepairCode
from epitaxy_models.structures.overlap import ClosePair, closest_pair_within
from epitaxy_models.structures.structure import Structure

# Beyond this a float64 fraction has lost the digits that place the atom.
_MAX_FRACTION = 1e6
# Two species nearer than this (Angstrom) are one mixed site rather than two colliding atoms.
_ONE_SITE = 0.05
# Fractions this far below zero are rounding of a Cartesian conversion, not a coordinate outside of the cell.
_ROUNDING = 1e-9


def check_structure(
    structure: Structure, limits: IntakeLimits = DEFAULT_LIMITS, labels: Sequence[str] | None = None
) -> Intake:
    """The structure with coordinates wrapped into [0, 1).

    Raises InvalidStructureError (EMPTY_STRUCTURE, TOO_MANY_ATOMS, UNKNOWN_ELEMENT, NON_FINITE, DEGENERATE_CELL,
    OVERLAPPING_ATOMS, PARTIAL_OCCUPANCY, MALFORMED_BLOCK). ``labels`` name the sites in the messages.
    """
    _check_shapes(structure)
    check_site_count(structure.n_sites, limits)
    # Not before a structure is checked: numba takes a second to load, and reading files does without.
    from epitaxy_models.structures.plain_structure import MAX_SITES, is_plain  # noqa: PLC0415

    if structure.n_sites <= MAX_SITES and is_plain(structure, limits):
        return Intake(structure)
    _check_elements(structure.atomic_numbers, labels)
    check_cell(structure.lattice, limits)
    check_coordinates(structure.frac_coords, labels)
    intake = _wrap(structure)
    pair = closest_pair_within(intake.structure.lattice, intake.structure.frac_coords, limits.min_distance_angstrom)
    if pair is not None:
        _refuse_overlap(intake.structure, pair, limits, labels)
    return intake


def check_site_count(n_sites: int, limits: IntakeLimits) -> None:
    """Raise InvalidStructureError (EMPTY_STRUCTURE, TOO_MANY_ATOMS) for a count out of bounds."""
    if n_sites < 1:
        raise InvalidStructureError(
            "the structure has no atoms: send at least one site", reason=RefusalReason.EMPTY_STRUCTURE
        )
    if n_sites > limits.max_sites:
        raise InvalidStructureError(
            f"the cell has {n_sites} atoms, over the limit of {limits.max_sites}: send the primitive cell",
            reason=RefusalReason.TOO_MANY_ATOMS,
        )


def check_coordinates(frac_coords: NDArray[np.float64], labels: Sequence[str] | None = None) -> None:
    """Raise InvalidStructureError (NON_FINITE) where a coordinate is no usable number."""
    # Comparisons with NaN are false.
    if frac_coords.min(initial=0.0) > -_MAX_FRACTION and frac_coords.max(initial=0.0) < _MAX_FRACTION:
        return
    site, axis = np.argwhere(~(np.abs(frac_coords) < _MAX_FRACTION))[0].tolist()
    raise InvalidStructureError(
        f"coordinate {'xyz'[axis]} of {site_name(site, labels)} is {frac_coords[site, axis]:g}: give a finite fraction",
        reason=RefusalReason.NON_FINITE,
    )


def wrapped(frac_coords: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    """Coordinates in [0, 1), shape ``[n_sites, 3]``, and the number of sites that were outside."""
    if frac_coords.min(initial=0.0) >= 0.0 and frac_coords.max(initial=0.0) < 1.0:
        return frac_coords, 0
    inside = frac_coords - np.floor(frac_coords)
    inside[inside >= 1.0] = 0.0  # -1e-17 - floor(-1e-17) rounds to 1
    moved = (frac_coords < -_ROUNDING) | (frac_coords >= 1.0)
    return inside, int(moved.any(axis=1).sum())


def wrapping_repair(n_sites: int) -> tuple[Repair, ...]:
    """The report of ``n_sites`` wrapped sites; empty for none."""
    if not n_sites:
        return ()
    return (Repair(RepairCode.WRAPPED_COORDINATES, f"coordinates of {n_sites} site(s) wrapped into [0, 1)"),)


def site_name(index: int, labels: Sequence[str] | None) -> str:
    """How messages call a site: ``"site 3 (O2)"``, counted from 1."""
    return f"site {index + 1} ({labels[index][:40]})" if labels else f"site {index + 1}"


def _check_shapes(structure: Structure) -> None:
    n_sites = len(structure.atomic_numbers)
    if structure.lattice.shape != (3, 3) or structure.frac_coords.shape != (n_sites, 3):
        raise InvalidStructureError(
            f"lattice {list(structure.lattice.shape)} must be [3, 3] and coordinates "
            f"{list(structure.frac_coords.shape)} [{n_sites}, 3] for {n_sites} atomic numbers",
            reason=RefusalReason.MALFORMED_BLOCK,
        )


def _check_elements(atomic_numbers: NDArray[np.uint8], labels: Sequence[str] | None) -> None:
    if atomic_numbers.min() >= 1 and atomic_numbers.max() <= len(SYMBOLS):
        return
    site = int(np.argmax((atomic_numbers < 1) | (atomic_numbers > len(SYMBOLS))))
    raise InvalidStructureError(
        f"{site_name(site, labels)} has atomic number {atomic_numbers[site]}: give 1 to {len(SYMBOLS)}",
        reason=RefusalReason.UNKNOWN_ELEMENT,
    )


def _wrap(structure: Structure) -> Intake:
    inside, n_moved = wrapped(structure.frac_coords)
    if inside is structure.frac_coords:
        return Intake(structure)
    return Intake(Structure(structure.lattice, structure.atomic_numbers, inside), wrapping_repair(n_moved))


def _refuse_overlap(structure: Structure, pair: ClosePair, limits: IntakeLimits, labels: Sequence[str] | None) -> None:
    numbers = [int(structure.atomic_numbers[index]) for index in (pair.first, pair.second)]
    first, second = (
        site_name(index, labels or [symbol_of(number) for number in structure.atomic_numbers.tolist()])
        for index in (pair.first, pair.second)
    )
    if numbers[0] != numbers[1] and pair.distance < _ONE_SITE:
        raise InvalidStructureError(
            f"{first} and {second} share one position: a mixed site must be ordered first, one element a site",
            reason=RefusalReason.PARTIAL_OCCUPANCY,
        )
    if pair.first == pair.second:
        second = "its own periodic image"
    raise InvalidStructureError(
        f"{first} and {second} are {pair.distance:.3f} Angstrom apart, under {limits.min_distance_angstrom:g}: "
        "remove the duplicate or correct cell and symmetry",
        reason=RefusalReason.OVERLAPPING_ATOMS,
    )
