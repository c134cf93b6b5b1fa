"""All atoms of a cell from listed sites and a space group."""

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.checks import check_site_count, check_structure, site_name, wrapped, wrapping_repair
from epitaxy_models.structures.cif_sites import ListedSites
from epitaxy_models.structures.intake import Intake, IntakeLimits, RefusalReason, Repair, RepairCode
from epitaxy_models.structures.structure import Structure
from epitaxy_models.structures.symmetry import Orbit, SpaceGroup

# A site moved by less (Angstrom) stood on its special position but for the last digit of its text.
_REPORTED_MOVE = 1e-5


@dataclass(frozen=True, slots=True, eq=False)
class FilledCell:
    """The atoms that listed sites make under a space group.

    Attributes:
        intake: The checked structure and its repairs.
        sites: Indices of the listed sites that are no copies of others.
        sizes: Number of atoms that each of them makes.
        n_operations: Operations of the space group.
    """

    intake: Intake
    sites: list[int]
    sizes: list[int]
    n_operations: int

    def first_atoms(self) -> list[int]:
        """Index of one atom a site: the atoms of a site all have the same surroundings."""
        return [int(begin) for begin in np.cumsum([0, *self.sizes])[:-1]]

    def check_multiplicities(self, listed: ListedSites, group: SpaceGroup | None) -> None:
        """Raise InvalidStructureError (SYMMETRY_MISMATCH) if the sites have other numbers of copies than is stated."""
        stated = [listed.multiplicities[site] for site in self.sites] if listed.multiplicities else []
        orders = [listed.orders[site] for site in self.sites] if listed.orders else []
        if self._are_orders(orders) and (
            stated == self.sizes or (stated and self._are_orders(stated)) or self._are_written_out(listed, stated)
        ):
            return
        self._refuse(listed, stated, orders, group)

    def _are_orders(self, stated: list[int]) -> bool:
        """SHELX-97 wrote the order of the site symmetry where the multiplicity belongs."""
        return all(order * size == self.n_operations for order, size in zip(stated, self.sizes, strict=False))

    def _are_written_out(self, listed: ListedSites, stated: list[int]) -> bool:
        """A list of all atoms of the cell may keep the multiplicities of the orbits that they came from."""
        if not stated:
            return True
        if set(self.sizes) != {1}:
            return False
        kinds = Counter(
            (listed.species[site].atomic_number, times) for site, times in zip(self.sites, stated, strict=True)
        )
        return all(n_atoms % times == 0 for (_, times), n_atoms in kinds.items())

    def _refuse(self, listed: ListedSites, stated: list[int], orders: list[int], group: SpaceGroup | None) -> None:
        wanted = stated or [self.n_operations // order if order else 0 for order in orders]
        place = next((at for at, pair in enumerate(zip(wanted, self.sizes, strict=True)) if pair[0] != pair[1]), 0)
        name = group.name if group is not None else "P 1, as no symmetry is stated,"
        raise InvalidStructureError(
            f"{site_name(self.sites[place], listed.labels)} has multiplicity {wanted[place]} in the file and "
            f"{self.sizes[place]} by {name}: correct the symmetry or the multiplicities",
            reason=RefusalReason.SYMMETRY_MISMATCH,
        )


def fill_cell(
    sites: ListedSites, lattice: NDArray[np.float64], group: SpaceGroup | None, limits: IntakeLimits
) -> FilledCell:
    """The atoms of the cell, checked. ``None`` stands for P 1. Raises InvalidStructureError."""
    numbers = np.array([species.atomic_number for species in sites.species], dtype=np.uint8)
    every = list(range(len(numbers)))
    if group is None or group.n_operations == 1:
        intake = check_structure(Structure(lattice, numbers, sites.frac_coords), limits, sites.labels)
        return FilledCell(intake, every, [1] * len(every), 1)
    orbits = group.orbits(sites.frac_coords, lattice, limits.special_position_tolerance_angstrom)
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
    repairs = wrapping_repair(wrapped(sites.frac_coords)[1]) + repairs
    sizes = [len(orbits[site].positions) for site in distinct]
    return FilledCell(Intake(intake.structure, repairs), distinct, sizes, group.n_operations)


def are_same_atoms(first: Structure, second: Structure, tolerance_angstrom: float) -> bool:
    """Whether two structures in one cell have the same atoms at the same places."""
    if first.n_sites != second.n_sites:
        return False
    for number, position in zip(first.atomic_numbers.tolist(), first.frac_coords, strict=True):
        same = second.frac_coords[second.atomic_numbers == number]
        if not _is_near(position, same, first.lattice, tolerance_angstrom):
            return False
    return True


def are_all_same(structures: list[Structure], tolerance_angstrom: float) -> bool:
    """Whether all structures in one cell have the same atoms."""
    return all(are_same_atoms(first, second, tolerance_angstrom) for first, second in pairwise(structures))


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
