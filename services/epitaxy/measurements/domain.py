"""Measurements beside predictions, and what the latest ones say about a model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
from scipy.special import bdtr

from epitaxy.chassis.errors import InvalidRequestError

WINDOW = 200
"""Number of latest measurements that the health is computed from."""
MIN_MEASUREMENTS = 20
"""Below it there is no verdict: at a coverage of 0.9, seven in ten would still be within chance."""
BAND_MASS = 0.99
"""Share of cases in which chance alone leaves the coverage within the band."""
MAX_ID_CHARACTERS = 128


@dataclass(frozen=True, slots=True)
class Subject:
    """One property of one model version, as one tenant has measured it."""

    tenant: str
    model: str
    version: str
    property: str


@dataclass(frozen=True, slots=True)
class PredictedMeasurement:
    """One measured value beside what was predicted of it, all in the property's unit.

    Attributes:
        id: The caller's id of the measurement.
        lower: Lower end of the predicted interval.
        upper: Upper end of the predicted interval.
        coverage: Nominal coverage of the interval, in (0, 1).

    Raises InvalidRequestError for an invalid id or number.
    """

    id: str
    reduced_formula: str
    value: float
    predicted: float
    lower: float
    upper: float
    coverage: float

    def __post_init__(self) -> None:
        check_id(self.id, "measurements.id")
        numbers = (self.value, self.predicted, self.lower, self.upper)
        if not all(map(math.isfinite, numbers)) or self.lower > self.upper:
            raise InvalidRequestError.of_field("measurements", f"{self.id!r} holds no value with an interval")
        if not 0 < self.coverage < 1:
            raise InvalidRequestError.of_field("measurements.coverage", f"is {self.coverage:g}, not within 0 and 1")

    @property
    def is_inside(self) -> bool:
        """Whether the interval holds what was measured."""
        return self.lower <= self.value <= self.upper

    @property
    def error(self) -> float:
        """Measured minus predicted."""
        return self.value - self.predicted


class HealthVerdict(StrEnum):
    """What the coverage of a window says."""

    TOO_FEW = "TOO_FEW"
    WITHIN_BAND = "WITHIN_BAND"
    OVERCONFIDENT = "OVERCONFIDENT"
    UNDERCONFIDENT = "UNDERCONFIDENT"


@dataclass(frozen=True, slots=True)
class Window:
    """The latest measurements, summed up; errors in the property's unit.

    Attributes:
        n_inside: Number of measurements inside their interval.
        nominal_coverage: Mean nominal coverage of the intervals.
        bias: Mean of measured minus predicted.
    """

    n_measurements: int = 0
    n_inside: int = 0
    nominal_coverage: float = 0.0
    mean_absolute_error: float = 0.0
    bias: float = 0.0

    @classmethod
    def of(cls, measurements: Sequence[PredictedMeasurement]) -> "Window":
        """The sums over some measurements."""
        if not measurements:
            return cls()
        count = len(measurements)
        return cls(
            count,
            sum(measurement.is_inside for measurement in measurements),
            math.fsum(measurement.coverage for measurement in measurements) / count,
            math.fsum(abs(measurement.error) for measurement in measurements) / count,
            math.fsum(measurement.error for measurement in measurements) / count,
        )

    @property
    def coverage(self) -> float:
        """Share of measurements inside their interval; 0 without measurements."""
        return self.n_inside / self.n_measurements if self.n_measurements else 0.0

    @property
    def band(self) -> tuple[float, float]:
        """Least and largest coverage within chance of the nominal one."""
        if not self.n_measurements:
            return 0.0, 1.0
        least, most = band_counts(self.n_measurements, self.nominal_coverage)
        return least / self.n_measurements, most / self.n_measurements

    @property
    def verdict(self) -> HealthVerdict:
        """What the coverage says; counts are compared, so that no rounding decides."""
        if self.n_measurements < MIN_MEASUREMENTS:
            return HealthVerdict.TOO_FEW
        least, most = band_counts(self.n_measurements, self.nominal_coverage)
        if self.n_inside < least:
            return HealthVerdict.OVERCONFIDENT
        return HealthVerdict.UNDERCONFIDENT if self.n_inside > most else HealthVerdict.WITHIN_BAND


@dataclass(frozen=True, slots=True)
class PropertyHealth:
    """Health of one property of one model version.

    Attributes:
        n_total: Number of measurements ever kept.
        latest_measurement_at: When the latest measurement was kept; None: there is none.
    """

    subject: Subject
    unit: str
    window: Window = Window()
    n_total: int = 0
    latest_measurement_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A measurement that is kept; a repeat keeps its first prediction."""

    measurement: PredictedMeasurement
    is_repeat: bool


@dataclass(frozen=True, slots=True)
class Conflict:
    """A measurement whose id is known with another value."""

    id: str
    value: float
    known_value: float


Outcome = Recorded | Conflict


def band_counts(n_measurements: int, nominal_coverage: float) -> tuple[int, int]:
    """Fewest and most measurements inside that chance explains, in 99 of 100 cases or more.

    The central interval of the binomial distribution, with at most half of the rest in each tail. If the nominal
    coverage differs between measurements, the binomial at their mean is the wider one (Hoeffding 1956), so the band
    errs on the side of silence.
    """
    # scipy.stats has this as binom.interval, and takes more than a second to load.
    distribution = bdtr(np.arange(n_measurements + 1), n_measurements, nominal_coverage)
    least, most = np.searchsorted(distribution, [(1 - BAND_MASS) / 2, (1 + BAND_MASS) / 2])
    return int(least), int(most)


def check_id(measurement_id: str, field: str) -> None:
    """Raises InvalidRequestError unless 1 to 128 printable characters."""
    if not 1 <= len(measurement_id) <= MAX_ID_CHARACTERS or not measurement_id.isprintable():
        raise InvalidRequestError.of_field(field, f"must have 1 to {MAX_ID_CHARACTERS} printable characters")
