"""CIF text to crystals: split, read, expand by symmetry, check against everything that the file states."""

from collections.abc import Sequence

from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.structures.cif_block import CifBlock, split_blocks
from epitaxy_models.structures.cif_crystal import read_cell, read_facts
from epitaxy_models.structures.cif_sites import has_sites, read_sites
from epitaxy_models.structures.intake import (
    Intake,
    IntakeLimits,
    Note,
    NoteCode,
    RefusalReason,
    Repair,
    RepairCode,
)
from epitaxy_models.structures.species import species_repairs
from epitaxy_models.structures.symmetry_choice import CrystalFacts, choose_crystal
from epitaxy_models.structures.symmetry_resolution import resolve
from epitaxy_models.structures.symmetry_statements import SymmetryStatements, collect_statements


def read_cif(text: str, limits: IntakeLimits) -> Intake:
    """The crystal of the first data block with atoms, all symmetry copies included.

    Raises InvalidStructureError with every reason but MALFORMED_BLOCK and TOO_LARGE.
    """
    blocks, repairs = split_blocks(text, limits)
    with_sites = [block for block in blocks if has_sites(block)]
    if not with_sites:
        raise _no_sites(blocks)
    if len(with_sites) > 1:
        names = ", ".join(block.name[:30] for block in with_sites[1:4])
        repairs += (
            Repair(
                RepairCode.IGNORED_DATA_BLOCKS,
                f"{len(with_sites) - 1} further data block(s) with atoms ignored: {names}",
            ),
        )
    return _read_block(with_sites[0], limits).after(repairs, _without_atoms(blocks, with_sites))


def _without_atoms(blocks: Sequence[CifBlock], with_sites: Sequence[CifBlock]) -> tuple[Note, ...]:
    if len(blocks) == len(with_sites):
        return ()
    names = [block.name[:30] for block in blocks if not has_sites(block)]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return (Note(NoteCode.IGNORED_BLOCKS, f"data block(s) without atoms ignored: {', '.join(names[:3])}{more}"),)


def _no_sites(blocks: Sequence[CifBlock]) -> InvalidStructureError:
    if not blocks:
        return InvalidStructureError("the text has no data_ block: send a CIF file", reason=RefusalReason.UNREADABLE)
    has_reflections = any(tag.startswith("_refln") for block in blocks for tag in block.tags)
    what = "these are reflections without a structure; " if has_reflections else ""
    return InvalidStructureError(
        f"{what}no data block lists atoms by _atom_site_fract_x, _y and _z: send a file with fractional coordinates",
        reason=RefusalReason.EMPTY_STRUCTURE,
    )


def _read_block(block: CifBlock, limits: IntakeLimits) -> Intake:
    stated = read_facts(block)
    sites = read_sites(block, stated.formula, limits)
    lattice = read_cell(block, limits)
    facts = CrystalFacts(sites, lattice, stated, limits)
    symmetry = collect_statements(block)
    _check_readable(symmetry)
    if symmetry.stated:
        intake = choose_crystal(facts, resolve(symmetry), symmetry.stated)
    else:
        assumed = Repair(RepairCode.ASSUMED_P1, "no symmetry is stated: the listed atoms are taken for the whole cell")
        intake = facts.read(None).intake.after((assumed,))
    return intake.after(species_repairs(sites.species), sites.notes + _symmetry_notes(symmetry))


def _check_readable(symmetry: SymmetryStatements) -> None:
    """Raise InvalidStructureError (MODULATED_STRUCTURE, UNREADABLE) for symmetry that is not read here."""
    if symmetry.modulation is not None:
        raise InvalidStructureError(
            f"the structure is modulated ({symmetry.modulation}): send a commensurate approximant in a supercell",
            reason=RefusalReason.MODULATED_STRUCTURE,
        )
    if symmetry.unknown and not symmetry.stated:
        raise InvalidStructureError(
            f"{symmetry.unknown[0]} states a symmetry that is not known here: list the operations "
            "(_space_group_symop_operation_xyz)",
            reason=RefusalReason.UNREADABLE,
        )


def _symmetry_notes(symmetry: SymmetryStatements) -> tuple[Note, ...]:
    notes: Sequence[Note] = [
        Note(NoteCode.UNUSED_SYMMETRY, f"{one} is under a tag that is not known here, and other statements are read")
        for one in symmetry.unknown
    ]
    if symmetry.is_magnetic:
        text = "magnetic moments and time reversal were dropped: this is the nuclear crystal"
        notes = [*notes, Note(NoteCode.DROPPED_MAGNETISM, text)]
    return tuple(notes)
