"""CIF text to a crystal: split, read, expand by symmetry, check against the stated formula."""

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.checks import check_site_count, check_structure, wrapped, wrapping_repair
from epitaxy_models.structures.cif_block import CifBlock, split_blocks
from epitaxy_models.structures.cif_crystal import (
    ListedSites,
    has_sites,
    read_cell,
    read_formula,
    read_sites,
    read_space_groups,
    read_units_in_cell,
)
from epitaxy_models.structures.formula import check_formula
from epitaxy_models.structures.intake import Intake, IntakeLimits, RefusalReason, Repair, RepairCode
from epitaxy_models.structures.species import species_repairs
from epitaxy_models.structures.structure import Structure
from epitaxy_models.structures.symmetry import Orbit, SpaceGroup

# A site moved by less (Angstrom) stood on its special position but for the last digit of its text.
_REPORTED_MOVE = 1e-5


def read_cif(text: str, limits: IntakeLimits) -> Intake:
    """The crystal of the first data block with atoms, all symmetry copies included.

    Raises InvalidStructureError with every reason but MALFORMED_BLOCK and TOO_LARGE.
    """
    blocks, repairs = split_blocks(text, limits)
    with_sites = [block for block in blocks if has_sites(block)]
    if not with_sites:
        raise _no_sites(len(blocks))
    if len(with_sites) > 1:
        repairs += (
            Repair(RepairCode.IGNORED_DATA_BLOCKS, f"{len(with_sites) - 1} further data block(s) with atoms ignored"),
        )
    intake = _read_block(with_sites[0], limits)
    return Intake(intake.structure, repairs + intake.repairs)


def _no_sites(n_blocks: int) -> InvalidStructureError:
    if not n_blocks:
        return InvalidStructureError("the text has no data_ block: send a CIF file", reason=RefusalReason.UNREADABLE)
    return InvalidStructureError(
        "no data block lists atoms by _atom_site_fract_x, _y and _z: send a file with fractional coordinates",
        reason=RefusalReason.EMPTY_STRUCTURE,
    )


def _read_block(block: CifBlock, limits: IntakeLimits) -> Intake:
    formula = read_formula(block)
    sites = read_sites(block, formula, limits)
    lattice = read_cell(block, limits)
    groups = read_space_groups(block, lattice)
    repairs = species_repairs(sites.species)
    if not groups:
        repairs += (
            Repair(RepairCode.ASSUMED_P1, "no symmetry is stated: the listed atoms are taken for the whole cell"),
        )
    units_in_cell = read_units_in_cell(block)
    fitting: list[Intake] = []
    refusals: list[InvalidStructureError] = []
    for group in groups or (None,):
        try:
            intake = _fill_cell(sites, lattice, group, limits)
            check_formula(intake.structure.atomic_numbers, formula, units_in_cell)
            fitting.append(intake)
        except InvalidStructureError as refusal:
            refusals.append(refusal)
    if not fitting:
        raise refusals[0]
    if len(fitting) > 1:
        repairs += (
            Repair(RepairCode.ASSUMED_SETTING, f"{groups[0].name} assumed: the file does not state the setting"),
        )
    return Intake(fitting[0].structure, repairs + fitting[0].repairs)


def _fill_cell(
    sites: ListedSites, lattice: NDArray[np.float64], group: SpaceGroup | None, limits: IntakeLimits
) -> Intake:
    numbers = np.array([species.atomic_number for species in sites.species], dtype=np.uint8)
    if group is None or group.n_operations == 1:
        return check_structure(Structure(lattice, numbers, sites.frac_coords), limits, sites.labels)
    orbits = group.orbits(sites.frac_coords, lattice, limits.special_position_tolerance_angstrom)
    every = list(range(len(orbits)))
    try:
        intake = _check_orbits(every, orbits, numbers, sites, lattice, limits)
        distinct = every
    except InvalidStructureError as refusal:
        if refusal.reason not in {RefusalReason.OVERLAPPING_ATOMS, RefusalReason.TOO_MANY_ATOMS}:
            raise
        # Some programs list every atom of the cell and the symmetry besides.
        distinct = _distinct_orbits(orbits, numbers, lattice, limits)
        if len(distinct) == len(every):
            raise
        intake = _check_orbits(distinct, orbits, numbers, sites, lattice, limits)
    repairs = _orbit_repairs(len(every) - len(distinct), sum(orbits[site].moved > _REPORTED_MOVE for site in distinct))
    return Intake(intake.structure, wrapping_repair(wrapped(sites.frac_coords)[1]) + repairs)


def _check_orbits(
    chosen: list[int],
    orbits: list[Orbit],
    numbers: NDArray[np.uint8],
    sites: ListedSites,
    lattice: NDArray[np.float64],
    limits: IntakeLimits,
) -> Intake:
    sizes = [len(orbits[site].positions) for site in chosen]
    check_site_count(sum(sizes), limits)
    owners = np.repeat(chosen, sizes)
    frac_coords = wrapped(np.concatenate([orbits[site].positions for site in chosen]))[0]
    labels = [sites.labels[owner] for owner in owners.tolist()]
    return check_structure(Structure(lattice, numbers[owners], frac_coords), limits, labels)


def _distinct_orbits(
    orbits: list[Orbit], numbers: NDArray[np.uint8], lattice: NDArray[np.float64], limits: IntakeLimits
) -> list[int]:
    """The listed sites that are no symmetry copies of an earlier one; stops once they exceed the atom limit."""
    distinct: list[int] = []
    positions, elements, end = np.empty((limits.max_sites, 3)), np.empty(limits.max_sites, dtype=np.uint8), 0
    for site, (orbit, number) in enumerate(zip(orbits, numbers.tolist(), strict=True)):
        same = positions[:end][elements[:end] == number]
        if _is_near(orbit.positions[0], same, lattice, limits.special_position_tolerance_angstrom):
            continue
        distinct.append(site)
        begin, end = end, end + len(orbit.positions)
        check_site_count(end, limits)
        positions[begin:end], elements[begin:end] = orbit.positions, number
    return distinct


def _is_near(
    position: NDArray[np.float64], others: NDArray[np.float64], lattice: NDArray[np.float64], tolerance: float
) -> bool:
    difference = others - position
    difference -= np.rint(difference)
    return bool((np.linalg.norm(difference @ lattice, axis=1) < tolerance).any())


def _orbit_repairs(n_merged: int, n_moved: int) -> tuple[Repair, ...]:
    repairs: tuple[Repair, ...] = ()
    if n_merged:
        text = f"{n_merged} listed site(s) were symmetry copies of others and are counted once"
        repairs += (Repair(RepairCode.MERGED_SYMMETRY_COPIES, text),)
    if n_moved:
        text = f"{n_moved} site(s) moved onto the special position that their rounded coordinates mean"
        repairs += (Repair(RepairCode.ROUNDED_SPECIAL_POSITIONS, text),)
    return repairs
