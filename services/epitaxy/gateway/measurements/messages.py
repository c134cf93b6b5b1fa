"""Messages of measurements, public and internal, and the domain's types."""

from collections.abc import Sequence

from epitaxy.api.common.v1.model_pb2 import ModelSelector, ModelStamp
from epitaxy.api.common.v1.structure_pb2 import ItemError, StructureInput
from epitaxy.api.internal.v1.measurement_backend_pb2 import (
    PredictedMeasurement as PredictedMessage,
)
from epitaxy.api.internal.v1.measurement_backend_pb2 import (
    RecordMeasurementsRequest,
    RecordMeasurementsResponse,
)
from epitaxy.api.measurements.v1 import measurements_pb2
from epitaxy.api.models.v1.models_pb2 import ModelCard
from epitaxy.api.prediction.v1.prediction_pb2 import PredictionOptions, ScreenRequest
from epitaxy.chassis.short_text import shortened
from epitaxy.chassis.structure_ids import count_structures
from epitaxy.gateway.bounds import check_texts
from epitaxy.gateway.measurements.domain import (
    KeptBatch,
    MeasurableProperty,
    Measurement,
    MeasurementBatch,
    ModelChoice,
    ModelVersion,
    PredictedMeasurement,
    Refusal,
    Report,
    ReportAnswer,
    ServedModel,
)
from epitaxy.gateway.messages import parse


def read_report(encoded: bytes) -> Report:
    """A ReportMeasurementsRequest. Raises InvalidRequestError."""
    request = parse(measurements_pb2.ReportMeasurementsRequest, encoded)
    check_texts(request)
    measurements = tuple(map(_measurement, request.measurements))
    return Report(model_choice(request.model), request.property, request.unit, measurements)


def read_health_request(encoded: bytes) -> ModelChoice:
    """A GetModelHealthRequest. Raises InvalidRequestError."""
    request = parse(measurements_pb2.GetModelHealthRequest, encoded)
    check_texts(request)
    return model_choice(request.model)


def encode_report_answer(answer: ReportAnswer) -> bytes:
    """A ReportMeasurementsResponse."""
    results = [_result(name, outcome) for name, outcome in answer.results]
    health = measurements_pb2.PropertyHealth.FromString(answer.health)
    response = measurements_pb2.ReportMeasurementsResponse(model=stamp(answer.model), results=results, health=health)
    return response.SerializeToString()


def encode_batch(batch: MeasurementBatch) -> bytes:
    """A RecordMeasurementsRequest."""
    request = RecordMeasurementsRequest(
        model=stamp(batch.model),
        property=batch.property,
        unit=batch.unit,
        measurements=map(_predicted_message, batch.measurements),
    )
    return request.SerializeToString()


def read_kept_batch(encoded: bytes) -> KeptBatch:
    """A RecordMeasurementsResponse."""
    response = RecordMeasurementsResponse.FromString(encoded)
    results = {result.id: result.SerializeToString() for result in response.results}
    return KeptBatch(results, response.health.SerializeToString())


def encode_screen(model: ModelChoice, property_name: str, coverage: float, structures: Sequence[bytes]) -> bytes:
    """A ScreenRequest in which each structure has its place as its id."""
    options = PredictionOptions(model=selector(model), properties=[property_name], coverage=coverage)
    placed = [_place(structure, index) for index, structure in enumerate(structures)]
    return ScreenRequest(options=options, structures=placed).SerializeToString()


def served_model(card: ModelCard) -> ServedModel:
    """What a card says about what can be measured."""
    definitions = (entry.definition for entry in card.properties)
    properties = tuple(MeasurableProperty(definition.name, definition.unit) for definition in definitions)
    return ServedModel(model_version(card.stamp), properties)


def model_choice(message: ModelSelector) -> ModelChoice:
    """The choice that a selector makes."""
    return ModelChoice(message.name, message.alias, message.version)


def selector(model: ModelChoice) -> ModelSelector:
    """The selector of a choice."""
    if model.version:
        return ModelSelector(name=model.name, version=model.version)
    return ModelSelector(name=model.name, alias=model.alias or None)


def model_version(message: ModelStamp) -> ModelVersion:
    """The version that a stamp identifies."""
    return ModelVersion(message.name, message.version, message.digest)


def stamp(model: ModelVersion) -> ModelStamp:
    """The stamp of a version."""
    return ModelStamp(name=model.name, version=model.version, digest=model.digest)


def _measurement(message: measurements_pb2.Measurement) -> Measurement:
    structure = message.structure
    n_structures = count_structures([structure]) if structure.WhichOneof("source") else 0
    return Measurement(message.id, message.value, structure.SerializeToString(), n_structures)


def _place(encoded: bytes, index: int) -> StructureInput:
    placed = StructureInput.FromString(encoded)
    placed.id = str(index)
    if placed.HasField("packed"):
        placed.packed.ids[:] = [str(index)]
    return placed


def _predicted_message(measurement: PredictedMeasurement) -> PredictedMessage:
    predicted = measurement.predicted
    return PredictedMessage(
        id=measurement.id,
        reduced_formula=predicted.reduced_formula,
        value=measurement.value,
        predicted=predicted.value,
        lower=predicted.lower,
        upper=predicted.upper,
        coverage=predicted.coverage,
    )


def _result(name: str, outcome: bytes | Refusal) -> measurements_pb2.MeasurementResult:
    if isinstance(outcome, bytes):
        return measurements_pb2.MeasurementResult.FromString(outcome)
    error = ItemError(reason=outcome.reason, message=shortened(outcome.message), retryable=outcome.retryable)
    return measurements_pb2.MeasurementResult(id=name, error=error)
