"""What intake answers: a structure with the repairs it needed, or a refusal with its reason and remedy."""

from dataclasses import dataclass
from enum import StrEnum

from epitaxy_models.structures.structure import Structure

# Part of the name of kept structures: to be raised with any change of what a text is read as.
INTAKE_VERSION = "intake-1"


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


class RepairCode(StrEnum):
    """Stable codes of the changes that intake makes; each is reported only where something changed."""

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
    # The space group has two settings that fit and the file does not say which.
    ASSUMED_SETTING = "ASSUMED_SETTING"


@dataclass(frozen=True, slots=True)
class Repair:
    """One change that intake made, with its stable code and a line for a person."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Intake:
    """A structure fit for use and the repairs it took."""

    structure: Structure
    repairs: tuple[Repair, ...] = ()


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """Bounds of what intake accepts.

    Attributes:
        max_sites: Sites in the cell, symmetry copies included.
        min_distance_angstrom: Two atoms nearer than this, images included, overlap. H2 has 0.74.
        max_text_bytes: Length of a text input.
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
