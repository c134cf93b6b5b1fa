"""From the wire to results of measurements and the health of models."""

from epitaxy.api.measurements.v1 import measurements_pb2
from epitaxy.client.measurements.results import MeasurementResult, ModelHealth, PropertyHealth
from epitaxy.client.reading import enum_name, read_item_error, read_time


def read_result(result: measurements_pb2.MeasurementResult, index: int, value: float) -> MeasurementResult:
    """The result of one row."""
    if result.WhichOneof("outcome") != "recorded":
        return MeasurementResult(result.id, index, value, error=read_item_error(result.error))
    kept = result.recorded
    return MeasurementResult(
        id=result.id,
        index=index,
        value=value,
        predicted=kept.predicted,
        lower=kept.lower,
        upper=kept.upper,
        coverage=kept.coverage,
        is_inside=kept.is_inside,
        is_repeat=kept.is_repeat,
    )


def read_health(health: measurements_pb2.PropertyHealth) -> PropertyHealth:
    """The health of one property as the server gave it."""
    return PropertyHealth(
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
        latest_measurement_time=read_time(health, "latest_measurement_time"),
    )


def read_model_health(response: measurements_pb2.GetModelHealthResponse) -> ModelHealth:
    """The health of a model version as the server gave it."""
    properties = tuple(map(read_health, response.properties))
    return ModelHealth(response.model.name, response.model.version, properties)
