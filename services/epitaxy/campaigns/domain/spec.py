"""What a campaign is after."""

import math
import re
from dataclasses import dataclass, field
from enum import StrEnum

from epitaxy.chassis.errors import InvalidRequestError
from epitaxy_models.materials import MaterialKind

MAX_OBJECTIVES = 3
DEFAULT_BATCH = 5
DEFAULT_LEASE_SECONDS = 14 * 24 * 3600.0
MAX_LEASE_SECONDS = 366 * 24 * 3600.0
MAX_BATCH = 1000
MAX_NAME_CHARACTERS = 128
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


class Goal(StrEnum):
    """What is wanted of a property."""

    MAXIMIZE = "MAXIMIZE"
    MINIMIZE = "MINIMIZE"
    MATCH = "MATCH"
    BAND = "BAND"


class Start(StrEnum):
    """How the first candidates are chosen."""

    AUTO = "AUTO"
    HEAD = "HEAD"
    DIVERSE = "DIVERSE"
    RANDOM = "RANDOM"


class Acquisition(StrEnum):
    """How candidates are chosen once there is a model; AUTO is what was measured to be the best for the objectives."""

    AUTO = "AUTO"
    EXPECTED_IMPROVEMENT = "EXPECTED_IMPROVEMENT"
    UPPER_CONFIDENCE_BOUND = "UPPER_CONFIDENCE_BOUND"
    THOMPSON = "THOMPSON"
    LARGEST_UNCERTAINTY = "LARGEST_UNCERTAINTY"
    GREEDY = "GREEDY"
    RANDOM = "RANDOM"


@dataclass(frozen=True, slots=True)
class Objective:
    """One property and what is wanted of it; numbers in its unit. Raises InvalidRequestError."""

    property: str
    unit: str
    goal: Goal
    target: float = 0.0
    low: float = 0.0
    high: float = 0.0

    def __post_init__(self) -> None:
        check_property(self.property, "objectives.property")
        if not self.unit or len(self.unit) > MAX_NAME_CHARACTERS:
            raise InvalidRequestError.of_field("objectives.unit", f"{self.property} needs a unit; 1 means none")
        if not all(map(math.isfinite, (self.target, self.low, self.high))):
            raise InvalidRequestError.of_field("objectives", f"{self.property} has a number that is not finite")
        if self.goal is Goal.BAND and not self.low < self.high:
            text = f"a band of {self.property} from {self.low:g} to {self.high:g} holds nothing"
            raise InvalidRequestError.of_field("objectives.band", text)


@dataclass(frozen=True, slots=True)
class Constraint:
    """A property that has to stay on one side of a limit, both in its unit. Raises InvalidRequestError."""

    property: str
    is_upper: bool
    limit: float

    def __post_init__(self) -> None:
        check_property(self.property, "constraints.property")
        if not math.isfinite(self.limit):
            raise InvalidRequestError.of_field("constraints.limit", f"of {self.property} is not finite")

    def __str__(self) -> str:
        return f"{self.property}{'<=' if self.is_upper else '>='}{self.limit:g}"


@dataclass(frozen=True, slots=True)
class PoolRules:
    """Which candidates may be chosen; empty: all."""

    allowed_elements: tuple[str, ...] = ()
    excluded_elements: tuple[str, ...] = ()
    domain_verdicts: tuple[str, ...] = ()
    review_verdicts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent: a number of candidates, or cost."""

    limit: float
    is_cost: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.limit) and self.limit > 0):
            raise InvalidRequestError.of_field("spec.budget", "must be more than 0; leave it out for no limit")


@dataclass(frozen=True, slots=True)
class CampaignSpec:
    """Everything that the creator states; see the proto for each field. Raises InvalidRequestError."""

    name: str
    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...] = ()
    rules: PoolRules = field(default_factory=PoolRules)
    batch_size: int = DEFAULT_BATCH
    budget: Budget | None = None
    seed: int = 0
    start: Start = Start.AUTO
    acquisition: Acquisition = Acquisition.AUTO
    base_model: str = ""
    lease_seconds: float = DEFAULT_LEASE_SECONDS
    is_cost_aware: bool = False
    margin: float | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            text = f"{self.name[:80]!r}: write 1 to 63 lower-case letters, digits, '.', '_' and '-'"
            raise InvalidRequestError.of_field("spec.name", text)
        check_objectives(self.objectives)
        if not 1 <= self.batch_size <= MAX_BATCH:
            raise InvalidRequestError.of_field("spec.batch_size", f"must lie between 1 and {MAX_BATCH}")
        if not 1 <= self.lease_seconds <= MAX_LEASE_SECONDS:
            raise InvalidRequestError.of_field("spec.lease_duration", "must lie between a second and a year")
        if self.margin is not None and not (math.isfinite(self.margin) and self.margin > 0):
            raise InvalidRequestError.of_field("spec.margin", "must be more than 0; leave it out for the default")


@dataclass(frozen=True, slots=True)
class PoolCondition:
    """A column of conditions; ``unit`` is that of its numbers, empty if it is not stated."""

    name: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class PoolFile:
    """A table that the server reads; empty names stand for defaults, see the proto."""

    uri: str
    structure_column: str = "structure"
    id_column: str = ""
    cost_column: str = ""
    group_column: str = ""
    known_columns: tuple[str, ...] = ()
    kind: MaterialKind = MaterialKind.STRUCTURE
    element_columns: str = ""
    conditions: tuple[PoolCondition, ...] = ()


def check_property(name: str, field_name: str) -> None:
    """Raises InvalidRequestError unless the name has 1 to 128 printable characters."""
    if not 1 <= len(name) <= MAX_NAME_CHARACTERS or not name.isprintable():
        raise InvalidRequestError.of_field(field_name, f"must have 1 to {MAX_NAME_CHARACTERS} printable characters")


def check_objectives(objectives: tuple[Objective, ...]) -> None:
    """Raises InvalidRequestError unless there are one to three, of different properties."""
    if not 1 <= len(objectives) <= MAX_OBJECTIVES:
        text = f"{len(objectives)} objectives; one to {MAX_OBJECTIVES} are possible"
        raise InvalidRequestError.of_field("objectives", text)
    if len({entry.property for entry in objectives}) < len(objectives):
        raise InvalidRequestError.of_field("objectives", "name a property twice")
