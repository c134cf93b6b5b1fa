"""What reading a composition answers: the composition with the repairs it took, or a refusal with reason and remedy."""

from dataclasses import dataclass
from enum import StrEnum

from epitaxy_models.compositions.composition import Composition
from epitaxy_models.errors import InvalidMaterialError
from epitaxy_models.structures.intake import Note, Repair


class CompositionRefusal(StrEnum):
    """Stable reasons of ``InvalidMaterialError`` raised for compositions."""

    EMPTY_COMPOSITION = "EMPTY_COMPOSITION"
    UNREADABLE_FORMULA = "UNREADABLE_FORMULA"
    UNKNOWN_ELEMENT = "UNKNOWN_ELEMENT"
    # An amount is missing, a letter, negative or not finite.
    INVALID_AMOUNT = "INVALID_AMOUNT"
    # Percents or fractions whose sum is neither 100 nor 1, or more than one balance.
    AMOUNTS_DO_NOT_ADD_UP = "AMOUNTS_DO_NOT_ADD_UP"
    # A charge, or oxidation states whose sum is not zero.
    CHARGED_COMPOSITION = "CHARGED_COMPOSITION"
    TOO_MANY_ELEMENTS = "TOO_MANY_ELEMENTS"
    TOO_LARGE = "TOO_LARGE"


class CompositionRepair(StrEnum):
    """Stable codes of what reading changed, or chose between readings; reported only if something did change."""

    STRIPPED_OXIDATION_STATES = "STRIPPED_OXIDATION_STATES"
    DEUTERIUM_AS_HYDROGEN = "DEUTERIUM_AS_HYDROGEN"
    # "CuSO4.5H2O": the point separates the water of a hydrate; it is not a decimal point.
    READ_AS_HYDRATE = "READ_AS_HYDRATE"
    # "Ti-6Al-4V" states no unit: such designations are in percent by weight, and the first element is the balance.
    ASSUMED_WEIGHT_PERCENT = "ASSUMED_WEIGHT_PERCENT"
    # Percents add up to 99.7: they were scaled.
    SCALED_AMOUNTS = "SCALED_AMOUNTS"
    # Amounts within rounding of small whole numbers ("Fe0.333Co0.667") were taken for these.
    ROUNDED_AMOUNTS = "ROUNDED_AMOUNTS"
    # An element below the resolution of a key (0.5 ppm of the atoms) was left out.
    DROPPED_TRACES = "DROPPED_TRACES"


@dataclass(frozen=True, slots=True)
class CompositionIntake:
    """A composition fit for use, and the repairs it took."""

    composition: Composition
    repairs: tuple[Repair, ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class CompositionLimits:
    """Bounds of what is read as a composition.

    Attributes:
        max_elements: Distinct elements.
        max_text_length: Characters of a formula or a list of amounts.
        max_depth: Brackets within brackets.
    """

    max_elements: int = 20
    max_text_length: int = 1000
    max_depth: int = 8

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")


DEFAULT_LIMITS = CompositionLimits()


def refusal(reason: CompositionRefusal, message: str) -> InvalidMaterialError:
    """The error of a composition that cannot be read; the message names the remedy."""
    return InvalidMaterialError(message, reason=reason)
