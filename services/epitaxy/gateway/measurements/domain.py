"""What is measured, what a model predicts of it, and what may be reported."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.chassis.limits import DEFAULT_COVERAGE

MAX_MEASUREMENTS = 64
MAX_ID_CHARACTERS = 128
HELD_TO_COVERAGE = DEFAULT_COVERAGE
"""Nominal coverage of the intervals that measurements are compared with, whatever coverage a prediction asked for."""


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Names a model, and at most one of an alias and a version; by default its champion is meant."""

    name: str = ""
    alias: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """The weights that answered."""

    name: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class MeasurableProperty:
    """A property of a model, and its unit."""

    name: str
    unit: str


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model version, and the properties that it predicts, in the order of its card."""

    version: ModelVersion
    properties: tuple[MeasurableProperty, ...]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measured value of one structure.

    Attributes:
        id: The caller's id of the measurement.
        value: The measured value, in the unit of the report.
        structure: The structure as its sender encoded it. Only edges and adapters look inside.
        n_structures: Number of structures in ``structure``; a usable measurement has one.
    """

    id: str
    value: float
    structure: bytes
    n_structures: int


@dataclass(frozen=True, slots=True)
class Report:
    """Measurements of one property that a model version is held to.

    Attributes:
        model: The model version; by default the champion.
        property: Name of the property; empty: the model's first.
        unit: Unit of the values.
        measurements: The measurements.
    """

    model: ModelChoice
    property: str
    unit: str
    measurements: tuple[Measurement, ...]


@dataclass(frozen=True, slots=True)
class PredictedValue:
    """What a model predicts of one structure, in the property's unit; the interval is finite."""

    reduced_formula: str
    value: float
    lower: float
    upper: float
    coverage: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a measurement is not kept."""

    reason: str
    message: str
    retryable: bool = False


NO_INTERVAL = Refusal("NO_INTERVAL", "the model gives no interval for this structure: there is nothing to hold it to")
PROBABILITIES = Refusal(
    "PROBABILITIES",
    "the model answers with probabilities, and no single outcome lies in or out of an interval of one: make the model "
    "again with these labels, and its report says whether the probabilities hold",
)


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a model predicts of some structures.

    Attributes:
        model: The version that answered.
        unit: Unit of the values; None if the version does not have the property.
        outcomes: One a structure, in order.
    """

    model: ModelVersion
    unit: str | None
    outcomes: tuple[PredictedValue | Refusal, ...]


@dataclass(frozen=True, slots=True)
class PredictedMeasurement:
    """A measured value beside its prediction."""

    id: str
    value: float
    predicted: PredictedValue


@dataclass(frozen=True, slots=True)
class MeasurementBatch:
    """Measurements to keep, of one property of one model version."""

    model: ModelVersion
    property: str
    unit: str
    measurements: tuple[PredictedMeasurement, ...]


@dataclass(frozen=True, slots=True)
class KeptBatch:
    """What became of a batch.

    Attributes:
        results: Each measurement's result by its id, encoded.
        health: How the property does, these measurements included, encoded.
    """

    results: Mapping[str, bytes]
    health: bytes


@dataclass(frozen=True, slots=True)
class ReportAnswer:
    """What became of a report.

    Attributes:
        model: The version that predicted.
        results: One a measurement, in the caller's order: its encoded result, or why it is not kept.
        health: How the property does, these measurements included, encoded.
    """

    model: ModelVersion
    results: tuple[tuple[str, bytes | Refusal], ...]
    health: bytes


def check_report(report: Report) -> None:
    """Raises InvalidRequestError for what can be seen without the model."""
    count = len(report.measurements)
    if not 1 <= count <= MAX_MEASUREMENTS:
        description = f"has {count} entries; 1 to {MAX_MEASUREMENTS} are allowed"
        raise InvalidRequestError.of_field("measurements", description)
    seen: dict[str, int] = {}
    for index, measurement in enumerate(report.measurements):
        _check_measurement(measurement, f"measurements[{index}]")
        if measurement.id in seen:
            first = f"measurements[{seen[measurement.id]}]"
            raise InvalidRequestError.of_field(f"measurements[{index}].id", f"is the id of {first} as well")
        seen[measurement.id] = index


def choose_property(model: ServedModel, report: Report) -> MeasurableProperty:
    """The property that was measured. Raises InvalidRequestError for an unknown one or another unit than its own."""
    chosen = [entry for entry in model.properties if entry.name == report.property or not report.property]
    if not chosen:
        names = ", ".join(entry.name for entry in model.properties)
        raise InvalidRequestError.of_field("property", f"the model has no {report.property!r}; it has {names}")
    check_unit(chosen[0], report.unit)
    return chosen[0]


def check_unit(measured: MeasurableProperty, unit: str) -> None:
    """Raises InvalidRequestError for another unit than the property's own."""
    if unit != measured.unit:
        description = f"is {unit!r}, and {measured.name} is in {measured.unit!r}: convert the values"
        raise InvalidRequestError.of_field("unit", description)


def split_outcomes(
    measurements: Sequence[Measurement], predictions: Predictions
) -> tuple[tuple[PredictedMeasurement, ...], dict[str, Refusal]]:
    """The measurements that can be kept, and why the others cannot, by id."""
    kept: list[PredictedMeasurement] = []
    refusals: dict[str, Refusal] = {}
    for measurement, outcome in zip(measurements, predictions.outcomes, strict=True):
        if isinstance(outcome, Refusal):
            refusals[measurement.id] = outcome
        else:
            kept.append(PredictedMeasurement(measurement.id, measurement.value, outcome))
    return tuple(kept), refusals


def _check_measurement(measurement: Measurement, field: str) -> None:
    if not 1 <= len(measurement.id) <= MAX_ID_CHARACTERS or not measurement.id.isprintable():
        raise InvalidRequestError.of_field(f"{field}.id", f"must have 1 to {MAX_ID_CHARACTERS} printable characters")
    if not math.isfinite(measurement.value):
        raise InvalidRequestError.of_field(f"{field}.value", f"is {measurement.value}, and must be a finite number")
    if measurement.n_structures != 1:
        raise InvalidRequestError.of_field(f"{field}.structure", "must be one structure")
