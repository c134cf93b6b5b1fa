from epitaxy.api.common.v1 import model_pb2 as _model_pb2
from epitaxy.api.common.v1 import property_pb2 as _property_pb2
from epitaxy.api.common.v1 import structure_pb2 as _structure_pb2
from epitaxy.api.models.v1 import models_pb2 as _models_pb2
from epitaxy.api.prediction.v1 import explanation_pb2 as _explanation_pb2
from epitaxy.api.prediction.v1 import prediction_pb2 as _prediction_pb2
from epitaxy.api.prediction.v1 import search_pb2 as _search_pb2
from epitaxy.api.prediction.v1 import structures_pb2 as _structures_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EvaluateRequest(_message.Message):
    __slots__ = ("options", "structures", "sequence")
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    STRUCTURES_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    options: _prediction_pb2.PredictionOptions
    structures: _containers.RepeatedCompositeFieldContainer[_structure_pb2.StructureInput]
    sequence: int
    def __init__(self, options: _Optional[_Union[_prediction_pb2.PredictionOptions, _Mapping]] = ..., structures: _Optional[_Iterable[_Union[_structure_pb2.StructureInput, _Mapping]]] = ..., sequence: _Optional[int] = ...) -> None: ...

class EvaluateResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _prediction_pb2.ResultBlock
    def __init__(self, results: _Optional[_Union[_prediction_pb2.ResultBlock, _Mapping]] = ...) -> None: ...

class EmbedBlockRequest(_message.Message):
    __slots__ = ("model", "structures")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    STRUCTURES_FIELD_NUMBER: _ClassVar[int]
    model: _model_pb2.ModelSelector
    structures: _containers.RepeatedCompositeFieldContainer[_structure_pb2.StructureInput]
    def __init__(self, model: _Optional[_Union[_model_pb2.ModelSelector, _Mapping]] = ..., structures: _Optional[_Iterable[_Union[_structure_pb2.StructureInput, _Mapping]]] = ...) -> None: ...

class EmbedBlockResponse(_message.Message):
    __slots__ = ("model", "dimension", "embeddings")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    DIMENSION_FIELD_NUMBER: _ClassVar[int]
    EMBEDDINGS_FIELD_NUMBER: _ClassVar[int]
    model: _model_pb2.ModelStamp
    dimension: int
    embeddings: _containers.RepeatedCompositeFieldContainer[_prediction_pb2.StructureEmbedding]
    def __init__(self, model: _Optional[_Union[_model_pb2.ModelStamp, _Mapping]] = ..., dimension: _Optional[int] = ..., embeddings: _Optional[_Iterable[_Union[_prediction_pb2.StructureEmbedding, _Mapping]]] = ...) -> None: ...

class ExplainBlockRequest(_message.Message):
    __slots__ = ("model", "property", "structures", "n_nearest")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROPERTY_FIELD_NUMBER: _ClassVar[int]
    STRUCTURES_FIELD_NUMBER: _ClassVar[int]
    N_NEAREST_FIELD_NUMBER: _ClassVar[int]
    model: _model_pb2.ModelSelector
    property: str
    structures: _containers.RepeatedCompositeFieldContainer[_structure_pb2.StructureInput]
    n_nearest: int
    def __init__(self, model: _Optional[_Union[_model_pb2.ModelSelector, _Mapping]] = ..., property: _Optional[str] = ..., structures: _Optional[_Iterable[_Union[_structure_pb2.StructureInput, _Mapping]]] = ..., n_nearest: _Optional[int] = ...) -> None: ...

class ExplainBlockResponse(_message.Message):
    __slots__ = ("model", "property", "results")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROPERTY_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    model: _model_pb2.ModelStamp
    property: _property_pb2.PropertyDefinition
    results: _containers.RepeatedCompositeFieldContainer[_explanation_pb2.ExplanationResult]
    def __init__(self, model: _Optional[_Union[_model_pb2.ModelStamp, _Mapping]] = ..., property: _Optional[_Union[_property_pb2.PropertyDefinition, _Mapping]] = ..., results: _Optional[_Iterable[_Union[_explanation_pb2.ExplanationResult, _Mapping]]] = ...) -> None: ...

class FeaturizeBlockRequest(_message.Message):
    __slots__ = ("model", "structures")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    STRUCTURES_FIELD_NUMBER: _ClassVar[int]
    model: _model_pb2.ModelSelector
    structures: _containers.RepeatedCompositeFieldContainer[_structure_pb2.StructureInput]
    def __init__(self, model: _Optional[_Union[_model_pb2.ModelSelector, _Mapping]] = ..., structures: _Optional[_Iterable[_Union[_structure_pb2.StructureInput, _Mapping]]] = ...) -> None: ...

class FeaturizeBlockResponse(_message.Message):
    __slots__ = ("model", "weights_digest", "structures", "blocks", "estimates")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_DIGEST_FIELD_NUMBER: _ClassVar[int]
    STRUCTURES_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATES_FIELD_NUMBER: _ClassVar[int]
    model: _model_pb2.ModelStamp
    weights_digest: str
    structures: _containers.RepeatedCompositeFieldContainer[FeaturizedStructure]
    blocks: _containers.RepeatedCompositeFieldContainer[FeatureBlock]
    estimates: _containers.RepeatedCompositeFieldContainer[EstimateColumn]
    def __init__(self, model: _Optional[_Union[_model_pb2.ModelStamp, _Mapping]] = ..., weights_digest: _Optional[str] = ..., structures: _Optional[_Iterable[_Union[FeaturizedStructure, _Mapping]]] = ..., blocks: _Optional[_Iterable[_Union[FeatureBlock, _Mapping]]] = ..., estimates: _Optional[_Iterable[_Union[EstimateColumn, _Mapping]]] = ...) -> None: ...

class FeaturizedStructure(_message.Message):
    __slots__ = ("id", "error", "key", "reduced_formula", "elements", "domain_score", "domain_verdict", "review_verdict")
    ID_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    REDUCED_FORMULA_FIELD_NUMBER: _ClassVar[int]
    ELEMENTS_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_SCORE_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_VERDICT_FIELD_NUMBER: _ClassVar[int]
    REVIEW_VERDICT_FIELD_NUMBER: _ClassVar[int]
    id: str
    error: _structure_pb2.ItemError
    key: bytes
    reduced_formula: str
    elements: bytes
    domain_score: float
    domain_verdict: str
    review_verdict: str
    def __init__(self, id: _Optional[str] = ..., error: _Optional[_Union[_structure_pb2.ItemError, _Mapping]] = ..., key: _Optional[bytes] = ..., reduced_formula: _Optional[str] = ..., elements: _Optional[bytes] = ..., domain_score: _Optional[float] = ..., domain_verdict: _Optional[str] = ..., review_verdict: _Optional[str] = ...) -> None: ...

class FeatureBlock(_message.Message):
    __slots__ = ("name", "width", "values", "columns")
    NAME_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    name: str
    width: int
    values: bytes
    columns: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., width: _Optional[int] = ..., values: _Optional[bytes] = ..., columns: _Optional[_Iterable[str]] = ...) -> None: ...

class EstimateColumn(_message.Message):
    __slots__ = ("property", "values", "stds")
    PROPERTY_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    STDS_FIELD_NUMBER: _ClassVar[int]
    property: _property_pb2.PropertyDefinition
    values: bytes
    stds: bytes
    def __init__(self, property: _Optional[_Union[_property_pb2.PropertyDefinition, _Mapping]] = ..., values: _Optional[bytes] = ..., stds: _Optional[bytes] = ...) -> None: ...

class ScoreCandidatesRequest(_message.Message):
    __slots__ = ("options", "quantities", "candidates", "wants_tables")
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    QUANTITIES_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    WANTS_TABLES_FIELD_NUMBER: _ClassVar[int]
    options: _prediction_pb2.PredictionOptions
    quantities: _containers.RepeatedCompositeFieldContainer[_search_pb2.SearchQuantity]
    candidates: _search_pb2.CandidateBlock
    wants_tables: bool
    def __init__(self, options: _Optional[_Union[_prediction_pb2.PredictionOptions, _Mapping]] = ..., quantities: _Optional[_Iterable[_Union[_search_pb2.SearchQuantity, _Mapping]]] = ..., candidates: _Optional[_Union[_search_pb2.CandidateBlock, _Mapping]] = ..., wants_tables: _Optional[bool] = ...) -> None: ...

class ScoreCandidatesResponse(_message.Message):
    __slots__ = ("model", "has_students", "reason", "scores", "tables")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    HAS_STUDENTS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    TABLES_FIELD_NUMBER: _ClassVar[int]
    model: _model_pb2.ModelStamp
    has_students: bool
    reason: str
    scores: _containers.RepeatedCompositeFieldContainer[ScoreColumn]
    tables: _containers.RepeatedCompositeFieldContainer[ErrorTable]
    def __init__(self, model: _Optional[_Union[_model_pb2.ModelStamp, _Mapping]] = ..., has_students: _Optional[bool] = ..., reason: _Optional[str] = ..., scores: _Optional[_Iterable[_Union[ScoreColumn, _Mapping]]] = ..., tables: _Optional[_Iterable[_Union[ErrorTable, _Mapping]]] = ...) -> None: ...

class ScoreColumn(_message.Message):
    __slots__ = ("values", "scales")
    VALUES_FIELD_NUMBER: _ClassVar[int]
    SCALES_FIELD_NUMBER: _ClassVar[int]
    values: bytes
    scales: bytes
    def __init__(self, values: _Optional[bytes] = ..., scales: _Optional[bytes] = ...) -> None: ...

class ErrorTable(_message.Message):
    __slots__ = ("residuals", "lower_bound", "upper_bound")
    RESIDUALS_FIELD_NUMBER: _ClassVar[int]
    LOWER_BOUND_FIELD_NUMBER: _ClassVar[int]
    UPPER_BOUND_FIELD_NUMBER: _ClassVar[int]
    residuals: bytes
    lower_bound: float
    upper_bound: float
    def __init__(self, residuals: _Optional[bytes] = ..., lower_bound: _Optional[float] = ..., upper_bound: _Optional[float] = ...) -> None: ...

class ValidateBlockRequest(_message.Message):
    __slots__ = ("structures",)
    STRUCTURES_FIELD_NUMBER: _ClassVar[int]
    structures: _containers.RepeatedCompositeFieldContainer[_structure_pb2.StructureInput]
    def __init__(self, structures: _Optional[_Iterable[_Union[_structure_pb2.StructureInput, _Mapping]]] = ...) -> None: ...

class ValidateBlockResponse(_message.Message):
    __slots__ = ("reports",)
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    reports: _containers.RepeatedCompositeFieldContainer[_structures_pb2.IntakeReport]
    def __init__(self, reports: _Optional[_Iterable[_Union[_structures_pb2.IntakeReport, _Mapping]]] = ...) -> None: ...

class ListServedModelsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListServedModelsResponse(_message.Message):
    __slots__ = ("models", "next_page_token")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[_models_pb2.ModelCard]
    next_page_token: str
    def __init__(self, models: _Optional[_Iterable[_Union[_models_pb2.ModelCard, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetServedModelRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: _model_pb2.ModelSelector
    def __init__(self, model: _Optional[_Union[_model_pb2.ModelSelector, _Mapping]] = ...) -> None: ...

class GetServedModelResponse(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: _models_pb2.ModelCard
    def __init__(self, model: _Optional[_Union[_models_pb2.ModelCard, _Mapping]] = ...) -> None: ...
