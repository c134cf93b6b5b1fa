"""One crystal from several readings of a file's symmetry: the one that fits everything else the file says."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.cif_crystal import StatedFacts
from epitaxy_models.structures.cif_sites import ListedSites
from epitaxy_models.structures.filled_cell import FilledCell, are_all_same, fill_cell
from epitaxy_models.structures.intake import Intake, IntakeLimits, Note, NoteCode, RefusalReason, Repair, RepairCode
from epitaxy_models.structures.soundness import bond_ratios
from epitaxy_models.structures.symmetry import SpaceGroup
from epitaxy_models.structures.symmetry_resolution import Resolution, groups_in_other_axes
from epitaxy_models.structures.symmetry_statements import Statement

# Mean |ln(distance / sum of covalent radii)| of the nearest neighbours. Of 4,000 Materials Project crystals one in a
# thousand has more than 0.5. Of 186 that were read in the wrong one of two origins 70 had overlaps, and of the others
# 109 were worse than in the right origin by over 0.05, and 1 better by as much.
_UNSOUND_STRAIN = 0.5
_ORIGIN_MARGIN = 0.05
_CONTRADICTION_MARGIN = 0.1
_MAX_SHOWN_READINGS = 3
_MAX_REASON = 200


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """The crystal by one space group."""

    group: SpaceGroup
    cell: FilledCell


@dataclass(frozen=True, slots=True, eq=False)
class CrystalFacts:
    """What every reading of one file shares: the sites, the cell, and what the atoms must add up to."""

    sites: ListedSites
    lattice: NDArray[np.float64]
    stated: StatedFacts
    limits: IntakeLimits

    @property
    def say_how_many_atoms(self) -> bool:
        """Whether the file states how many atoms a reading must give."""
        return bool(
            self.stated.units_in_cell or self.stated.density_g_cm3 or self.sites.multiplicities or self.sites.orders
        )

    def read(self, group: SpaceGroup | None) -> FilledCell:
        """The filled cell, held against multiplicities, formula, Z and density. Raises InvalidStructureError."""
        cell = fill_cell(self.sites, self.lattice, group, self.limits)
        self.stated.check(cell.intake.structure)
        if cell.n_operations == 1 and self.stated.crystal_system not in {"", "triclinic"}:
            self._check_all_atoms_are_listed(cell)
        if self.sites.multiplicities or self.sites.orders:
            cell.check_multiplicities(self.sites, group)
        return cell

    def _check_all_atoms_are_listed(self, cell: FilledCell) -> None:
        """Raise InvalidStructureError (SYMMETRY_MISMATCH) for lone atoms in P 1 in a cell that is said to be cubic."""
        strain = strain_of(cell)
        if strain > _UNSOUND_STRAIN:
            raise InvalidStructureError(
                f"the crystal is said to be {self.stated.crystal_system[:20]}, and the {cell.intake.structure.n_sites} "
                f"atoms listed, read in P 1, are off bond lengths by {np.expm1(strain):.0%}: state the space group",
                reason=RefusalReason.SYMMETRY_MISMATCH,
            )


def strain_of(cell: FilledCell) -> float:
    """How far the nearest distances are from bonds: mean |ln(distance / sum of covalent radii)|."""
    return float(np.abs(np.log(bond_ratios(cell.intake.structure, cell.first_atoms()))).mean())


def choose_crystal(facts: CrystalFacts, resolution: Resolution, stated: tuple[Statement, ...]) -> Intake:
    """The crystal that the statements of symmetry mean. Raises InvalidStructureError."""
    intake = _agreed(facts, resolution, stated) if resolution.agreed else _contradicted(facts, resolution)
    notes = tuple(
        Note(NoteCode.UNUSED_SYMMETRY, f"{one} names no known space group, and other statements do")
        for one in resolution.unread
    )
    return intake.after(_completion_repair(resolution), notes)


def _agreed(facts: CrystalFacts, resolution: Resolution, stated: tuple[Statement, ...]) -> Intake:
    groups = [group for group in resolution.agreed if group.fits(facts.lattice)]
    if not groups:
        groups = [group for group in groups_in_other_axes(stated) if group.fits(facts.lattice)]
    if not groups:
        raise InvalidStructureError(
            f"the cell lengths and angles contradict {resolution.agreed[0].name}: correct the cell or the symmetry",
            reason=RefusalReason.SYMMETRY_MISMATCH,
        )
    if len(groups) == 1:
        return facts.read(groups[0]).intake
    return _open_setting(facts, groups)


def _open_setting(facts: CrystalFacts, groups: Sequence[SpaceGroup]) -> Intake:
    """All settings that the file leaves open, and the one with sound distances among those that fit the rest."""
    readings, refusals = _read_all(facts, groups)
    if not readings:
        raise refusals[0]
    chosen = readings[0]
    if len(readings) == 1:
        text = f"{chosen.group.name} read: the file leaves the setting open, and no other one gives a possible crystal"
        return chosen.cell.intake.after(notes=(Note(NoteCode.CHOSEN_SETTING, text),))
    if are_all_same([one.cell.intake.structure for one in readings], _same_within(facts)):
        text = f"{chosen.group.name} read: the file leaves the setting open, and all settings give the same crystal"
        return chosen.cell.intake.after(notes=(Note(NoteCode.CHOSEN_SETTING, text),))
    best, strains = _least_strained(readings, _ORIGIN_MARGIN)
    why = "its distances are those of bonds" if best else "nothing in the file decides, and it is the usual one"
    chosen = best or chosen
    text = f"{chosen.group.name} assumed, for {why}: the file leaves the setting open ({_listed(readings, strains)})"
    return chosen.cell.intake.after((Repair(RepairCode.ASSUMED_SETTING, text),))


def _contradicted(facts: CrystalFacts, resolution: Resolution) -> Intake:
    """The one reading that fits the rest of the file, if there is just one."""
    groups = [group for group, _ in resolution.proposed if group.fits(facts.lattice)]
    readings, _ = _read_all(facts, groups)
    statements = _contradiction(resolution)
    if not readings:
        raise _refuse_contradiction(statements, "no reading of them fits the cell and the atoms")
    if len(readings) > 1 and are_all_same([one.cell.intake.structure for one in readings], _same_within(facts)):
        note = Note(
            NoteCode.UNUSED_SYMMETRY, f"{statements} contradict each other, and the crystal is the same by both"
        )
        return readings[0].cell.intake.after(notes=(note,))
    chosen, strains = _least_strained(readings, _CONTRADICTION_MARGIN)
    if chosen is None and len(readings) == 1 and facts.say_how_many_atoms:
        chosen = readings[0]
    if chosen is None:
        what = "each is possible" if len(readings) > 1 else "no reading of them has the distances of bonds"
        raise _refuse_contradiction(statements, f"{what} ({_listed(readings, strains)})")
    why = "which alone fits the rest of the file" if len(readings) == 1 else "whose distances alone are those of bonds"
    text = f"{statements} contradict each other: read by {chosen.group.name}, {why}"
    return chosen.cell.intake.after((Repair(RepairCode.CHOSEN_SYMMETRY, text),))


def _read_all(facts: CrystalFacts, groups: Sequence[SpaceGroup]) -> tuple[list[Reading], list[InvalidStructureError]]:
    readings, refusals = [], []
    for group in groups:
        try:
            readings.append(Reading(group, facts.read(group)))
        except InvalidStructureError as refusal:
            refusals.append(refusal)
    return readings, refusals


def _least_strained(readings: Sequence[Reading], margin: float) -> tuple[Reading | None, list[float]]:
    """The reading whose distances are sound, and sounder than all others' by the margin; None if there is none."""
    strains = [strain_of(one.cell) for one in readings]
    best, *others = np.argsort(strains, kind="stable").tolist()
    is_clear = strains[best] < _UNSOUND_STRAIN and all(strains[other] > strains[best] + margin for other in others)
    return (readings[best] if is_clear else None), strains


def _contradiction(resolution: Resolution) -> str:
    """Two statements that no space group allows together."""
    together = [set(allowing) for _, allowing in resolution.proposed]
    every = list(dict.fromkeys(one for _, allowing in resolution.proposed for one in allowing))
    pairs = list(combinations(every, 2))
    apart = (pair for pair in pairs if not any(set(pair) <= allowing for allowing in together))
    # Three statements can be possible in pairs and not together.
    first, second = next(apart, pairs[0])
    return f"{first} and {second}"


def _refuse_contradiction(statements: str, why: str) -> InvalidStructureError:
    return InvalidStructureError(
        f"{statements} contradict each other, and {why[:_MAX_REASON]}: correct one of them",
        reason=RefusalReason.SYMMETRY_MISMATCH,
    )


def _completion_repair(resolution: Resolution) -> tuple[Repair, ...]:
    if resolution.completed is None:
        return ()
    text = (
        f"{resolution.completed} form no group; all of them belong to {resolution.agreed[0].name}, which the file names"
    )
    return (Repair(RepairCode.COMPLETED_OPERATIONS, text),)


def _listed(readings: Sequence[Reading], strains: Sequence[float]) -> str:
    parts = [
        f"{one.group.name.removeprefix('space group ')}: {one.cell.intake.structure.n_sites} atoms, nearest distances "
        f"off bond lengths by {np.expm1(strain):.0%}"
        for one, strain in zip(readings[:_MAX_SHOWN_READINGS], strains, strict=False)
    ]
    return "; ".join(parts)


def _same_within(facts: CrystalFacts) -> float:
    return facts.limits.special_position_tolerance_angstrom
