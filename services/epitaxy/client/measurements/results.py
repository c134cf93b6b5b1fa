"""What the client returns of measurements: one result for each row, and how the model does. Frozen values."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from epitaxy.client.results import ItemError


@dataclass(frozen=True, slots=True)
class MeasurementResult:
    """What became of one measurement; all numbers are in the property's unit.

    Attributes:
        id: The row's id.
        index: Position of the row in the input, from 0.
        value: The measured value.
        predicted: The model's prediction when the measurement was first reported; None if it is not recorded.
        lower: Lower bound of the prediction's interval; None if it is not recorded.
        upper: Upper bound of the prediction's interval; None if it is not recorded.
        coverage: Nominal coverage of the interval; None if it is not recorded.
        is_inside: True if the interval holds the value; None if it is not recorded.
        is_repeat: True if the measurement was recorded before; it counts once.
        error: Why the measurement is not recorded; None if it is.
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


@dataclass(frozen=True, slots=True)
class PropertyHealth:
    """How one property of one model version does on the tenant's latest measurements (at most 200).

    Attributes:
        property: Name of the property.
        unit: Unit of the property.
        n_measurements: Measurements in the window.
        n_total: Measurements ever recorded.
        mean_absolute_error: Mean absolute error over the window, in ``unit``.
        bias: Mean of measured minus predicted over the window, in ``unit``.
        coverage: Share of measurements inside their interval.
        nominal_coverage: The share that the intervals promise.
        band_lower: Lower end of the band in which chance alone leaves ``coverage`` in 99 of 100 cases.
        band_upper: Upper end of that band.
        verdict: ``"TOO_FEW"``, ``"WITHIN_BAND"``, ``"OVERCONFIDENT"`` or ``"UNDERCONFIDENT"``.
        latest_measurement_time: When the latest measurement was recorded, UTC; None if there is none.
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
    latest_measurement_time: datetime | None

    def in_words(self) -> str:
        """One line for a chemist."""
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
    """How a model version does on the tenant's measurements.

    Attributes:
        model: Name of the model.
        version: Version of the model.
        properties: The properties that have measurements.
    """

    model: str
    version: str
    properties: tuple[PropertyHealth, ...] = ()


@dataclass(frozen=True, slots=True)
class MeasurementReport:
    """What became of all rows that hold a value.

    Attributes:
        results: One result for each row, in the order of the rows.
        model: Name of the model that was measured against; empty if no row could be sent.
        version: Version of that model.
        health: How the property does after the last row; None if no row could be sent.
    """

    results: tuple[MeasurementResult, ...]
    model: str = ""
    version: str = ""
    health: PropertyHealth | None = None

    @property
    def recorded(self) -> Sequence[MeasurementResult]:
        """Results of the rows that the server recorded, repeats included."""
        return [result for result in self.results if result.error is None]

    @property
    def refused(self) -> Sequence[MeasurementResult]:
        """Results of the rows that have an error."""
        return [result for result in self.results if result.error is not None]
