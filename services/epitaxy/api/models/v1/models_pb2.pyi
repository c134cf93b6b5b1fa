import datetime

from epitaxy.api.common.v1 import model_pb2 as _model_pb2
from epitaxy.api.common.v1 import property_pb2 as _property_pb2
from epitaxy.api.common.v1 import review_pb2 as _review_pb2
from epitaxy.api.common.v1 import structure_pb2 as _structure_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListModelsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models", "next_page_token")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[ModelCard]
    next_page_token: str
    def __init__(self, models: _Optional[_Iterable[_Union[ModelCard, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetModelRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: _model_pb2.ModelSelector
    def __init__(self, model: _Optional[_Union[_model_pb2.ModelSelector, _Mapping]] = ...) -> None: ...

class GetModelResponse(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: ModelCard
    def __init__(self, model: _Optional[_Union[ModelCard, _Mapping]] = ...) -> None: ...

class ModelCard(_message.Message):
    __slots__ = ("stamp", "description", "aliases", "properties", "training_data", "n_members", "n_parameters_per_member", "supported_elements", "featurizer_version", "license", "card_json", "review_policy", "create_time", "conditions", "kinds", "base")
    STAMP_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    ALIASES_FIELD_NUMBER: _ClassVar[int]
    PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    TRAINING_DATA_FIELD_NUMBER: _ClassVar[int]
    N_MEMBERS_FIELD_NUMBER: _ClassVar[int]
    N_PARAMETERS_PER_MEMBER_FIELD_NUMBER: _ClassVar[int]
    SUPPORTED_ELEMENTS_FIELD_NUMBER: _ClassVar[int]
    FEATURIZER_VERSION_FIELD_NUMBER: _ClassVar[int]
    LICENSE_FIELD_NUMBER: _ClassVar[int]
    CARD_JSON_FIELD_NUMBER: _ClassVar[int]
    REVIEW_POLICY_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    CONDITIONS_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    stamp: _model_pb2.ModelStamp
    description: str
    aliases: _containers.RepeatedScalarFieldContainer[str]
    properties: _containers.RepeatedCompositeFieldContainer[PropertyCard]
    training_data: TrainingData
    n_members: int
    n_parameters_per_member: int
    supported_elements: _containers.RepeatedScalarFieldContainer[int]
    featurizer_version: str
    license: str
    card_json: str
    review_policy: _review_pb2.ReviewPolicy
    create_time: _timestamp_pb2.Timestamp
    conditions: _containers.RepeatedCompositeFieldContainer[ConditionCard]
    kinds: _containers.RepeatedScalarFieldContainer[_structure_pb2.MaterialKind]
    base: BaseModel
    def __init__(self, stamp: _Optional[_Union[_model_pb2.ModelStamp, _Mapping]] = ..., description: _Optional[str] = ..., aliases: _Optional[_Iterable[str]] = ..., properties: _Optional[_Iterable[_Union[PropertyCard, _Mapping]]] = ..., training_data: _Optional[_Union[TrainingData, _Mapping]] = ..., n_members: _Optional[int] = ..., n_parameters_per_member: _Optional[int] = ..., supported_elements: _Optional[_Iterable[int]] = ..., featurizer_version: _Optional[str] = ..., license: _Optional[str] = ..., card_json: _Optional[str] = ..., review_policy: _Optional[_Union[_review_pb2.ReviewPolicy, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., conditions: _Optional[_Iterable[_Union[ConditionCard, _Mapping]]] = ..., kinds: _Optional[_Iterable[_Union[_structure_pb2.MaterialKind, str]]] = ..., base: _Optional[_Union[BaseModel, _Mapping]] = ...) -> None: ...

class BaseModel(_message.Message):
    __slots__ = ("name", "version", "weights_digest", "is_current")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_DIGEST_FIELD_NUMBER: _ClassVar[int]
    IS_CURRENT_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    weights_digest: str
    is_current: bool
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., weights_digest: _Optional[str] = ..., is_current: _Optional[bool] = ...) -> None: ...

class ConditionCard(_message.Message):
    __slots__ = ("name", "unit", "categories", "low", "high", "n_missing")
    NAME_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    N_MISSING_FIELD_NUMBER: _ClassVar[int]
    name: str
    unit: str
    categories: _containers.RepeatedScalarFieldContainer[str]
    low: float
    high: float
    n_missing: int
    def __init__(self, name: _Optional[str] = ..., unit: _Optional[str] = ..., categories: _Optional[_Iterable[str]] = ..., low: _Optional[float] = ..., high: _Optional[float] = ..., n_missing: _Optional[int] = ...) -> None: ...

class PropertyCard(_message.Message):
    __slots__ = ("definition", "calibration", "metrics")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    DEFINITION_FIELD_NUMBER: _ClassVar[int]
    CALIBRATION_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    definition: _property_pb2.PropertyDefinition
    calibration: _property_pb2.CalibrationStamp
    metrics: _containers.ScalarMap[str, float]
    def __init__(self, definition: _Optional[_Union[_property_pb2.PropertyDefinition, _Mapping]] = ..., calibration: _Optional[_Union[_property_pb2.CalibrationStamp, _Mapping]] = ..., metrics: _Optional[_Mapping[str, float]] = ...) -> None: ...

class TrainingData(_message.Message):
    __slots__ = ("name", "attribution", "license", "n_train", "n_validation", "n_calibration", "n_test", "split")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    LICENSE_FIELD_NUMBER: _ClassVar[int]
    N_TRAIN_FIELD_NUMBER: _ClassVar[int]
    N_VALIDATION_FIELD_NUMBER: _ClassVar[int]
    N_CALIBRATION_FIELD_NUMBER: _ClassVar[int]
    N_TEST_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    name: str
    attribution: str
    license: str
    n_train: int
    n_validation: int
    n_calibration: int
    n_test: int
    split: str
    def __init__(self, name: _Optional[str] = ..., attribution: _Optional[str] = ..., license: _Optional[str] = ..., n_train: _Optional[int] = ..., n_validation: _Optional[int] = ..., n_calibration: _Optional[int] = ..., n_test: _Optional[int] = ..., split: _Optional[str] = ...) -> None: ...
