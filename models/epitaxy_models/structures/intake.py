"""What intake answers: a structure with the repairs it needed, or a refusal with its reason and remedy."""

from dataclasses import dataclass
from enum import StrEnum

from epitaxy_models.structures.structure import Structure

# Part of the name of kept structures: to be raised with any change of what a text is read as.
INTAKE_VERSION = "intake-3"


class RefusalReason(StrEnum):
    """Stable reasons of ``InvalidStructureError`` raised by intake."""

    PARTIAL_OCCUPANCY = "PARTIAL_OCCUPANCY"
    UNKNOWN_ELEMENT = "UNKNOWN_ELEMENT"
    OVERLAPPING_ATOMS = "OVERLAPPING_ATOMS"
    NON_FINITE = "NON_FINITE"
    DEGENERATE_CELL = "DEGENERATE_CELL"
    EMPTY_STRUCTURE = "EMPTY_STRUCTURE"
    TOO_MANY_ATOMS = "TOO_MANY_ATOMS"
    TRUNCATED_FILE = "TRUNCATED_FILE"
    FORMULA_MISMATCH = "FORMULA_MISMATCH"
    SYMMETRY_MISMATCH = "SYMMETRY_MISMATCH"
    MALFORMED_BLOCK = "MALFORMED_BLOCK"
    UNREADABLE = "UNREADABLE"
    TOO_LARGE = "TOO_LARGE"
    # Atoms are stated and have no coordinates: hydrogens attached to others, implicit atoms.
    MISSING_ATOMS = "MISSING_ATOMS"
    MODULATED_STRUCTURE = "MODULATED_STRUCTURE"
    NOT_PERIODIC = "NOT_PERIODIC"
    # One structure is needed and the text holds several.
    SEVERAL_STRUCTURES = "SEVERAL_STRUCTURES"


class RepairCode(StrEnum):
    """Stable codes of what intake changed, or chose between contradictions; reported only if something did change."""

    WRAPPED_COORDINATES = "WRAPPED_COORDINATES"
    # A listed site was a symmetry copy of an earlier one and is counted once.
    MERGED_SYMMETRY_COPIES = "MERGED_SYMMETRY_COPIES"
    # Copies of one site nearly met (0.3333 for 1/3): it was moved onto the exact special position.
    ROUNDED_SPECIAL_POSITIONS = "ROUNDED_SPECIAL_POSITIONS"
    IGNORED_DATA_BLOCKS = "IGNORED_DATA_BLOCKS"
    STRIPPED_OXIDATION_STATES = "STRIPPED_OXIDATION_STATES"
    USED_FALLBACK_READER = "USED_FALLBACK_READER"
    DEUTERIUM_AS_HYDROGEN = "DEUTERIUM_AS_HYDROGEN"
    # The file says nothing of symmetry: the sites listed are taken for the whole cell.
    ASSUMED_P1 = "ASSUMED_P1"
    # The space group has several settings that fit and the file does not say which.
    ASSUMED_SETTING = "ASSUMED_SETTING"
    # Statements of symmetry contradict each other, and one reading alone fits the rest of the file.
    CHOSEN_SYMMETRY = "CHOSEN_SYMMETRY"
    # The operations listed form no group, and the space group that the file names holds all of them.
    COMPLETED_OPERATIONS = "COMPLETED_OPERATIONS"
    # Columns of a file in fixed columns touched, and were told apart by their signs or widths.
    SPLIT_GLUED_NUMBERS = "SPLIT_GLUED_NUMBERS"


class NoteCode(StrEnum):
    """Stable codes of what intake left out or found unusual; the crystal itself is as the input states it."""

    # Magnetic moments and magnetic symmetry: the crystal is the nuclear one.
    DROPPED_MAGNETISM = "DROPPED_MAGNETISM"
    DROPPED_SITE_CHARGES = "DROPPED_SITE_CHARGES"
    # The cell has a net charge, and the models know neutral crystals alone.
    DROPPED_NET_CHARGE = "DROPPED_NET_CHARGE"
    DROPPED_DUMMY_SITES = "DROPPED_DUMMY_SITES"
    # The file leaves a choice of origin or axes open, and one reading alone is possible.
    CHOSEN_SETTING = "CHOSEN_SETTING"
    # Statements of symmetry that contradict each other or are unknown, and do not matter: the crystal is the same.
    UNUSED_SYMMETRY = "UNUSED_SYMMETRY"
    # A site belongs to a disorder group without an alternative in the file.
    SINGLE_DISORDER_GROUP = "SINGLE_DISORDER_GROUP"
    # Hydrogens are said to be attached and unplaced, and the stated formula is complete without them.
    UNUSED_ATTACHED_HYDROGENS = "UNUSED_ATTACHED_HYDROGENS"
    # Data blocks without atoms: publication data, phases without a structure.
    IGNORED_BLOCKS = "IGNORED_BLOCKS"
    # Reflections and refinement instructions that the file carries along.
    IGNORED_EMBEDDED_DATA = "IGNORED_EMBEDDED_DATA"


# Findings after which a person should look at the structure before they trust a prediction.
DOUBTFUL_CODES: frozenset[str] = frozenset(
    {
        RepairCode.ASSUMED_P1,
        RepairCode.ASSUMED_SETTING,
        RepairCode.CHOSEN_SYMMETRY,
        RepairCode.COMPLETED_OPERATIONS,
        RepairCode.IGNORED_DATA_BLOCKS,
        # The lenient parser takes the last one of tags that are given twice, whatever they say.
        RepairCode.USED_FALLBACK_READER,
        NoteCode.DROPPED_NET_CHARGE,
        NoteCode.UNUSED_ATTACHED_HYDROGENS,
    }
)


@dataclass(frozen=True, slots=True)
class Repair:
    """One change that intake made, with its stable code and a line for a person."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that intake dropped or found unusual, with its stable code and a line for a person."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Intake:
    """A structure fit for use, the repairs it took, and what was left out of it."""

    structure: Structure
    repairs: tuple[Repair, ...] = ()
    notes: tuple[Note, ...] = ()

    def after(self, repairs: tuple[Repair, ...] = (), notes: tuple[Note, ...] = ()) -> "Intake":
        """The same structure, with repairs and notes of an earlier step before its own."""
        return Intake(self.structure, repairs + self.repairs, notes + self.notes) if repairs or notes else self


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """Bounds of what intake accepts.

    Attributes:
        max_sites: Sites in the cell, symmetry copies included.
        min_distance_angstrom: Two atoms nearer than this, images included, overlap. H2 has 0.74.
        max_text_bytes: Length of a text input, reflections and refinement instructions in a CIF not counted.
        max_fallback_bytes: Length of a text that the slow fallback reader is tried on.
        min_cell_length_angstrom: Shortest lattice vector.
        max_cell_length_angstrom: Longest lattice vector.
        min_cell_fullness: Volume over the product of the three lengths: 1 for right angles, 0 for a flat cell.
        special_position_tolerance_angstrom: Symmetry copies nearer than this are one atom.
    """

    max_sites: int = 1000
    min_distance_angstrom: float = 0.5
    max_text_bytes: int = 4_000_000
    max_fallback_bytes: int = 200_000
    min_cell_length_angstrom: float = 0.5
    max_cell_length_angstrom: float = 1000.0
    min_cell_fullness: float = 1e-4
    special_position_tolerance_angstrom: float = 0.1

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")
        if self.special_position_tolerance_angstrom > self.min_distance_angstrom:
            raise ValueError("special_position_tolerance_angstrom must not exceed min_distance_angstrom")


DEFAULT_LIMITS = IntakeLimits()
