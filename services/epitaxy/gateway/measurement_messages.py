"""Messages of measurements: what may be in one, and what goes on from it."""

import math
from collections.abc import Iterator, Mapping, Sequence

from epitaxy.api.common.v1.property_pb2 import PropertyDefinition
from epitaxy.api.common.v1.structure_pb2 import ItemError, StructureInput
from epitaxy.api.measurements.v1.measurements_pb2 import (
    Measurement,
    MeasurementResult,
    PredictedMeasurement,
    RecordMeasurementsRequest,
    ReportMeasurementsRequest,
)
from epitaxy.api.models.v1.models_pb2 import ModelCard
from epitaxy.api.prediction.v1.prediction_pb2 import PredictionOptions, ResultBlock, ScreenRequest, StructureResult
from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.chassis.structure_ids import count_structures

MAX_MEASUREMENTS = 64
MAX_ID_CHARACTERS = 128
HELD_TO_COVERAGE = 0.9
"""Of the intervals that measurements are compared with, whatever coverage a prediction was asked at."""

NO_INTERVAL = ItemError(
    reason="NO_INTERVAL", message="the model gives no interval for this structure: there is nothing to hold it to"
)


def check_report(request: ReportMeasurementsRequest) -> None:
    """Raises InvalidRequestError for what can be seen without the model."""
    count = len(request.measurements)
    if not 1 <= count <= MAX_MEASUREMENTS:
        raise InvalidRequestError.of_field("measurements", f"has {count} entries, 1 to {MAX_MEASUREMENTS} go")
    seen: dict[str, int] = {}
    for index, measurement in enumerate(request.measurements):
        _check(measurement, f"measurements[{index}]")
        if measurement.id in seen:
            first = f"measurements[{seen[measurement.id]}]"
            raise InvalidRequestError.of_field(f"measurements[{index}].id", f"is the id of {first} as well")
        seen[measurement.id] = index


def measured_property(card: ModelCard, request: ReportMeasurementsRequest) -> PropertyDefinition:
    """The property that was measured, in its unit. Raises InvalidRequestError."""
    definitions = [entry.definition for entry in card.properties]
    chosen = [entry for entry in definitions if entry.name == request.property] if request.property else definitions
    if not chosen:
        names = ", ".join(entry.name for entry in definitions)
        raise InvalidRequestError.of_field("property", f"the model has no {request.property!r}; it has {names}")
    check_unit(chosen[0], request.unit)
    return chosen[0]


def check_unit(definition: PropertyDefinition, unit: str) -> None:
    """Raises InvalidRequestError for another unit than the property's own."""
    if unit != definition.unit:
        description = f"is {unit!r}, and {definition.name} is in {definition.unit!r}: convert the values"
        raise InvalidRequestError.of_field("unit", description)


def screen_request(request: ReportMeasurementsRequest, name: str) -> ScreenRequest:
    """The structures as they are predicted, by their places instead of their ids."""
    options = PredictionOptions(model=request.model, properties=[name], coverage=HELD_TO_COVERAGE)
    structures = [_placed(measurement.structure, index) for index, measurement in enumerate(request.measurements)]
    return ScreenRequest(options=options, structures=structures)


def record_request(
    request: ReportMeasurementsRequest, block: ResultBlock, name: str
) -> tuple[RecordMeasurementsRequest, dict[str, ItemError]]:
    """What is to be kept, and by id why the rest is not. Raises InvalidRequestError where the unit has changed."""
    position = _position(block, name, request.unit)
    answers = {result.id: result for result in block.results}
    kept = RecordMeasurementsRequest(model=block.model, property=name, unit=request.unit)
    errors: dict[str, ItemError] = {}
    for index, measurement in enumerate(request.measurements):
        outcome = _predicted(measurement, answers[str(index)], position)
        if isinstance(outcome, ItemError):
            errors[measurement.id] = outcome
        else:
            kept.measurements.append(outcome)
    return kept, errors


def results_in_order(
    request: ReportMeasurementsRequest, recorded: Sequence[MeasurementResult], errors: Mapping[str, ItemError]
) -> Iterator[MeasurementResult]:
    """One result a measurement, in the caller's order."""
    by_id = {result.id: result for result in recorded}
    for measurement in request.measurements:
        if measurement.id in errors:
            yield MeasurementResult(id=measurement.id, error=errors[measurement.id])
        else:
            yield by_id[measurement.id]


def _check(measurement: Measurement, field: str) -> None:
    if not 1 <= len(measurement.id) <= MAX_ID_CHARACTERS or not measurement.id.isprintable():
        raise InvalidRequestError.of_field(f"{field}.id", f"must have 1 to {MAX_ID_CHARACTERS} printable characters")
    if not math.isfinite(measurement.value):
        raise InvalidRequestError.of_field(f"{field}.value", f"is {measurement.value}, and must be a finite number")
    if count_structures([measurement.structure]) != 1 or not measurement.structure.WhichOneof("source"):
        raise InvalidRequestError.of_field(f"{field}.structure", "must be one structure")


def _placed(structure: StructureInput, index: int) -> StructureInput:
    placed = StructureInput()
    placed.CopyFrom(structure)
    placed.id = str(index)
    if placed.HasField("packed"):
        placed.packed.ids[:] = [str(index)]
    return placed


def _position(block: ResultBlock, name: str, unit: str) -> int:
    """Where the block has the property; the model may have changed since its card was read."""
    for index, stamp in enumerate(block.properties):
        if stamp.definition.name == name:
            check_unit(stamp.definition, unit)
            return index
    return -1


def _predicted(measurement: Measurement, answer: StructureResult, position: int) -> PredictedMeasurement | ItemError:
    if answer.HasField("error"):
        return answer.error
    for value in answer.prediction.values:
        interval = value.interval
        numbers = (value.value, interval.lower, interval.upper)
        if value.property_index == position and value.HasField("interval") and all(map(math.isfinite, numbers)):
            return PredictedMeasurement(
                id=measurement.id,
                reduced_formula=answer.prediction.reduced_formula,
                value=measurement.value,
                predicted=value.value,
                lower=interval.lower,
                upper=interval.upper,
                coverage=interval.coverage,
            )
    return NO_INTERVAL
