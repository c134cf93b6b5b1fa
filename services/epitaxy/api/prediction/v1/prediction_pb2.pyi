import datetime

from epitaxy.api.common.v1 import model_pb2 as _model_pb2
from epitaxy.api.common.v1 import property_pb2 as _property_pb2
from epitaxy.api.common.v1 import review_pb2 as _review_pb2
from epitaxy.api.common.v1 import structure_pb2 as _structure_pb2
from epitaxy.api.prediction.v1 import columns_pb2 as _columns_pb2
from epitaxy.api.prediction.v1 import explanation_pb2 as _explanation_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AnswerForm(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ANSWER_FORM_UNSPECIFIED: _ClassVar[AnswerForm]
    ANSWER_FORM_ITEMS: _ClassVar[AnswerForm]
    ANSWER_FORM_COLUMNS: _ClassVar[AnswerForm]

class DomainVerdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DOMAIN_VERDICT_UNSPECIFIED: _ClassVar[DomainVerdict]
    DOMAIN_VERDICT_IN_DOMAIN: _ClassVar[DomainVerdict]
    DOMAIN_VERDICT_BORDERLINE: _ClassVar[DomainVerdict]
    DOMAIN_VERDICT_OUT_OF_DOMAIN: _ClassVar[DomainVerdict]
ANSWER_FORM_UNSPECIFIED: AnswerForm
ANSWER_FORM_ITEMS: AnswerForm
ANSWER_FORM_COLUMNS: AnswerForm
DOMAIN_VERDICT_UNSPECIFIED: DomainVerdict
DOMAIN_VERDICT_IN_DOMAIN: DomainVerdict
DOMAIN_VERDICT_BORDERLINE: DomainVerdict
DOMAIN_VERDICT_OUT_OF_DOMAIN: DomainVerdict

class PredictionOptions(_message.Message):
    __slots__ = ("model", "properties", "coverage", "bypass_cache", "answer_form")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    BYPASS_CACHE_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FORM_FIELD_NUMBER: _ClassVar[int]
    model: _model_pb2.ModelSelector
    properties: _containers.RepeatedScalarFieldContainer[str]
    coverage: float
    bypass_cache: bool
    answer_form: AnswerForm
    def __init__(self, model: _Optional[_Union[_model_pb2.ModelSelector, _Mapping]] = ..., properties: _Optional[_Iterable[str]] = ..., coverage: _Optional[float] = ..., bypass_cache: _Optional[bool] = ..., answer_form: _Optional[_Union[AnswerForm, str]] = ...) -> None: ...

class PredictRequest(_message.Message):
    __slots__ = ("options", "structures")
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    STRUCTURES_FIELD_NUMBER: _ClassVar[int]
    options: PredictionOptions
    structures: _containers.RepeatedCompositeFieldContainer[_structure_pb2.StructureInput]
    def __init__(self, options: _Optional[_Union[PredictionOptions, _Mapping]] = ..., structures: _Optional[_Iterable[_Union[_structure_pb2.StructureInput, _Mapping]]] = ...) -> None: ...

class PredictResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: ResultBlock
    def __init__(self, results: _Optional[_Union[ResultBlock, _Mapping]] = ...) -> None: ...

class ScreenRequest(_message.Message):
    __slots__ = ("options", "structures", "sequence")
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    STRUCTURES_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    options: PredictionOptions
    structures: _containers.RepeatedCompositeFieldContainer[_structure_pb2.StructureInput]
    sequence: int
    def __init__(self, options: _Optional[_Union[PredictionOptions, _Mapping]] = ..., structures: _Optional[_Iterable[_Union[_structure_pb2.StructureInput, _Mapping]]] = ..., sequence: _Optional[int] = ...) -> None: ...

class ScreenResponse(_message.Message):
    __slots__ = ("results", "summary")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    results: ResultBlock
    summary: ScreenSummary
    def __init__(self, results: _Optional[_Union[ResultBlock, _Mapping]] = ..., summary: _Optional[_Union[ScreenSummary, _Mapping]] = ...) -> None: ...

class ResultBlock(_message.Message):
    __slots__ = ("sequence", "model", "properties", "results", "counts", "columns")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    model: _model_pb2.ModelStamp
    properties: _containers.RepeatedCompositeFieldContainer[PropertyStamp]
    results: _containers.RepeatedCompositeFieldContainer[StructureResult]
    counts: OutcomeCounts
    columns: _columns_pb2.ResultColumns
    def __init__(self, sequence: _Optional[int] = ..., model: _Optional[_Union[_model_pb2.ModelStamp, _Mapping]] = ..., properties: _Optional[_Iterable[_Union[PropertyStamp, _Mapping]]] = ..., results: _Optional[_Iterable[_Union[StructureResult, _Mapping]]] = ..., counts: _Optional[_Union[OutcomeCounts, _Mapping]] = ..., columns: _Optional[_Union[_columns_pb2.ResultColumns, _Mapping]] = ...) -> None: ...

class PropertyStamp(_message.Message):
    __slots__ = ("definition", "calibration", "model")
    DEFINITION_FIELD_NUMBER: _ClassVar[int]
    CALIBRATION_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    definition: _property_pb2.PropertyDefinition
    calibration: _property_pb2.CalibrationStamp
    model: _model_pb2.ModelStamp
    def __init__(self, definition: _Optional[_Union[_property_pb2.PropertyDefinition, _Mapping]] = ..., calibration: _Optional[_Union[_property_pb2.CalibrationStamp, _Mapping]] = ..., model: _Optional[_Union[_model_pb2.ModelStamp, _Mapping]] = ...) -> None: ...

class StructureResult(_message.Message):
    __slots__ = ("id", "prediction", "error")
    ID_FIELD_NUMBER: _ClassVar[int]
    PREDICTION_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    id: str
    prediction: StructurePrediction
    error: _structure_pb2.ItemError
    def __init__(self, id: _Optional[str] = ..., prediction: _Optional[_Union[StructurePrediction, _Mapping]] = ..., error: _Optional[_Union[_structure_pb2.ItemError, _Mapping]] = ...) -> None: ...

class StructurePrediction(_message.Message):
    __slots__ = ("reduced_formula", "n_sites", "values", "domain", "cache_hit", "repairs", "review", "notes")
    REDUCED_FORMULA_FIELD_NUMBER: _ClassVar[int]
    N_SITES_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_FIELD_NUMBER: _ClassVar[int]
    CACHE_HIT_FIELD_NUMBER: _ClassVar[int]
    REPAIRS_FIELD_NUMBER: _ClassVar[int]
    REVIEW_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    reduced_formula: str
    n_sites: int
    values: _containers.RepeatedCompositeFieldContainer[PropertyValue]
    domain: DomainAssessment
    cache_hit: bool
    repairs: _containers.RepeatedCompositeFieldContainer[_structure_pb2.Repair]
    review: _review_pb2.ReviewDecision
    notes: _containers.RepeatedCompositeFieldContainer[_structure_pb2.Note]
    def __init__(self, reduced_formula: _Optional[str] = ..., n_sites: _Optional[int] = ..., values: _Optional[_Iterable[_Union[PropertyValue, _Mapping]]] = ..., domain: _Optional[_Union[DomainAssessment, _Mapping]] = ..., cache_hit: _Optional[bool] = ..., repairs: _Optional[_Iterable[_Union[_structure_pb2.Repair, _Mapping]]] = ..., review: _Optional[_Union[_review_pb2.ReviewDecision, _Mapping]] = ..., notes: _Optional[_Iterable[_Union[_structure_pb2.Note, _Mapping]]] = ...) -> None: ...

class PropertyValue(_message.Message):
    __slots__ = ("property_index", "value", "epistemic_std", "aleatoric_std", "interval", "std")
    PROPERTY_INDEX_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    EPISTEMIC_STD_FIELD_NUMBER: _ClassVar[int]
    ALEATORIC_STD_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    STD_FIELD_NUMBER: _ClassVar[int]
    property_index: int
    value: float
    epistemic_std: float
    aleatoric_std: float
    interval: _property_pb2.PredictionInterval
    std: float
    def __init__(self, property_index: _Optional[int] = ..., value: _Optional[float] = ..., epistemic_std: _Optional[float] = ..., aleatoric_std: _Optional[float] = ..., interval: _Optional[_Union[_property_pb2.PredictionInterval, _Mapping]] = ..., std: _Optional[float] = ...) -> None: ...

class DomainAssessment(_message.Message):
    __slots__ = ("score", "verdict", "reason")
    SCORE_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    score: float
    verdict: DomainVerdict
    reason: str
    def __init__(self, score: _Optional[float] = ..., verdict: _Optional[_Union[DomainVerdict, str]] = ..., reason: _Optional[str] = ...) -> None: ...

class OutcomeCounts(_message.Message):
    __slots__ = ("answered", "refused", "failed", "cache_hits")
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    CACHE_HITS_FIELD_NUMBER: _ClassVar[int]
    answered: int
    refused: int
    failed: int
    cache_hits: int
    def __init__(self, answered: _Optional[int] = ..., refused: _Optional[int] = ..., failed: _Optional[int] = ..., cache_hits: _Optional[int] = ...) -> None: ...

class ScreenSummary(_message.Message):
    __slots__ = ("counts", "errors_by_reason", "domain_verdicts", "elapsed_duration", "review_verdicts")
    class ErrorsByReasonEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class DomainVerdictsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class ReviewVerdictsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    ERRORS_BY_REASON_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_VERDICTS_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_DURATION_FIELD_NUMBER: _ClassVar[int]
    REVIEW_VERDICTS_FIELD_NUMBER: _ClassVar[int]
    counts: OutcomeCounts
    errors_by_reason: _containers.ScalarMap[str, int]
    domain_verdicts: _containers.ScalarMap[str, int]
    elapsed_duration: _duration_pb2.Duration
    review_verdicts: _containers.ScalarMap[str, int]
    def __init__(self, counts: _Optional[_Union[OutcomeCounts, _Mapping]] = ..., errors_by_reason: _Optional[_Mapping[str, int]] = ..., domain_verdicts: _Optional[_Mapping[str, int]] = ..., elapsed_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., review_verdicts: _Optional[_Mapping[str, int]] = ...) -> None: ...

class EmbedRequest(_message.Message):
    __slots__ = ("model", "structures")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    STRUCTURES_FIELD_NUMBER: _ClassVar[int]
    model: _model_pb2.ModelSelector
    structures: _containers.RepeatedCompositeFieldContainer[_structure_pb2.StructureInput]
    def __init__(self, model: _Optional[_Union[_model_pb2.ModelSelector, _Mapping]] = ..., structures: _Optional[_Iterable[_Union[_structure_pb2.StructureInput, _Mapping]]] = ...) -> None: ...

class EmbedResponse(_message.Message):
    __slots__ = ("model", "dimension", "embeddings")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    DIMENSION_FIELD_NUMBER: _ClassVar[int]
    EMBEDDINGS_FIELD_NUMBER: _ClassVar[int]
    model: _model_pb2.ModelStamp
    dimension: int
    embeddings: _containers.RepeatedCompositeFieldContainer[StructureEmbedding]
    def __init__(self, model: _Optional[_Union[_model_pb2.ModelStamp, _Mapping]] = ..., dimension: _Optional[int] = ..., embeddings: _Optional[_Iterable[_Union[StructureEmbedding, _Mapping]]] = ...) -> None: ...

class StructureEmbedding(_message.Message):
    __slots__ = ("id", "embedding", "error", "cache_hit")
    ID_FIELD_NUMBER: _ClassVar[int]
    EMBEDDING_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CACHE_HIT_FIELD_NUMBER: _ClassVar[int]
    id: str
    embedding: bytes
    error: _structure_pb2.ItemError
    cache_hit: bool
    def __init__(self, id: _Optional[str] = ..., embedding: _Optional[bytes] = ..., error: _Optional[_Union[_structure_pb2.ItemError, _Mapping]] = ..., cache_hit: _Optional[bool] = ...) -> None: ...
