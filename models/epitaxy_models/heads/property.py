"""What a head predicts: name, unit, level of theory, physical bounds."""

from dataclasses import dataclass
from enum import StrEnum

from epitaxy_models.errors import ConfigurationError


class Fidelity(StrEnum):
    """Level of theory or kind of measurement behind a value; ``HYBRID`` is a global hybrid such as B3LYP or PBE0."""

    PBE = "PBE"
    PBE_U = "PBE_U"
    PBESOL = "PBESOL"
    SCAN = "SCAN"
    R2SCAN = "R2SCAN"
    HSE06 = "HSE06"
    GLLB_SC = "GLLB_SC"
    OPTB88VDW = "OPTB88VDW"
    TBMBJ = "TBMBJ"
    GW = "GW"
    HYBRID = "HYBRID"
    FORCE_FIELD = "FORCE_FIELD"
    EXPERIMENT = "EXPERIMENT"


@dataclass(frozen=True, slots=True)
class PropertyDefinition:
    """One property of a model.

    Attributes:
        name: Snake case, unique in its model.
        unit: Unit of every value, spread and bound.
        fidelity: Level of theory.
        level_of_theory: The same in full, with its vintage.
        description: One line.
        lower_bound: Smallest physical value, where there is one.
        upper_bound: Largest physical value, where there is one.
    """

    name: str
    unit: str
    fidelity: Fidelity
    level_of_theory: str
    description: str
    lower_bound: float | None = None
    upper_bound: float | None = None

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or not self.unit:
            raise ConfigurationError(f"a property needs a name and a unit, got {self}", reason="INVALID_PROPERTY")
