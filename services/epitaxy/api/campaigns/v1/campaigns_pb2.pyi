import datetime

from epitaxy.api.common.v1 import structure_pb2 as _structure_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CampaignState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CAMPAIGN_STATE_UNSPECIFIED: _ClassVar[CampaignState]
    CAMPAIGN_STATE_COLLECTING: _ClassVar[CampaignState]
    CAMPAIGN_STATE_PREPARING: _ClassVar[CampaignState]
    CAMPAIGN_STATE_ACTIVE: _ClassVar[CampaignState]
    CAMPAIGN_STATE_PAUSED: _ClassVar[CampaignState]
    CAMPAIGN_STATE_CLOSED: _ClassVar[CampaignState]
    CAMPAIGN_STATE_FAILED: _ClassVar[CampaignState]

class Goal(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GOAL_UNSPECIFIED: _ClassVar[Goal]
    GOAL_MAXIMIZE: _ClassVar[Goal]
    GOAL_MINIMIZE: _ClassVar[Goal]
    GOAL_MATCH: _ClassVar[Goal]
    GOAL_BAND: _ClassVar[Goal]

class Start(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    START_UNSPECIFIED: _ClassVar[Start]
    START_AUTO: _ClassVar[Start]
    START_HEAD: _ClassVar[Start]
    START_DIVERSE: _ClassVar[Start]
    START_RANDOM: _ClassVar[Start]

class Acquisition(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACQUISITION_UNSPECIFIED: _ClassVar[Acquisition]
    ACQUISITION_EXPECTED_IMPROVEMENT: _ClassVar[Acquisition]
    ACQUISITION_UPPER_CONFIDENCE_BOUND: _ClassVar[Acquisition]
    ACQUISITION_THOMPSON: _ClassVar[Acquisition]
    ACQUISITION_LARGEST_UNCERTAINTY: _ClassVar[Acquisition]
    ACQUISITION_GREEDY: _ClassVar[Acquisition]
    ACQUISITION_RANDOM: _ClassVar[Acquisition]

class ResultStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RESULT_STATUS_UNSPECIFIED: _ClassVar[ResultStatus]
    RESULT_STATUS_MEASURED: _ClassVar[ResultStatus]
    RESULT_STATUS_FAILED: _ClassVar[ResultStatus]
    RESULT_STATUS_ABANDONED: _ClassVar[ResultStatus]

class Advice(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ADVICE_UNSPECIFIED: _ClassVar[Advice]
    ADVICE_GO_ON: _ClassVar[Advice]
    ADVICE_STOP: _ClassVar[Advice]
    ADVICE_REPLICATE: _ClassVar[Advice]

class ReportOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REPORT_OUTCOME_UNSPECIFIED: _ClassVar[ReportOutcome]
    REPORT_OUTCOME_RECORDED: _ClassVar[ReportOutcome]
    REPORT_OUTCOME_REPEATED: _ClassVar[ReportOutcome]
    REPORT_OUTCOME_RECORDED_LATE: _ClassVar[ReportOutcome]
    REPORT_OUTCOME_REFUSED: _ClassVar[ReportOutcome]

class ExportFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXPORT_FORMAT_UNSPECIFIED: _ClassVar[ExportFormat]
    EXPORT_FORMAT_JSON: _ClassVar[ExportFormat]
    EXPORT_FORMAT_HTML: _ClassVar[ExportFormat]
CAMPAIGN_STATE_UNSPECIFIED: CampaignState
CAMPAIGN_STATE_COLLECTING: CampaignState
CAMPAIGN_STATE_PREPARING: CampaignState
CAMPAIGN_STATE_ACTIVE: CampaignState
CAMPAIGN_STATE_PAUSED: CampaignState
CAMPAIGN_STATE_CLOSED: CampaignState
CAMPAIGN_STATE_FAILED: CampaignState
GOAL_UNSPECIFIED: Goal
GOAL_MAXIMIZE: Goal
GOAL_MINIMIZE: Goal
GOAL_MATCH: Goal
GOAL_BAND: Goal
START_UNSPECIFIED: Start
START_AUTO: Start
START_HEAD: Start
START_DIVERSE: Start
START_RANDOM: Start
ACQUISITION_UNSPECIFIED: Acquisition
ACQUISITION_EXPECTED_IMPROVEMENT: Acquisition
ACQUISITION_UPPER_CONFIDENCE_BOUND: Acquisition
ACQUISITION_THOMPSON: Acquisition
ACQUISITION_LARGEST_UNCERTAINTY: Acquisition
ACQUISITION_GREEDY: Acquisition
ACQUISITION_RANDOM: Acquisition
RESULT_STATUS_UNSPECIFIED: ResultStatus
RESULT_STATUS_MEASURED: ResultStatus
RESULT_STATUS_FAILED: ResultStatus
RESULT_STATUS_ABANDONED: ResultStatus
ADVICE_UNSPECIFIED: Advice
ADVICE_GO_ON: Advice
ADVICE_STOP: Advice
ADVICE_REPLICATE: Advice
REPORT_OUTCOME_UNSPECIFIED: ReportOutcome
REPORT_OUTCOME_RECORDED: ReportOutcome
REPORT_OUTCOME_REPEATED: ReportOutcome
REPORT_OUTCOME_RECORDED_LATE: ReportOutcome
REPORT_OUTCOME_REFUSED: ReportOutcome
EXPORT_FORMAT_UNSPECIFIED: ExportFormat
EXPORT_FORMAT_JSON: ExportFormat
EXPORT_FORMAT_HTML: ExportFormat

class Objective(_message.Message):
    __slots__ = ("property", "unit", "goal", "target", "low", "high")
    PROPERTY_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    GOAL_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    property: str
    unit: str
    goal: Goal
    target: float
    low: float
    high: float
    def __init__(self, property: _Optional[str] = ..., unit: _Optional[str] = ..., goal: _Optional[_Union[Goal, str]] = ..., target: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ...) -> None: ...

class Constraint(_message.Message):
    __slots__ = ("property", "is_upper", "limit")
    PROPERTY_FIELD_NUMBER: _ClassVar[int]
    IS_UPPER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    property: str
    is_upper: bool
    limit: float
    def __init__(self, property: _Optional[str] = ..., is_upper: _Optional[bool] = ..., limit: _Optional[float] = ...) -> None: ...

class PoolRules(_message.Message):
    __slots__ = ("allowed_elements", "excluded_elements", "domain_verdicts", "review_verdicts")
    ALLOWED_ELEMENTS_FIELD_NUMBER: _ClassVar[int]
    EXCLUDED_ELEMENTS_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_VERDICTS_FIELD_NUMBER: _ClassVar[int]
    REVIEW_VERDICTS_FIELD_NUMBER: _ClassVar[int]
    allowed_elements: _containers.RepeatedScalarFieldContainer[str]
    excluded_elements: _containers.RepeatedScalarFieldContainer[str]
    domain_verdicts: _containers.RepeatedScalarFieldContainer[str]
    review_verdicts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, allowed_elements: _Optional[_Iterable[str]] = ..., excluded_elements: _Optional[_Iterable[str]] = ..., domain_verdicts: _Optional[_Iterable[str]] = ..., review_verdicts: _Optional[_Iterable[str]] = ...) -> None: ...

class CampaignBudget(_message.Message):
    __slots__ = ("n_candidates", "cost")
    N_CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    n_candidates: int
    cost: float
    def __init__(self, n_candidates: _Optional[int] = ..., cost: _Optional[float] = ...) -> None: ...

class CampaignSpec(_message.Message):
    __slots__ = ("name", "objectives", "constraints", "rules", "batch_size", "budget", "seed", "start", "acquisition", "base_model", "lease_duration", "is_cost_aware", "margin")
    NAME_FIELD_NUMBER: _ClassVar[int]
    OBJECTIVES_FIELD_NUMBER: _ClassVar[int]
    CONSTRAINTS_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    ACQUISITION_FIELD_NUMBER: _ClassVar[int]
    BASE_MODEL_FIELD_NUMBER: _ClassVar[int]
    LEASE_DURATION_FIELD_NUMBER: _ClassVar[int]
    IS_COST_AWARE_FIELD_NUMBER: _ClassVar[int]
    MARGIN_FIELD_NUMBER: _ClassVar[int]
    name: str
    objectives: _containers.RepeatedCompositeFieldContainer[Objective]
    constraints: _containers.RepeatedCompositeFieldContainer[Constraint]
    rules: PoolRules
    batch_size: int
    budget: CampaignBudget
    seed: int
    start: Start
    acquisition: Acquisition
    base_model: str
    lease_duration: _duration_pb2.Duration
    is_cost_aware: bool
    margin: float
    def __init__(self, name: _Optional[str] = ..., objectives: _Optional[_Iterable[_Union[Objective, _Mapping]]] = ..., constraints: _Optional[_Iterable[_Union[Constraint, _Mapping]]] = ..., rules: _Optional[_Union[PoolRules, _Mapping]] = ..., batch_size: _Optional[int] = ..., budget: _Optional[_Union[CampaignBudget, _Mapping]] = ..., seed: _Optional[int] = ..., start: _Optional[_Union[Start, str]] = ..., acquisition: _Optional[_Union[Acquisition, str]] = ..., base_model: _Optional[str] = ..., lease_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., is_cost_aware: _Optional[bool] = ..., margin: _Optional[float] = ...) -> None: ...

class Candidate(_message.Message):
    __slots__ = ("id", "structure", "cost", "group")
    ID_FIELD_NUMBER: _ClassVar[int]
    STRUCTURE_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    id: str
    structure: _structure_pb2.StructureInput
    cost: float
    group: str
    def __init__(self, id: _Optional[str] = ..., structure: _Optional[_Union[_structure_pb2.StructureInput, _Mapping]] = ..., cost: _Optional[float] = ..., group: _Optional[str] = ...) -> None: ...

class PoolFile(_message.Message):
    __slots__ = ("uri", "structure_column", "id_column", "cost_column", "group_column", "known_columns", "kind", "element_columns", "conditions")
    URI_FIELD_NUMBER: _ClassVar[int]
    STRUCTURE_COLUMN_FIELD_NUMBER: _ClassVar[int]
    ID_COLUMN_FIELD_NUMBER: _ClassVar[int]
    COST_COLUMN_FIELD_NUMBER: _ClassVar[int]
    GROUP_COLUMN_FIELD_NUMBER: _ClassVar[int]
    KNOWN_COLUMNS_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ELEMENT_COLUMNS_FIELD_NUMBER: _ClassVar[int]
    CONDITIONS_FIELD_NUMBER: _ClassVar[int]
    uri: str
    structure_column: str
    id_column: str
    cost_column: str
    group_column: str
    known_columns: _containers.RepeatedScalarFieldContainer[str]
    kind: _structure_pb2.MaterialKind
    element_columns: str
    conditions: _containers.RepeatedCompositeFieldContainer[PoolCondition]
    def __init__(self, uri: _Optional[str] = ..., structure_column: _Optional[str] = ..., id_column: _Optional[str] = ..., cost_column: _Optional[str] = ..., group_column: _Optional[str] = ..., known_columns: _Optional[_Iterable[str]] = ..., kind: _Optional[_Union[_structure_pb2.MaterialKind, str]] = ..., element_columns: _Optional[str] = ..., conditions: _Optional[_Iterable[_Union[PoolCondition, _Mapping]]] = ...) -> None: ...

class PoolCondition(_message.Message):
    __slots__ = ("name", "unit")
    NAME_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    name: str
    unit: str
    def __init__(self, name: _Optional[str] = ..., unit: _Optional[str] = ...) -> None: ...

class CreateCampaignRequest(_message.Message):
    __slots__ = ("request_id", "spec", "file")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    spec: CampaignSpec
    file: PoolFile
    def __init__(self, request_id: _Optional[str] = ..., spec: _Optional[_Union[CampaignSpec, _Mapping]] = ..., file: _Optional[_Union[PoolFile, _Mapping]] = ...) -> None: ...

class CreateCampaignResponse(_message.Message):
    __slots__ = ("campaign",)
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    campaign: Campaign
    def __init__(self, campaign: _Optional[_Union[Campaign, _Mapping]] = ...) -> None: ...

class AddCandidatesRequest(_message.Message):
    __slots__ = ("name", "request_id", "candidates", "is_last")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    IS_LAST_FIELD_NUMBER: _ClassVar[int]
    name: str
    request_id: str
    candidates: _containers.RepeatedCompositeFieldContainer[Candidate]
    is_last: bool
    def __init__(self, name: _Optional[str] = ..., request_id: _Optional[str] = ..., candidates: _Optional[_Iterable[_Union[Candidate, _Mapping]]] = ..., is_last: _Optional[bool] = ...) -> None: ...

class AddCandidatesResponse(_message.Message):
    __slots__ = ("outcomes", "n_candidates")
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    N_CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    outcomes: _containers.RepeatedCompositeFieldContainer[CandidateOutcome]
    n_candidates: int
    def __init__(self, outcomes: _Optional[_Iterable[_Union[CandidateOutcome, _Mapping]]] = ..., n_candidates: _Optional[int] = ...) -> None: ...

class CandidateOutcome(_message.Message):
    __slots__ = ("id", "error")
    ID_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    id: str
    error: _structure_pb2.ItemError
    def __init__(self, id: _Optional[str] = ..., error: _Optional[_Union[_structure_pb2.ItemError, _Mapping]] = ...) -> None: ...

class ExcludeCandidatesRequest(_message.Message):
    __slots__ = ("name", "request_id", "ids", "reason", "is_undone")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    IS_UNDONE_FIELD_NUMBER: _ClassVar[int]
    name: str
    request_id: str
    ids: _containers.RepeatedScalarFieldContainer[str]
    reason: str
    is_undone: bool
    def __init__(self, name: _Optional[str] = ..., request_id: _Optional[str] = ..., ids: _Optional[_Iterable[str]] = ..., reason: _Optional[str] = ..., is_undone: _Optional[bool] = ...) -> None: ...

class ExcludeCandidatesResponse(_message.Message):
    __slots__ = ("unknown_ids", "campaign")
    UNKNOWN_IDS_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    unknown_ids: _containers.RepeatedScalarFieldContainer[str]
    campaign: Campaign
    def __init__(self, unknown_ids: _Optional[_Iterable[str]] = ..., campaign: _Optional[_Union[Campaign, _Mapping]] = ...) -> None: ...

class GetCampaignRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetCampaignResponse(_message.Message):
    __slots__ = ("campaign",)
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    campaign: Campaign
    def __init__(self, campaign: _Optional[_Union[Campaign, _Mapping]] = ...) -> None: ...

class ListCampaignsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListCampaignsResponse(_message.Message):
    __slots__ = ("campaigns", "next_page_token")
    CAMPAIGNS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    campaigns: _containers.RepeatedCompositeFieldContainer[Campaign]
    next_page_token: str
    def __init__(self, campaigns: _Optional[_Iterable[_Union[Campaign, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RecommendRequest(_message.Message):
    __slots__ = ("name", "request_id", "batch_size", "worker")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    name: str
    request_id: str
    batch_size: int
    worker: str
    def __init__(self, name: _Optional[str] = ..., request_id: _Optional[str] = ..., batch_size: _Optional[int] = ..., worker: _Optional[str] = ...) -> None: ...

class RecommendResponse(_message.Message):
    __slots__ = ("batch", "notes")
    BATCH_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    batch: _containers.RepeatedCompositeFieldContainer[Recommendation]
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, batch: _Optional[_Iterable[_Union[Recommendation, _Mapping]]] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class Prediction(_message.Message):
    __slots__ = ("property", "unit", "value", "lower", "upper", "coverage")
    PROPERTY_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    LOWER_FIELD_NUMBER: _ClassVar[int]
    UPPER_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    property: str
    unit: str
    value: float
    lower: float
    upper: float
    coverage: float
    def __init__(self, property: _Optional[str] = ..., unit: _Optional[str] = ..., value: _Optional[float] = ..., lower: _Optional[float] = ..., upper: _Optional[float] = ..., coverage: _Optional[float] = ...) -> None: ...

class MeasuredNeighbour(_message.Message):
    __slots__ = ("id", "distance", "values")
    class ValuesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    DISTANCE_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    id: str
    distance: float
    values: _containers.ScalarMap[str, float]
    def __init__(self, id: _Optional[str] = ..., distance: _Optional[float] = ..., values: _Optional[_Mapping[str, float]] = ...) -> None: ...

class Recommendation(_message.Message):
    __slots__ = ("ticket", "id", "predictions", "score", "reason", "exploitation", "success_probability", "domain_verdict", "domain_score", "nearest", "blocks", "expire_time", "cost", "is_replicate", "formula", "conditions")
    class BlocksEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class ConditionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _structure_pb2.ConditionValue
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_structure_pb2.ConditionValue, _Mapping]] = ...) -> None: ...
    TICKET_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    EXPLOITATION_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_VERDICT_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_SCORE_FIELD_NUMBER: _ClassVar[int]
    NEAREST_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    IS_REPLICATE_FIELD_NUMBER: _ClassVar[int]
    FORMULA_FIELD_NUMBER: _ClassVar[int]
    CONDITIONS_FIELD_NUMBER: _ClassVar[int]
    ticket: str
    id: str
    predictions: _containers.RepeatedCompositeFieldContainer[Prediction]
    score: float
    reason: str
    exploitation: float
    success_probability: float
    domain_verdict: str
    domain_score: float
    nearest: _containers.RepeatedCompositeFieldContainer[MeasuredNeighbour]
    blocks: _containers.ScalarMap[str, float]
    expire_time: _timestamp_pb2.Timestamp
    cost: float
    is_replicate: bool
    formula: str
    conditions: _containers.MessageMap[str, _structure_pb2.ConditionValue]
    def __init__(self, ticket: _Optional[str] = ..., id: _Optional[str] = ..., predictions: _Optional[_Iterable[_Union[Prediction, _Mapping]]] = ..., score: _Optional[float] = ..., reason: _Optional[str] = ..., exploitation: _Optional[float] = ..., success_probability: _Optional[float] = ..., domain_verdict: _Optional[str] = ..., domain_score: _Optional[float] = ..., nearest: _Optional[_Iterable[_Union[MeasuredNeighbour, _Mapping]]] = ..., blocks: _Optional[_Mapping[str, float]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., cost: _Optional[float] = ..., is_replicate: _Optional[bool] = ..., formula: _Optional[str] = ..., conditions: _Optional[_Mapping[str, _structure_pb2.ConditionValue]] = ...) -> None: ...

class MeasuredValue(_message.Message):
    __slots__ = ("property", "unit", "value", "std")
    PROPERTY_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    STD_FIELD_NUMBER: _ClassVar[int]
    property: str
    unit: str
    value: float
    std: float
    def __init__(self, property: _Optional[str] = ..., unit: _Optional[str] = ..., value: _Optional[float] = ..., std: _Optional[float] = ...) -> None: ...

class Result(_message.Message):
    __slots__ = ("ticket", "id", "structure", "status", "values", "measurement_id", "note")
    TICKET_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    STRUCTURE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENT_ID_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    ticket: str
    id: str
    structure: _structure_pb2.StructureInput
    status: ResultStatus
    values: _containers.RepeatedCompositeFieldContainer[MeasuredValue]
    measurement_id: str
    note: str
    def __init__(self, ticket: _Optional[str] = ..., id: _Optional[str] = ..., structure: _Optional[_Union[_structure_pb2.StructureInput, _Mapping]] = ..., status: _Optional[_Union[ResultStatus, str]] = ..., values: _Optional[_Iterable[_Union[MeasuredValue, _Mapping]]] = ..., measurement_id: _Optional[str] = ..., note: _Optional[str] = ...) -> None: ...

class ResultOutcome(_message.Message):
    __slots__ = ("ticket", "id", "outcome", "error")
    TICKET_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ticket: str
    id: str
    outcome: ReportOutcome
    error: _structure_pb2.ItemError
    def __init__(self, ticket: _Optional[str] = ..., id: _Optional[str] = ..., outcome: _Optional[_Union[ReportOutcome, str]] = ..., error: _Optional[_Union[_structure_pb2.ItemError, _Mapping]] = ...) -> None: ...

class ReportResultsRequest(_message.Message):
    __slots__ = ("name", "request_id", "results")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    request_id: str
    results: _containers.RepeatedCompositeFieldContainer[Result]
    def __init__(self, name: _Optional[str] = ..., request_id: _Optional[str] = ..., results: _Optional[_Iterable[_Union[Result, _Mapping]]] = ...) -> None: ...

class ReportResultsResponse(_message.Message):
    __slots__ = ("outcomes", "campaign")
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    outcomes: _containers.RepeatedCompositeFieldContainer[ResultOutcome]
    campaign: Campaign
    def __init__(self, outcomes: _Optional[_Iterable[_Union[ResultOutcome, _Mapping]]] = ..., campaign: _Optional[_Union[Campaign, _Mapping]] = ...) -> None: ...

class Correction(_message.Message):
    __slots__ = ("ticket", "id", "measurement_id", "is_retraction", "result", "reason")
    TICKET_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENT_ID_FIELD_NUMBER: _ClassVar[int]
    IS_RETRACTION_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ticket: str
    id: str
    measurement_id: str
    is_retraction: bool
    result: Result
    reason: str
    def __init__(self, ticket: _Optional[str] = ..., id: _Optional[str] = ..., measurement_id: _Optional[str] = ..., is_retraction: _Optional[bool] = ..., result: _Optional[_Union[Result, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class CorrectResultsRequest(_message.Message):
    __slots__ = ("name", "request_id", "corrections")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CORRECTIONS_FIELD_NUMBER: _ClassVar[int]
    name: str
    request_id: str
    corrections: _containers.RepeatedCompositeFieldContainer[Correction]
    def __init__(self, name: _Optional[str] = ..., request_id: _Optional[str] = ..., corrections: _Optional[_Iterable[_Union[Correction, _Mapping]]] = ...) -> None: ...

class CorrectResultsResponse(_message.Message):
    __slots__ = ("outcomes", "campaign")
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    outcomes: _containers.RepeatedCompositeFieldContainer[ResultOutcome]
    campaign: Campaign
    def __init__(self, outcomes: _Optional[_Iterable[_Union[ResultOutcome, _Mapping]]] = ..., campaign: _Optional[_Union[Campaign, _Mapping]] = ...) -> None: ...

class ReleaseTicketsRequest(_message.Message):
    __slots__ = ("name", "request_id", "tickets")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TICKETS_FIELD_NUMBER: _ClassVar[int]
    name: str
    request_id: str
    tickets: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., request_id: _Optional[str] = ..., tickets: _Optional[_Iterable[str]] = ...) -> None: ...

class ReleaseTicketsResponse(_message.Message):
    __slots__ = ("released", "ignored")
    RELEASED_FIELD_NUMBER: _ClassVar[int]
    IGNORED_FIELD_NUMBER: _ClassVar[int]
    released: _containers.RepeatedScalarFieldContainer[str]
    ignored: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, released: _Optional[_Iterable[str]] = ..., ignored: _Optional[_Iterable[str]] = ...) -> None: ...

class ChangeObjectivesRequest(_message.Message):
    __slots__ = ("name", "request_id", "objectives", "constraints")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    OBJECTIVES_FIELD_NUMBER: _ClassVar[int]
    CONSTRAINTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    request_id: str
    objectives: _containers.RepeatedCompositeFieldContainer[Objective]
    constraints: _containers.RepeatedCompositeFieldContainer[Constraint]
    def __init__(self, name: _Optional[str] = ..., request_id: _Optional[str] = ..., objectives: _Optional[_Iterable[_Union[Objective, _Mapping]]] = ..., constraints: _Optional[_Iterable[_Union[Constraint, _Mapping]]] = ...) -> None: ...

class ChangeObjectivesResponse(_message.Message):
    __slots__ = ("campaign",)
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    campaign: Campaign
    def __init__(self, campaign: _Optional[_Union[Campaign, _Mapping]] = ...) -> None: ...

class WatchCampaignRequest(_message.Message):
    __slots__ = ("name", "after_sequence")
    NAME_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    name: str
    after_sequence: int
    def __init__(self, name: _Optional[str] = ..., after_sequence: _Optional[int] = ...) -> None: ...

class WatchCampaignResponse(_message.Message):
    __slots__ = ("event", "campaign")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    event: CampaignEvent
    campaign: Campaign
    def __init__(self, event: _Optional[_Union[CampaignEvent, _Mapping]] = ..., campaign: _Optional[_Union[Campaign, _Mapping]] = ...) -> None: ...

class CampaignEvent(_message.Message):
    __slots__ = ("sequence", "create_time", "kind", "message")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    create_time: _timestamp_pb2.Timestamp
    kind: str
    message: str
    def __init__(self, sequence: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., kind: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class PauseCampaignRequest(_message.Message):
    __slots__ = ("name", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    request_id: str
    def __init__(self, name: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class PauseCampaignResponse(_message.Message):
    __slots__ = ("campaign",)
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    campaign: Campaign
    def __init__(self, campaign: _Optional[_Union[Campaign, _Mapping]] = ...) -> None: ...

class ResumeCampaignRequest(_message.Message):
    __slots__ = ("name", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    request_id: str
    def __init__(self, name: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class ResumeCampaignResponse(_message.Message):
    __slots__ = ("campaign",)
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    campaign: Campaign
    def __init__(self, campaign: _Optional[_Union[Campaign, _Mapping]] = ...) -> None: ...

class CloseCampaignRequest(_message.Message):
    __slots__ = ("name", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    request_id: str
    def __init__(self, name: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CloseCampaignResponse(_message.Message):
    __slots__ = ("campaign",)
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    campaign: Campaign
    def __init__(self, campaign: _Optional[_Union[Campaign, _Mapping]] = ...) -> None: ...

class ExportCampaignRequest(_message.Message):
    __slots__ = ("name", "format")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    name: str
    format: ExportFormat
    def __init__(self, name: _Optional[str] = ..., format: _Optional[_Union[ExportFormat, str]] = ...) -> None: ...

class ExportCampaignResponse(_message.Message):
    __slots__ = ("chunk", "total_bytes")
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    chunk: bytes
    total_bytes: int
    def __init__(self, chunk: _Optional[bytes] = ..., total_bytes: _Optional[int] = ...) -> None: ...

class DeleteCampaignRequest(_message.Message):
    __slots__ = ("name", "confirm")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONFIRM_FIELD_NUMBER: _ClassVar[int]
    name: str
    confirm: bool
    def __init__(self, name: _Optional[str] = ..., confirm: _Optional[bool] = ...) -> None: ...

class DeleteCampaignResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PromoteCampaignRequest(_message.Message):
    __slots__ = ("name", "request_id", "property", "model_name")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PROPERTY_FIELD_NUMBER: _ClassVar[int]
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    request_id: str
    property: str
    model_name: str
    def __init__(self, name: _Optional[str] = ..., request_id: _Optional[str] = ..., property: _Optional[str] = ..., model_name: _Optional[str] = ...) -> None: ...

class PromoteCampaignResponse(_message.Message):
    __slots__ = ("job_id", "model_name")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    model_name: str
    def __init__(self, job_id: _Optional[str] = ..., model_name: _Optional[str] = ...) -> None: ...

class PoolProgress(_message.Message):
    __slots__ = ("n_candidates", "n_ready", "n_refused", "n_copies", "n_open", "n_left_out", "refusals")
    class NLeftOutEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class RefusalsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    N_CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    N_READY_FIELD_NUMBER: _ClassVar[int]
    N_REFUSED_FIELD_NUMBER: _ClassVar[int]
    N_COPIES_FIELD_NUMBER: _ClassVar[int]
    N_OPEN_FIELD_NUMBER: _ClassVar[int]
    N_LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    REFUSALS_FIELD_NUMBER: _ClassVar[int]
    n_candidates: int
    n_ready: int
    n_refused: int
    n_copies: int
    n_open: int
    n_left_out: _containers.ScalarMap[str, int]
    refusals: _containers.ScalarMap[str, int]
    def __init__(self, n_candidates: _Optional[int] = ..., n_ready: _Optional[int] = ..., n_refused: _Optional[int] = ..., n_copies: _Optional[int] = ..., n_open: _Optional[int] = ..., n_left_out: _Optional[_Mapping[str, int]] = ..., refusals: _Optional[_Mapping[str, int]] = ...) -> None: ...

class BestCandidate(_message.Message):
    __slots__ = ("id", "formula", "values", "measured")
    class ValuesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class MeasuredEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    FORMULA_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    MEASURED_FIELD_NUMBER: _ClassVar[int]
    id: str
    formula: str
    values: _containers.ScalarMap[str, float]
    measured: _containers.ScalarMap[str, float]
    def __init__(self, id: _Optional[str] = ..., formula: _Optional[str] = ..., values: _Optional[_Mapping[str, float]] = ..., measured: _Optional[_Mapping[str, float]] = ...) -> None: ...

class CampaignOutlook(_message.Message):
    __slots__ = ("better_left_probability", "margin", "expected_gain", "advice", "message", "coverage", "nominal_coverage", "n_predicted", "mean_absolute_error", "speaking", "since_batch", "last_expected_gain", "last_gain", "pool_coverage")
    class MeanAbsoluteErrorEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class SpeakingEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class SinceBatchEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class PoolCoverageEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    BETTER_LEFT_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    MARGIN_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_GAIN_FIELD_NUMBER: _ClassVar[int]
    ADVICE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    NOMINAL_COVERAGE_FIELD_NUMBER: _ClassVar[int]
    N_PREDICTED_FIELD_NUMBER: _ClassVar[int]
    MEAN_ABSOLUTE_ERROR_FIELD_NUMBER: _ClassVar[int]
    SPEAKING_FIELD_NUMBER: _ClassVar[int]
    SINCE_BATCH_FIELD_NUMBER: _ClassVar[int]
    LAST_EXPECTED_GAIN_FIELD_NUMBER: _ClassVar[int]
    LAST_GAIN_FIELD_NUMBER: _ClassVar[int]
    POOL_COVERAGE_FIELD_NUMBER: _ClassVar[int]
    better_left_probability: float
    margin: float
    expected_gain: float
    advice: Advice
    message: str
    coverage: float
    nominal_coverage: float
    n_predicted: int
    mean_absolute_error: _containers.ScalarMap[str, float]
    speaking: _containers.ScalarMap[str, str]
    since_batch: _containers.ScalarMap[str, int]
    last_expected_gain: float
    last_gain: float
    pool_coverage: _containers.ScalarMap[str, float]
    def __init__(self, better_left_probability: _Optional[float] = ..., margin: _Optional[float] = ..., expected_gain: _Optional[float] = ..., advice: _Optional[_Union[Advice, str]] = ..., message: _Optional[str] = ..., coverage: _Optional[float] = ..., nominal_coverage: _Optional[float] = ..., n_predicted: _Optional[int] = ..., mean_absolute_error: _Optional[_Mapping[str, float]] = ..., speaking: _Optional[_Mapping[str, str]] = ..., since_batch: _Optional[_Mapping[str, int]] = ..., last_expected_gain: _Optional[float] = ..., last_gain: _Optional[float] = ..., pool_coverage: _Optional[_Mapping[str, float]] = ...) -> None: ...

class CampaignFailure(_message.Message):
    __slots__ = ("reason", "message")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    reason: str
    message: str
    def __init__(self, reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class Campaign(_message.Message):
    __slots__ = ("spec", "state", "create_time", "update_time", "pool", "n_results", "n_failed", "n_pending", "spent", "left", "best", "outlook", "failure", "last_sequence", "n_batches", "n_labels")
    class NLabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    SPEC_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    N_RESULTS_FIELD_NUMBER: _ClassVar[int]
    N_FAILED_FIELD_NUMBER: _ClassVar[int]
    N_PENDING_FIELD_NUMBER: _ClassVar[int]
    SPENT_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    BEST_FIELD_NUMBER: _ClassVar[int]
    OUTLOOK_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    N_BATCHES_FIELD_NUMBER: _ClassVar[int]
    N_LABELS_FIELD_NUMBER: _ClassVar[int]
    spec: CampaignSpec
    state: CampaignState
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    pool: PoolProgress
    n_results: int
    n_failed: int
    n_pending: int
    spent: float
    left: float
    best: _containers.RepeatedCompositeFieldContainer[BestCandidate]
    outlook: CampaignOutlook
    failure: CampaignFailure
    last_sequence: int
    n_batches: int
    n_labels: _containers.ScalarMap[str, int]
    def __init__(self, spec: _Optional[_Union[CampaignSpec, _Mapping]] = ..., state: _Optional[_Union[CampaignState, str]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., pool: _Optional[_Union[PoolProgress, _Mapping]] = ..., n_results: _Optional[int] = ..., n_failed: _Optional[int] = ..., n_pending: _Optional[int] = ..., spent: _Optional[float] = ..., left: _Optional[float] = ..., best: _Optional[_Iterable[_Union[BestCandidate, _Mapping]]] = ..., outlook: _Optional[_Union[CampaignOutlook, _Mapping]] = ..., failure: _Optional[_Union[CampaignFailure, _Mapping]] = ..., last_sequence: _Optional[int] = ..., n_batches: _Optional[int] = ..., n_labels: _Optional[_Mapping[str, int]] = ...) -> None: ...
