import datetime

from epitaxy.api.common.v1 import model_pb2 as _model_pb2
from epitaxy.api.common.v1 import structure_pb2 as _structure_pb2
from epitaxy.api.prediction.v1 import prediction_pb2 as _prediction_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ValueEnd(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VALUE_END_UNSPECIFIED: _ClassVar[ValueEnd]
    VALUE_END_VALUE: _ClassVar[ValueEnd]
    VALUE_END_LOWER: _ClassVar[ValueEnd]
    VALUE_END_UPPER: _ClassVar[ValueEnd]

class ConditionComparison(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONDITION_COMPARISON_UNSPECIFIED: _ClassVar[ConditionComparison]
    CONDITION_COMPARISON_LESS: _ClassVar[ConditionComparison]
    CONDITION_COMPARISON_LESS_OR_EQUAL: _ClassVar[ConditionComparison]
    CONDITION_COMPARISON_GREATER: _ClassVar[ConditionComparison]
    CONDITION_COMPARISON_GREATER_OR_EQUAL: _ClassVar[ConditionComparison]
    CONDITION_COMPARISON_EQUAL: _ClassVar[ConditionComparison]

class SearchStage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEARCH_STAGE_UNSPECIFIED: _ClassVar[SearchStage]
    SEARCH_STAGE_SCORING: _ClassVar[SearchStage]
    SEARCH_STAGE_EVALUATING: _ClassVar[SearchStage]
VALUE_END_UNSPECIFIED: ValueEnd
VALUE_END_VALUE: ValueEnd
VALUE_END_LOWER: ValueEnd
VALUE_END_UPPER: ValueEnd
CONDITION_COMPARISON_UNSPECIFIED: ConditionComparison
CONDITION_COMPARISON_LESS: ConditionComparison
CONDITION_COMPARISON_LESS_OR_EQUAL: ConditionComparison
CONDITION_COMPARISON_GREATER: ConditionComparison
CONDITION_COMPARISON_GREATER_OR_EQUAL: ConditionComparison
CONDITION_COMPARISON_EQUAL: ConditionComparison
SEARCH_STAGE_UNSPECIFIED: SearchStage
SEARCH_STAGE_SCORING: SearchStage
SEARCH_STAGE_EVALUATING: SearchStage

class SearchRequest(_message.Message):
    __slots__ = ("begin", "candidates", "end_of_candidates", "structures", "why")
    BEGIN_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    END_OF_CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    STRUCTURES_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    begin: SearchOrder
    candidates: CandidateBlock
    end_of_candidates: EndOfCandidates
    structures: WantedStructures
    why: WhyRequest
    def __init__(self, begin: _Optional[_Union[SearchOrder, _Mapping]] = ..., candidates: _Optional[_Union[CandidateBlock, _Mapping]] = ..., end_of_candidates: _Optional[_Union[EndOfCandidates, _Mapping]] = ..., structures: _Optional[_Union[WantedStructures, _Mapping]] = ..., why: _Optional[_Union[WhyRequest, _Mapping]] = ...) -> None: ...

class SearchResponse(_message.Message):
    __slots__ = ("begun", "wanted", "results", "progress", "summary", "fate")
    BEGUN_FIELD_NUMBER: _ClassVar[int]
    WANTED_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    FATE_FIELD_NUMBER: _ClassVar[int]
    begun: SearchBegun
    wanted: WantedCandidates
    results: _prediction_pb2.ResultBlock
    progress: SearchProgress
    summary: SearchSummary
    fate: CandidateFate
    def __init__(self, begun: _Optional[_Union[SearchBegun, _Mapping]] = ..., wanted: _Optional[_Union[WantedCandidates, _Mapping]] = ..., results: _Optional[_Union[_prediction_pb2.ResultBlock, _Mapping]] = ..., progress: _Optional[_Union[SearchProgress, _Mapping]] = ..., summary: _Optional[_Union[SearchSummary, _Mapping]] = ..., fate: _Optional[_Union[CandidateFate, _Mapping]] = ...) -> None: ...

class SearchOrder(_message.Message):
    __slots__ = ("options", "best", "goal", "where", "recall", "in_domain", "per_formula", "n_candidates", "seed")
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    BEST_FIELD_NUMBER: _ClassVar[int]
    GOAL_FIELD_NUMBER: _ClassVar[int]
    WHERE_FIELD_NUMBER: _ClassVar[int]
    RECALL_FIELD_NUMBER: _ClassVar[int]
    IN_DOMAIN_FIELD_NUMBER: _ClassVar[int]
    PER_FORMULA_FIELD_NUMBER: _ClassVar[int]
    N_CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    options: _prediction_pb2.PredictionOptions
    best: int
    goal: SearchGoal
    where: _containers.RepeatedCompositeFieldContainer[SearchCondition]
    recall: float
    in_domain: bool
    per_formula: int
    n_candidates: int
    seed: int
    def __init__(self, options: _Optional[_Union[_prediction_pb2.PredictionOptions, _Mapping]] = ..., best: _Optional[int] = ..., goal: _Optional[_Union[SearchGoal, _Mapping]] = ..., where: _Optional[_Iterable[_Union[SearchCondition, _Mapping]]] = ..., recall: _Optional[float] = ..., in_domain: _Optional[bool] = ..., per_formula: _Optional[int] = ..., n_candidates: _Optional[int] = ..., seed: _Optional[int] = ...) -> None: ...

class SearchQuantity(_message.Message):
    __slots__ = ("property", "end")
    PROPERTY_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    property: str
    end: ValueEnd
    def __init__(self, property: _Optional[str] = ..., end: _Optional[_Union[ValueEnd, str]] = ...) -> None: ...

class SearchGoal(_message.Message):
    __slots__ = ("quantity", "maximize", "minimize", "match")
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    MAXIMIZE_FIELD_NUMBER: _ClassVar[int]
    MINIMIZE_FIELD_NUMBER: _ClassVar[int]
    MATCH_FIELD_NUMBER: _ClassVar[int]
    quantity: SearchQuantity
    maximize: Maximize
    minimize: Minimize
    match: float
    def __init__(self, quantity: _Optional[_Union[SearchQuantity, _Mapping]] = ..., maximize: _Optional[_Union[Maximize, _Mapping]] = ..., minimize: _Optional[_Union[Minimize, _Mapping]] = ..., match: _Optional[float] = ...) -> None: ...

class Maximize(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Minimize(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SearchCondition(_message.Message):
    __slots__ = ("quantity", "comparison", "bound")
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    COMPARISON_FIELD_NUMBER: _ClassVar[int]
    BOUND_FIELD_NUMBER: _ClassVar[int]
    quantity: SearchQuantity
    comparison: ConditionComparison
    bound: float
    def __init__(self, quantity: _Optional[_Union[SearchQuantity, _Mapping]] = ..., comparison: _Optional[_Union[ConditionComparison, str]] = ..., bound: _Optional[float] = ...) -> None: ...

class CandidateBlock(_message.Message):
    __slots__ = ("columns", "structures")
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    STRUCTURES_FIELD_NUMBER: _ClassVar[int]
    columns: CandidateColumns
    structures: CandidateStructures
    def __init__(self, columns: _Optional[_Union[CandidateColumns, _Mapping]] = ..., structures: _Optional[_Union[CandidateStructures, _Mapping]] = ...) -> None: ...

class CandidateColumns(_message.Message):
    __slots__ = ("n_elements", "atomic_numbers", "amounts", "volumes", "n_sites")
    N_ELEMENTS_FIELD_NUMBER: _ClassVar[int]
    ATOMIC_NUMBERS_FIELD_NUMBER: _ClassVar[int]
    AMOUNTS_FIELD_NUMBER: _ClassVar[int]
    VOLUMES_FIELD_NUMBER: _ClassVar[int]
    N_SITES_FIELD_NUMBER: _ClassVar[int]
    n_elements: bytes
    atomic_numbers: bytes
    amounts: bytes
    volumes: bytes
    n_sites: bytes
    def __init__(self, n_elements: _Optional[bytes] = ..., atomic_numbers: _Optional[bytes] = ..., amounts: _Optional[bytes] = ..., volumes: _Optional[bytes] = ..., n_sites: _Optional[bytes] = ...) -> None: ...

class CandidateStructures(_message.Message):
    __slots__ = ("structures",)
    STRUCTURES_FIELD_NUMBER: _ClassVar[int]
    structures: _containers.RepeatedCompositeFieldContainer[_structure_pb2.StructureInput]
    def __init__(self, structures: _Optional[_Iterable[_Union[_structure_pb2.StructureInput, _Mapping]]] = ...) -> None: ...

class EndOfCandidates(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WantedCandidates(_message.Message):
    __slots__ = ("sequence", "indices")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    INDICES_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    indices: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, sequence: _Optional[int] = ..., indices: _Optional[_Iterable[int]] = ...) -> None: ...

class WantedStructures(_message.Message):
    __slots__ = ("sequence", "structures")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    STRUCTURES_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    structures: _containers.RepeatedCompositeFieldContainer[_structure_pb2.StructureInput]
    def __init__(self, sequence: _Optional[int] = ..., structures: _Optional[_Iterable[_Union[_structure_pb2.StructureInput, _Mapping]]] = ...) -> None: ...

class WhyRequest(_message.Message):
    __slots__ = ("index",)
    INDEX_FIELD_NUMBER: _ClassVar[int]
    index: int
    def __init__(self, index: _Optional[int] = ...) -> None: ...

class SearchBegun(_message.Message):
    __slots__ = ("model", "has_students", "reason")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    HAS_STUDENTS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    model: _model_pb2.ModelStamp
    has_students: bool
    reason: str
    def __init__(self, model: _Optional[_Union[_model_pb2.ModelStamp, _Mapping]] = ..., has_students: _Optional[bool] = ..., reason: _Optional[str] = ...) -> None: ...

class SearchProgress(_message.Message):
    __slots__ = ("stage", "seen", "scored", "evaluated", "dropped_share", "threshold", "expected_missed", "per_second", "eta_duration")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    SEEN_FIELD_NUMBER: _ClassVar[int]
    SCORED_FIELD_NUMBER: _ClassVar[int]
    EVALUATED_FIELD_NUMBER: _ClassVar[int]
    DROPPED_SHARE_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_MISSED_FIELD_NUMBER: _ClassVar[int]
    PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    ETA_DURATION_FIELD_NUMBER: _ClassVar[int]
    stage: SearchStage
    seen: int
    scored: int
    evaluated: int
    dropped_share: float
    threshold: float
    expected_missed: float
    per_second: float
    eta_duration: _duration_pb2.Duration
    def __init__(self, stage: _Optional[_Union[SearchStage, str]] = ..., seen: _Optional[int] = ..., scored: _Optional[int] = ..., evaluated: _Optional[int] = ..., dropped_share: _Optional[float] = ..., threshold: _Optional[float] = ..., expected_missed: _Optional[float] = ..., per_second: _Optional[float] = ..., eta_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class SearchSummary(_message.Message):
    __slots__ = ("best", "n_candidates", "n_evaluated", "counts", "errors_by_reason", "n_eligible", "n_dropped", "n_surveyed", "n_audited", "audit_hits", "share_evaluated", "expected_missed", "recall_estimate", "recall_low", "recall_high", "recall_target", "threshold", "student_correlation", "notes", "elapsed_duration")
    class ErrorsByReasonEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    BEST_FIELD_NUMBER: _ClassVar[int]
    N_CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    N_EVALUATED_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    ERRORS_BY_REASON_FIELD_NUMBER: _ClassVar[int]
    N_ELIGIBLE_FIELD_NUMBER: _ClassVar[int]
    N_DROPPED_FIELD_NUMBER: _ClassVar[int]
    N_SURVEYED_FIELD_NUMBER: _ClassVar[int]
    N_AUDITED_FIELD_NUMBER: _ClassVar[int]
    AUDIT_HITS_FIELD_NUMBER: _ClassVar[int]
    SHARE_EVALUATED_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_MISSED_FIELD_NUMBER: _ClassVar[int]
    RECALL_ESTIMATE_FIELD_NUMBER: _ClassVar[int]
    RECALL_LOW_FIELD_NUMBER: _ClassVar[int]
    RECALL_HIGH_FIELD_NUMBER: _ClassVar[int]
    RECALL_TARGET_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    STUDENT_CORRELATION_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_DURATION_FIELD_NUMBER: _ClassVar[int]
    best: _containers.RepeatedScalarFieldContainer[int]
    n_candidates: int
    n_evaluated: int
    counts: _prediction_pb2.OutcomeCounts
    errors_by_reason: _containers.ScalarMap[str, int]
    n_eligible: int
    n_dropped: int
    n_surveyed: int
    n_audited: int
    audit_hits: int
    share_evaluated: float
    expected_missed: float
    recall_estimate: float
    recall_low: float
    recall_high: float
    recall_target: float
    threshold: float
    student_correlation: float
    notes: _containers.RepeatedScalarFieldContainer[str]
    elapsed_duration: _duration_pb2.Duration
    def __init__(self, best: _Optional[_Iterable[int]] = ..., n_candidates: _Optional[int] = ..., n_evaluated: _Optional[int] = ..., counts: _Optional[_Union[_prediction_pb2.OutcomeCounts, _Mapping]] = ..., errors_by_reason: _Optional[_Mapping[str, int]] = ..., n_eligible: _Optional[int] = ..., n_dropped: _Optional[int] = ..., n_surveyed: _Optional[int] = ..., n_audited: _Optional[int] = ..., audit_hits: _Optional[int] = ..., share_evaluated: _Optional[float] = ..., expected_missed: _Optional[float] = ..., recall_estimate: _Optional[float] = ..., recall_low: _Optional[float] = ..., recall_high: _Optional[float] = ..., recall_target: _Optional[float] = ..., threshold: _Optional[float] = ..., student_correlation: _Optional[float] = ..., notes: _Optional[_Iterable[str]] = ..., elapsed_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class CandidateFate(_message.Message):
    __slots__ = ("index", "fate", "student_value", "student_scale", "chance", "threshold", "words")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    FATE_FIELD_NUMBER: _ClassVar[int]
    STUDENT_VALUE_FIELD_NUMBER: _ClassVar[int]
    STUDENT_SCALE_FIELD_NUMBER: _ClassVar[int]
    CHANCE_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    index: int
    fate: str
    student_value: float
    student_scale: float
    chance: float
    threshold: float
    words: str
    def __init__(self, index: _Optional[int] = ..., fate: _Optional[str] = ..., student_value: _Optional[float] = ..., student_scale: _Optional[float] = ..., chance: _Optional[float] = ..., threshold: _Optional[float] = ..., words: _Optional[str] = ...) -> None: ...
