from epitaxy.api.common.v1 import model_pb2 as _model_pb2
from epitaxy.api.measurements.v1 import measurements_pb2 as _measurements_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RecordMeasurementsRequest(_message.Message):
    __slots__ = ("model", "property", "unit", "measurements")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROPERTY_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENTS_FIELD_NUMBER: _ClassVar[int]
    model: _model_pb2.ModelStamp
    property: str
    unit: str
    measurements: _containers.RepeatedCompositeFieldContainer[PredictedMeasurement]
    def __init__(self, model: _Optional[_Union[_model_pb2.ModelStamp, _Mapping]] = ..., property: _Optional[str] = ..., unit: _Optional[str] = ..., measurements: _Optional[_Iterable[_Union[PredictedMeasurement, _Mapping]]] = ...) -> None: ...

class PredictedMeasurement(_message.Message):
    __slots__ = ("id", "reduced_formula", "value", "predicted", "lower", "upper", "coverage")
    ID_FIELD_NUMBER: _ClassVar[int]
    REDUCED_FORMULA_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    PREDICTED_FIELD_NUMBER: _ClassVar[int]
    LOWER_FIELD_NUMBER: _ClassVar[int]
    UPPER_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    id: str
    reduced_formula: str
    value: float
    predicted: float
    lower: float
    upper: float
    coverage: float
    def __init__(self, id: _Optional[str] = ..., reduced_formula: _Optional[str] = ..., value: _Optional[float] = ..., predicted: _Optional[float] = ..., lower: _Optional[float] = ..., upper: _Optional[float] = ..., coverage: _Optional[float] = ...) -> None: ...

class RecordMeasurementsResponse(_message.Message):
    __slots__ = ("results", "health")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[_measurements_pb2.MeasurementResult]
    health: _measurements_pb2.PropertyHealth
    def __init__(self, results: _Optional[_Iterable[_Union[_measurements_pb2.MeasurementResult, _Mapping]]] = ..., health: _Optional[_Union[_measurements_pb2.PropertyHealth, _Mapping]] = ...) -> None: ...

class ReadModelHealthRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: _model_pb2.ModelStamp
    def __init__(self, model: _Optional[_Union[_model_pb2.ModelStamp, _Mapping]] = ...) -> None: ...

class ReadModelHealthResponse(_message.Message):
    __slots__ = ("model", "properties")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    model: _model_pb2.ModelStamp
    properties: _containers.RepeatedCompositeFieldContainer[_measurements_pb2.PropertyHealth]
    def __init__(self, model: _Optional[_Union[_model_pb2.ModelStamp, _Mapping]] = ..., properties: _Optional[_Iterable[_Union[_measurements_pb2.PropertyHealth, _Mapping]]] = ...) -> None: ...
