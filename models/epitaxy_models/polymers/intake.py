"""What reading a polymer answers: the polymer with the repairs it took, or a refusal with reason and remedy."""

from dataclasses import dataclass
from enum import StrEnum

from epitaxy_models.errors import InvalidMaterialError
from epitaxy_models.molecules.intake import DEFAULT_LIMITS as MOLECULE_LIMITS
from epitaxy_models.molecules.intake import MoleculeLimits
from epitaxy_models.polymers.polymer import Polymer
from epitaxy_models.structures.intake import Note, Repair


class PolymerRefusal(StrEnum):
    """Stable reasons of ``InvalidMaterialError`` raised for polymers, beside those of ``MoleculeRefusal``."""

    EMPTY_POLYMER = "EMPTY_POLYMER"
    # The bonds at the two ends differ in order, so that units cannot be joined.
    ENDS_DO_NOT_FIT = "ENDS_DO_NOT_FIT"
    # An open end with several bonds, or an open end on an open end.
    MALFORMED_END = "MALFORMED_END"
    # Fractions of units that are missing, negative, or add up to neither 1 nor 100.
    FRACTIONS_DO_NOT_ADD_UP = "FRACTIONS_DO_NOT_ADD_UP"
    TOO_MANY_UNITS = "TOO_MANY_UNITS"


class PolymerRepair(StrEnum):
    """Stable codes of what reading changed, beside those of ``MoleculeRepair``."""

    # "*CCCC*" is "*C*".
    SHORTENED_UNIT = "SHORTENED_UNIT"
    # Two units of a copolymer are the same: their fractions were added.
    MERGED_UNITS = "MERGED_UNITS"
    SCALED_FRACTIONS = "SCALED_FRACTIONS"


@dataclass(frozen=True, slots=True)
class PolymerIntake:
    """A polymer fit for use, and the repairs it took."""

    polymer: Polymer
    repairs: tuple[Repair, ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class PolymerLimits:
    """Bounds of what is read.

    Attributes:
        unit: Of each repeat unit.
        max_units: Units of a copolymer.
    """

    unit: MoleculeLimits = MOLECULE_LIMITS
    max_units: int = 10

    def __post_init__(self) -> None:
        if not self.max_units > 0:
            raise ValueError(f"max_units must be positive, not {self.max_units}")


DEFAULT_LIMITS = PolymerLimits()


def refusal(reason: PolymerRefusal, message: str) -> InvalidMaterialError:
    """The error of a polymer that cannot be used; the message names the remedy."""
    return InvalidMaterialError(message, reason=reason)
