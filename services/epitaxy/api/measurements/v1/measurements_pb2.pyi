import datetime

from epitaxy.api.common.v1 import model_pb2 as _model_pb2
from epitaxy.api.common.v1 import structure_pb2 as _structure_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class HealthVerdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HEALTH_VERDICT_UNSPECIFIED: _ClassVar[HealthVerdict]
    HEALTH_VERDICT_TOO_FEW: _ClassVar[HealthVerdict]
    HEALTH_VERDICT_WITHIN_BAND: _ClassVar[HealthVerdict]
    HEALTH_VERDICT_OVERCONFIDENT: _ClassVar[HealthVerdict]
    HEALTH_VERDICT_UNDERCONFIDENT: _ClassVar[HealthVerdict]
HEALTH_VERDICT_UNSPECIFIED: HealthVerdict
HEALTH_VERDICT_TOO_FEW: HealthVerdict
HEALTH_VERDICT_WITHIN_BAND: HealthVerdict
HEALTH_VERDICT_OVERCONFIDENT: HealthVerdict
HEALTH_VERDICT_UNDERCONFIDENT: HealthVerdict

class Measurement(_message.Message):
    __slots__ = ("id", "structure", "value")
    ID_FIELD_NUMBER: _ClassVar[int]
    STRUCTURE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    id: str
    structure: _structure_pb2.StructureInput
    value: float
    def __init__(self, id: _Optional[str] = ..., structure: _Optional[_Union[_structure_pb2.StructureInput, _Mapping]] = ..., value: _Optional[float] = ...) -> None: ...

class ReportMeasurementsRequest(_message.Message):
    __slots__ = ("model", "property", "unit", "measurements")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROPERTY_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENTS_FIELD_NUMBER: _ClassVar[int]
    model: _model_pb2.ModelSelector
    property: str
    unit: str
    measurements: _containers.RepeatedCompositeFieldContainer[Measurement]
    def __init__(self, model: _Optional[_Union[_model_pb2.ModelSelector, _Mapping]] = ..., property: _Optional[str] = ..., unit: _Optional[str] = ..., measurements: _Optional[_Iterable[_Union[Measurement, _Mapping]]] = ...) -> None: ...

class ReportMeasurementsResponse(_message.Message):
    __slots__ = ("model", "results", "health")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    model: _model_pb2.ModelStamp
    results: _containers.RepeatedCompositeFieldContainer[MeasurementResult]
    health: PropertyHealth
    def __init__(self, model: _Optional[_Union[_model_pb2.ModelStamp, _Mapping]] = ..., results: _Optional[_Iterable[_Union[MeasurementResult, _Mapping]]] = ..., health: _Optional[_Union[PropertyHealth, _Mapping]] = ...) -> None: ...

class MeasurementResult(_message.Message):
    __slots__ = ("id", "recorded", "error")
    ID_FIELD_NUMBER: _ClassVar[int]
    RECORDED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    id: str
    recorded: RecordedMeasurement
    error: _structure_pb2.ItemError
    def __init__(self, id: _Optional[str] = ..., recorded: _Optional[_Union[RecordedMeasurement, _Mapping]] = ..., error: _Optional[_Union[_structure_pb2.ItemError, _Mapping]] = ...) -> None: ...

class RecordedMeasurement(_message.Message):
    __slots__ = ("predicted", "lower", "upper", "coverage", "is_inside", "is_repeat")
    PREDICTED_FIELD_NUMBER: _ClassVar[int]
    LOWER_FIELD_NUMBER: _ClassVar[int]
    UPPER_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    IS_INSIDE_FIELD_NUMBER: _ClassVar[int]
    IS_REPEAT_FIELD_NUMBER: _ClassVar[int]
    predicted: float
    lower: float
    upper: float
    coverage: float
    is_inside: bool
    is_repeat: bool
    def __init__(self, predicted: _Optional[float] = ..., lower: _Optional[float] = ..., upper: _Optional[float] = ..., coverage: _Optional[float] = ..., is_inside: _Optional[bool] = ..., is_repeat: _Optional[bool] = ...) -> None: ...

class GetModelHealthRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: _model_pb2.ModelSelector
    def __init__(self, model: _Optional[_Union[_model_pb2.ModelSelector, _Mapping]] = ...) -> None: ...

class GetModelHealthResponse(_message.Message):
    __slots__ = ("model", "properties")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    model: _model_pb2.ModelStamp
    properties: _containers.RepeatedCompositeFieldContainer[PropertyHealth]
    def __init__(self, model: _Optional[_Union[_model_pb2.ModelStamp, _Mapping]] = ..., properties: _Optional[_Iterable[_Union[PropertyHealth, _Mapping]]] = ...) -> None: ...

class PropertyHealth(_message.Message):
    __slots__ = ("property", "unit", "n_measurements", "n_total", "mean_absolute_error", "bias", "coverage", "nominal_coverage", "band_lower", "band_upper", "verdict", "latest_measurement_time")
    PROPERTY_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    N_MEASUREMENTS_FIELD_NUMBER: _ClassVar[int]
    N_TOTAL_FIELD_NUMBER: _ClassVar[int]
    MEAN_ABSOLUTE_ERROR_FIELD_NUMBER: _ClassVar[int]
    BIAS_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    NOMINAL_COVERAGE_FIELD_NUMBER: _ClassVar[int]
    BAND_LOWER_FIELD_NUMBER: _ClassVar[int]
    BAND_UPPER_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    LATEST_MEASUREMENT_TIME_FIELD_NUMBER: _ClassVar[int]
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
    verdict: HealthVerdict
    latest_measurement_time: _timestamp_pb2.Timestamp
    def __init__(self, property: _Optional[str] = ..., unit: _Optional[str] = ..., n_measurements: _Optional[int] = ..., n_total: _Optional[int] = ..., mean_absolute_error: _Optional[float] = ..., bias: _Optional[float] = ..., coverage: _Optional[float] = ..., nominal_coverage: _Optional[float] = ..., band_lower: _Optional[float] = ..., band_upper: _Optional[float] = ..., verdict: _Optional[_Union[HealthVerdict, str]] = ..., latest_measurement_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
