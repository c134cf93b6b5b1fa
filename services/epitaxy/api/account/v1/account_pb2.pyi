import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetLimitsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetLimitsResponse(_message.Message):
    __slots__ = ("tenant", "key", "prediction", "finetune")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    PREDICTION_FIELD_NUMBER: _ClassVar[int]
    FINETUNE_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    key: CallerKey
    prediction: PredictionUsage
    finetune: FineTuneUsage
    def __init__(self, tenant: _Optional[str] = ..., key: _Optional[_Union[CallerKey, _Mapping]] = ..., prediction: _Optional[_Union[PredictionUsage, _Mapping]] = ..., finetune: _Optional[_Union[FineTuneUsage, _Mapping]] = ...) -> None: ...

class CallerKey(_message.Message):
    __slots__ = ("id", "expire_time", "scopes")
    ID_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    id: str
    expire_time: _timestamp_pb2.Timestamp
    scopes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., scopes: _Optional[_Iterable[str]] = ...) -> None: ...

class PredictionUsage(_message.Message):
    __slots__ = ("open_screens", "max_open_screens", "structures_per_minute", "structures_left", "weight", "max_structures_per_message", "max_structures_per_predict", "max_structures_per_explain", "max_message_bytes", "has_own_cache")
    OPEN_SCREENS_FIELD_NUMBER: _ClassVar[int]
    MAX_OPEN_SCREENS_FIELD_NUMBER: _ClassVar[int]
    STRUCTURES_PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    STRUCTURES_LEFT_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    MAX_STRUCTURES_PER_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    MAX_STRUCTURES_PER_PREDICT_FIELD_NUMBER: _ClassVar[int]
    MAX_STRUCTURES_PER_EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    HAS_OWN_CACHE_FIELD_NUMBER: _ClassVar[int]
    open_screens: int
    max_open_screens: int
    structures_per_minute: int
    structures_left: int
    weight: float
    max_structures_per_message: int
    max_structures_per_predict: int
    max_structures_per_explain: int
    max_message_bytes: int
    has_own_cache: bool
    def __init__(self, open_screens: _Optional[int] = ..., max_open_screens: _Optional[int] = ..., structures_per_minute: _Optional[int] = ..., structures_left: _Optional[int] = ..., weight: _Optional[float] = ..., max_structures_per_message: _Optional[int] = ..., max_structures_per_predict: _Optional[int] = ..., max_structures_per_explain: _Optional[int] = ..., max_message_bytes: _Optional[int] = ..., has_own_cache: _Optional[bool] = ...) -> None: ...

class FineTuneUsage(_message.Message):
    __slots__ = ("active_jobs", "max_active_jobs", "stored_models", "max_stored_models", "max_labels_per_job", "measurements", "max_measurements")
    ACTIVE_JOBS_FIELD_NUMBER: _ClassVar[int]
    MAX_ACTIVE_JOBS_FIELD_NUMBER: _ClassVar[int]
    STORED_MODELS_FIELD_NUMBER: _ClassVar[int]
    MAX_STORED_MODELS_FIELD_NUMBER: _ClassVar[int]
    MAX_LABELS_PER_JOB_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENTS_FIELD_NUMBER: _ClassVar[int]
    MAX_MEASUREMENTS_FIELD_NUMBER: _ClassVar[int]
    active_jobs: int
    max_active_jobs: int
    stored_models: int
    max_stored_models: int
    max_labels_per_job: int
    measurements: int
    max_measurements: int
    def __init__(self, active_jobs: _Optional[int] = ..., max_active_jobs: _Optional[int] = ..., stored_models: _Optional[int] = ..., max_stored_models: _Optional[int] = ..., max_labels_per_job: _Optional[int] = ..., measurements: _Optional[int] = ..., max_measurements: _Optional[int] = ...) -> None: ...
