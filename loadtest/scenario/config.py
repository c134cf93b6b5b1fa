"""A scenario file: phases of load one after the other, and thresholds that decide whether the run passes."""

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)


class ScenarioError(Exception):
    """The file cannot be used; one line says where and why."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClosedLoop(_Strict):
    """So many callers, each of which sends its next request when the last is answered: measures throughput."""

    kind: Literal["closed"]
    callers: PositiveInt


class OpenLoop(_Strict):
    """Requests at their own times, whatever the server does: measures what users wait.

    Attributes:
        arrivals: ``poisson`` as of many users who do not know of each other, or ``even``.
        max_in_flight: More are held back on this side; they count from the time at which they should have been sent.
    """

    kind: Literal["open"]
    requests_per_second: PositiveFloat
    arrivals: Literal["poisson", "even"] = "poisson"
    max_in_flight: PositiveInt = 256


class Crystals(_Strict):
    """What is sent.

    Attributes:
        unique: Crystals to draw from.
        sites: Fewest and most atoms a cell; where the source has no such cells, shaken supercells are built.
        order: ``random`` draws, or ``cycle`` through all of them again and again.
    """

    unique: PositiveInt = 500
    sites: tuple[PositiveInt, PositiveInt] = (1, 400)
    order: Literal["random", "cycle"] = "random"
    spread_sizes: bool = False
    """Sizes spread evenly over the logarithm of ``sites`` instead of as they come."""

    @model_validator(mode="after")
    def _in_order(self) -> "Crystals":
        if self.sites[0] > self.sites[1]:
            raise ValueError(f"sites: {self.sites[0]} is above {self.sites[1]}")
        return self

    def scaled(self, factor: float) -> "Crystals":
        """Fewer of them for a shorter run, where it goes through all of them."""
        fewer = max(1, round(self.unique * factor))
        return self.model_copy(update={"unique": fewer}) if self.order == "cycle" else self


class Phase(_Strict):
    """Load of one kind for some time.

    Attributes:
        seconds: It ends after so long, or
        structures: after so many structures have been answered; whichever comes first.
        structures_per_request: Over 64 they go out as a screening.
        cache: ``cold`` stretches every crystal a little before it is sent, so that no cache anywhere has seen it;
            ``warm`` sends all of them once before the clock starts; ``as-is`` does neither.
        tenants: Callers take turns as so many tenants; a running server needs as many keys.
        memory_after: Share of the phase after which growth of memory counts: before it, caches fill.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    loop: Annotated[ClosedLoop | OpenLoop, Field(discriminator="kind")]
    seconds: PositiveFloat | None = None
    structures: PositiveInt | None = None
    structures_per_request: Annotated[int, Field(ge=1, le=512)] = 1
    cache: Literal["cold", "warm", "as-is"] = "as-is"
    crystals: Crystals = Crystals()
    tenants: PositiveInt = 1
    memory_after: Annotated[float, Field(ge=0, lt=1)] = 0.5

    @model_validator(mode="after")
    def _ends(self) -> "Phase":
        if self.seconds is None and self.structures is None:
            raise ValueError("a phase needs seconds or structures")
        if isinstance(self.loop, ClosedLoop) and self.loop.callers < self.tenants:
            raise ValueError(f"{self.loop.callers} callers cannot be {self.tenants} tenants")
        return self


Metric = Literal[
    "structures_per_second",
    "requests_per_second",
    "latency_p50_ms",
    "latency_p99_ms",
    "latency_max_ms",
    "service_time_p99_ms",
    "failed_share",
    "refused_share",
    "cache_hit_share",
    "late_share",
    "memory_mib_per_100k",
    "slowest_tenant_share",
]


class Threshold(_Strict):
    """A limit of one metric in one phase."""

    phase: str
    metric: Metric
    at_least: float | None = None
    at_most: float | None = None
    local_only: bool = False
    """Judged only on a stack that this tool started: a figure of this machine, or of its processes."""

    @model_validator(mode="after")
    def _has_a_limit(self) -> "Threshold":
        if self.at_least is None and self.at_most is None:
            raise ValueError("a threshold needs at_least or at_most")
        return self


class Scenario(_Strict):
    """One file."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    description: str
    phases: Annotated[tuple[Phase, ...], Field(min_length=1)]
    thresholds: Annotated[tuple[Threshold, ...], Field(min_length=1)]
    seed: int = 0
    timeout_seconds: PositiveFloat = 60.0
    settle_seconds: NonNegativeFloat = 0.0
    """Between phases."""

    @model_validator(mode="after")
    def _names_fit(self) -> "Scenario":
        names = [phase.name for phase in self.phases]
        if len(set(names)) != len(names):
            raise ValueError(f"phases have names twice: {', '.join(names)}")
        unknown = sorted({threshold.phase for threshold in self.thresholds} - set(names))
        if unknown:
            raise ValueError(f"thresholds of phases that do not exist: {', '.join(unknown)}")
        return self

    @property
    def n_tenants(self) -> int:
        return max(phase.tenants for phase in self.phases)

    def scaled(self, factor: float) -> "Scenario":
        """The same load for a part of the time, through as many laps of a cycle; thresholds stay."""
        phases = [
            phase.model_copy(
                update={
                    "seconds": phase.seconds and phase.seconds * factor,
                    "structures": phase.structures and max(1, round(phase.structures * factor)),
                    "crystals": phase.crystals.scaled(factor),
                }
            )
            for phase in self.phases
        ]
        return self.model_copy(update={"phases": tuple(phases)})


def read_scenario(path: Path) -> Scenario:
    """Raises ScenarioError where the file is no YAML, or has a key that is unknown or a value that does not fit."""
    try:
        return Scenario.model_validate(yaml.safe_load(path.read_text()))
    except OSError as error:
        raise ScenarioError(f"{path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ScenarioError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in problem["loc"]) or "the whole file"
        raise ScenarioError(f"{path}: {place}: {problem['msg']}") from error
