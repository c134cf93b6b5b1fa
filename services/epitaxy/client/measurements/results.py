"""What the client gives back of measurements: one result a row, and how the model does."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from epitaxy.api.measurements.v1 import measurements_pb2
from epitaxy.client.results import ItemError, enum_name, item_error


@dataclass(frozen=True, slots=True)
class MeasurementResult:
    """What became of one measurement; numbers are in the property's unit.

    Attributes:
        id: The row's.
        index: Position of the row in the input, from 0.
        value: As measured.
        predicted: By the model, when the measurement was first reported; so the bounds.
        coverage: Nominal coverage of the interval.
        is_inside: Whether the interval holds the value.
        is_repeat: It was known, and counts once.
        error: Why it is not recorded; None where it is.
    """

    id: str
    index: int
    value: float
    predicted: float | None = None
    lower: float | None = None
    upper: float | None = None
    coverage: float | None = None
    is_inside: bool | None = None
    is_repeat: bool = False
    error: ItemError | None = None

    @classmethod
    def from_proto(cls, result: measurements_pb2.MeasurementResult, index: int, value: float) -> "MeasurementResult":
        """The result of a row."""
        if result.WhichOneof("outcome") != "recorded":
            return cls(result.id, index, value, error=item_error(result.error))
        kept = result.recorded
        return cls(
            result.id, index, value, kept.predicted, kept.lower, kept.upper, kept.coverage, kept.is_inside,
            kept.is_repeat,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class PropertyHealth:
    """How one property of one version does on the tenant's latest measurements (at most 200).

    Attributes:
        n_measurements: In the window; ``n_total`` is ever.
        mean_absolute_error: In ``unit``, as is ``bias``.
        bias: Mean of measured minus predicted.
        coverage: Share inside of their intervals.
        nominal_coverage: What the intervals promise.
        band_lower: Chance alone leaves the coverage between it and ``band_upper`` in 99 of 100 cases.
        verdict: ``"TOO_FEW"``, ``"WITHIN_BAND"``, ``"OVERCONFIDENT"`` or ``"UNDERCONFIDENT"``.
        latest_at: When the last measurement came in; None: none has.
    """

    property: str
    unit: str
    n_measurements: int
    n_total: int
    mean_absolute_error: float
    bias: float
    coverage: float
    nominal_coverage: float
    band_lower: float
    band_upper: float
    verdict: str
    latest_at: datetime | None

    @classmethod
    def from_proto(cls, health: measurements_pb2.PropertyHealth) -> "PropertyHealth":
        """The health as the server gave it."""
        return cls(
            property=health.property,
            unit=health.unit,
            n_measurements=health.n_measurements,
            n_total=health.n_total,
            mean_absolute_error=health.mean_absolute_error,
            bias=health.bias,
            coverage=health.coverage,
            nominal_coverage=health.nominal_coverage,
            band_lower=health.band_lower,
            band_upper=health.band_upper,
            verdict=enum_name(measurements_pb2.HealthVerdict.Name, "HEALTH_VERDICT_", health.verdict),
            latest_at=health.latest_at.ToDatetime(UTC) if health.HasField("latest_at") else None,
        )

    def in_words(self) -> str:
        """The health for a chemist, in one line."""
        if not self.n_measurements:
            return f"{self.property}: nothing is measured yet"
        n_inside = round(self.coverage * self.n_measurements)
        counted = (
            f"{self.property}: {n_inside} of the latest {self.n_measurements} measurements lie within their "
            f"{self.nominal_coverage:.0%} intervals, chance alone explains {self.band_lower:.0%} to "
            f"{self.band_upper:.0%}"
        )
        errors = f"MAE {self.mean_absolute_error:.4g} {self.unit}, bias {self.bias:+.3g} {self.unit}"
        return f"{counted}: {_MEANINGS.get(self.verdict, self.verdict)} ({errors})"


_MEANINGS = {
    "TOO_FEW": "too few for a verdict",
    "WITHIN_BAND": "the intervals keep their promise",
    "OVERCONFIDENT": "the intervals are too narrow, do not rely on them",
    "UNDERCONFIDENT": "the intervals are wider than they need be",
}


@dataclass(frozen=True, slots=True)
class ModelHealth:
    """How a version does; without measurements it has no properties."""

    model: str
    version: str
    properties: tuple[PropertyHealth, ...] = ()

    @classmethod
    def from_proto(cls, response: measurements_pb2.GetModelHealthResponse) -> "ModelHealth":
        """The health as the server gave it."""
        properties = tuple(PropertyHealth.from_proto(health) for health in response.properties)
        return cls(response.model.name, response.model.version, properties)


@dataclass(frozen=True, slots=True)
class MeasurementReport:
    """What became of all rows with a value.

    Attributes:
        model: That was held to account, by name and ``version``; empty where no row could be sent.
        results: In the order of the rows.
        health: After the last row; None where none could be sent.
    """

    results: tuple[MeasurementResult, ...]
    model: str = ""
    version: str = ""
    health: PropertyHealth | None = None

    @property
    def recorded(self) -> Sequence[MeasurementResult]:
        """Rows that the server keeps, repeats included."""
        return [result for result in self.results if result.error is None]

    @property
    def refused(self) -> Sequence[MeasurementResult]:
        """Rows with an error."""
        return [result for result in self.results if result.error is not None]
