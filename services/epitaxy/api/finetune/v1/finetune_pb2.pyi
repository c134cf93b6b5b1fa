import datetime

from epitaxy.api.common.v1 import property_pb2 as _property_pb2
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

class JobState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JOB_STATE_UNSPECIFIED: _ClassVar[JobState]
    JOB_STATE_PENDING: _ClassVar[JobState]
    JOB_STATE_AUDITING: _ClassVar[JobState]
    JOB_STATE_TRAINING: _ClassVar[JobState]
    JOB_STATE_EVALUATING: _ClassVar[JobState]
    JOB_STATE_SUCCEEDED: _ClassVar[JobState]
    JOB_STATE_FAILED: _ClassVar[JobState]
    JOB_STATE_CANCELLED: _ClassVar[JobState]

class LabelTransform(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LABEL_TRANSFORM_UNSPECIFIED: _ClassVar[LabelTransform]
    LABEL_TRANSFORM_NONE: _ClassVar[LabelTransform]
    LABEL_TRANSFORM_LOG10: _ClassVar[LabelTransform]
    LABEL_TRANSFORM_LOG1P: _ClassVar[LabelTransform]
    LABEL_TRANSFORM_AUTO: _ClassVar[LabelTransform]

class LearningTask(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LEARNING_TASK_UNSPECIFIED: _ClassVar[LearningTask]
    LEARNING_TASK_REGRESSION: _ClassVar[LearningTask]
    LEARNING_TASK_CLASSIFICATION: _ClassVar[LearningTask]

class TransferVerdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRANSFER_VERDICT_UNSPECIFIED: _ClassVar[TransferVerdict]
    TRANSFER_VERDICT_HELPS: _ClassVar[TransferVerdict]
    TRANSFER_VERDICT_NEUTRAL: _ClassVar[TransferVerdict]
    TRANSFER_VERDICT_HURTS: _ClassVar[TransferVerdict]

class ReportFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REPORT_FORMAT_UNSPECIFIED: _ClassVar[ReportFormat]
    REPORT_FORMAT_JSON: _ClassVar[ReportFormat]
    REPORT_FORMAT_HTML: _ClassVar[ReportFormat]
JOB_STATE_UNSPECIFIED: JobState
JOB_STATE_PENDING: JobState
JOB_STATE_AUDITING: JobState
JOB_STATE_TRAINING: JobState
JOB_STATE_EVALUATING: JobState
JOB_STATE_SUCCEEDED: JobState
JOB_STATE_FAILED: JobState
JOB_STATE_CANCELLED: JobState
LABEL_TRANSFORM_UNSPECIFIED: LabelTransform
LABEL_TRANSFORM_NONE: LabelTransform
LABEL_TRANSFORM_LOG10: LabelTransform
LABEL_TRANSFORM_LOG1P: LabelTransform
LABEL_TRANSFORM_AUTO: LabelTransform
LEARNING_TASK_UNSPECIFIED: LearningTask
LEARNING_TASK_REGRESSION: LearningTask
LEARNING_TASK_CLASSIFICATION: LearningTask
TRANSFER_VERDICT_UNSPECIFIED: TransferVerdict
TRANSFER_VERDICT_HELPS: TransferVerdict
TRANSFER_VERDICT_NEUTRAL: TransferVerdict
TRANSFER_VERDICT_HURTS: TransferVerdict
REPORT_FORMAT_UNSPECIFIED: ReportFormat
REPORT_FORMAT_JSON: ReportFormat
REPORT_FORMAT_HTML: ReportFormat

class LabelColumn(_message.Message):
    __slots__ = ("name", "fidelity", "level_of_theory", "cost")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FIDELITY_FIELD_NUMBER: _ClassVar[int]
    LEVEL_OF_THEORY_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    name: str
    fidelity: _property_pb2.Fidelity
    level_of_theory: str
    cost: float
    def __init__(self, name: _Optional[str] = ..., fidelity: _Optional[_Union[_property_pb2.Fidelity, str]] = ..., level_of_theory: _Optional[str] = ..., cost: _Optional[float] = ...) -> None: ...

class LabelCondition(_message.Message):
    __slots__ = ("name", "unit")
    NAME_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    name: str
    unit: str
    def __init__(self, name: _Optional[str] = ..., unit: _Optional[str] = ...) -> None: ...

class FineTuneBudget(_message.Message):
    __slots__ = ("max_duration", "strategies", "use_gpu")
    MAX_DURATION_FIELD_NUMBER: _ClassVar[int]
    STRATEGIES_FIELD_NUMBER: _ClassVar[int]
    USE_GPU_FIELD_NUMBER: _ClassVar[int]
    max_duration: _duration_pb2.Duration
    strategies: _containers.RepeatedScalarFieldContainer[str]
    use_gpu: bool
    def __init__(self, max_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., strategies: _Optional[_Iterable[str]] = ..., use_gpu: _Optional[bool] = ...) -> None: ...

class FineTuneSpec(_message.Message):
    __slots__ = ("model_name", "property_name", "unit", "base_model", "target", "low_fidelity", "transform", "budget", "seed", "peers", "accept_suspicious", "conditions", "laws", "task")
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    PROPERTY_NAME_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    BASE_MODEL_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    LOW_FIDELITY_FIELD_NUMBER: _ClassVar[int]
    TRANSFORM_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    PEERS_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_SUSPICIOUS_FIELD_NUMBER: _ClassVar[int]
    CONDITIONS_FIELD_NUMBER: _ClassVar[int]
    LAWS_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    property_name: str
    unit: str
    base_model: str
    target: LabelColumn
    low_fidelity: _containers.RepeatedCompositeFieldContainer[LabelColumn]
    transform: LabelTransform
    budget: FineTuneBudget
    seed: int
    peers: _containers.RepeatedScalarFieldContainer[str]
    accept_suspicious: bool
    conditions: _containers.RepeatedCompositeFieldContainer[LabelCondition]
    laws: _containers.RepeatedScalarFieldContainer[str]
    task: LearningTask
    def __init__(self, model_name: _Optional[str] = ..., property_name: _Optional[str] = ..., unit: _Optional[str] = ..., base_model: _Optional[str] = ..., target: _Optional[_Union[LabelColumn, _Mapping]] = ..., low_fidelity: _Optional[_Iterable[_Union[LabelColumn, _Mapping]]] = ..., transform: _Optional[_Union[LabelTransform, str]] = ..., budget: _Optional[_Union[FineTuneBudget, _Mapping]] = ..., seed: _Optional[int] = ..., peers: _Optional[_Iterable[str]] = ..., accept_suspicious: _Optional[bool] = ..., conditions: _Optional[_Iterable[_Union[LabelCondition, _Mapping]]] = ..., laws: _Optional[_Iterable[str]] = ..., task: _Optional[_Union[LearningTask, str]] = ...) -> None: ...

class LabelValues(_message.Message):
    __slots__ = ("column", "values", "upper_bounds", "lower_bounds")
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    UPPER_BOUNDS_FIELD_NUMBER: _ClassVar[int]
    LOWER_BOUNDS_FIELD_NUMBER: _ClassVar[int]
    column: str
    values: _containers.RepeatedScalarFieldContainer[float]
    upper_bounds: _containers.RepeatedScalarFieldContainer[int]
    lower_bounds: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, column: _Optional[str] = ..., values: _Optional[_Iterable[float]] = ..., upper_bounds: _Optional[_Iterable[int]] = ..., lower_bounds: _Optional[_Iterable[int]] = ...) -> None: ...

class InlineLabels(_message.Message):
    __slots__ = ("structures", "columns", "conditions")
    STRUCTURES_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    CONDITIONS_FIELD_NUMBER: _ClassVar[int]
    structures: _containers.RepeatedCompositeFieldContainer[_structure_pb2.StructureInput]
    columns: _containers.RepeatedCompositeFieldContainer[LabelValues]
    conditions: _containers.RepeatedCompositeFieldContainer[_structure_pb2.ConditionColumn]
    def __init__(self, structures: _Optional[_Iterable[_Union[_structure_pb2.StructureInput, _Mapping]]] = ..., columns: _Optional[_Iterable[_Union[LabelValues, _Mapping]]] = ..., conditions: _Optional[_Iterable[_Union[_structure_pb2.ConditionColumn, _Mapping]]] = ...) -> None: ...

class LabelFile(_message.Message):
    __slots__ = ("uri", "structure_column", "id_column", "censored_column", "kind", "element_columns")
    URI_FIELD_NUMBER: _ClassVar[int]
    STRUCTURE_COLUMN_FIELD_NUMBER: _ClassVar[int]
    ID_COLUMN_FIELD_NUMBER: _ClassVar[int]
    CENSORED_COLUMN_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ELEMENT_COLUMNS_FIELD_NUMBER: _ClassVar[int]
    uri: str
    structure_column: str
    id_column: str
    censored_column: str
    kind: _structure_pb2.MaterialKind
    element_columns: str
    def __init__(self, uri: _Optional[str] = ..., structure_column: _Optional[str] = ..., id_column: _Optional[str] = ..., censored_column: _Optional[str] = ..., kind: _Optional[_Union[_structure_pb2.MaterialKind, str]] = ..., element_columns: _Optional[str] = ...) -> None: ...

class Refit(_message.Message):
    __slots__ = ("model_version",)
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    model_version: str
    def __init__(self, model_version: _Optional[str] = ...) -> None: ...

class CreateFineTuneJobRequest(_message.Message):
    __slots__ = ("request_id", "spec", "inline", "file", "refit")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    INLINE_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    REFIT_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    spec: FineTuneSpec
    inline: InlineLabels
    file: LabelFile
    refit: Refit
    def __init__(self, request_id: _Optional[str] = ..., spec: _Optional[_Union[FineTuneSpec, _Mapping]] = ..., inline: _Optional[_Union[InlineLabels, _Mapping]] = ..., file: _Optional[_Union[LabelFile, _Mapping]] = ..., refit: _Optional[_Union[Refit, _Mapping]] = ...) -> None: ...

class CreateFineTuneJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: FineTuneJob
    def __init__(self, job: _Optional[_Union[FineTuneJob, _Mapping]] = ...) -> None: ...

class GetFineTuneJobRequest(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    def __init__(self, job_id: _Optional[str] = ...) -> None: ...

class GetFineTuneJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: FineTuneJob
    def __init__(self, job: _Optional[_Union[FineTuneJob, _Mapping]] = ...) -> None: ...

class ListFineTuneJobsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "model_name")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    model_name: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., model_name: _Optional[str] = ...) -> None: ...

class ListFineTuneJobsResponse(_message.Message):
    __slots__ = ("jobs", "next_page_token")
    JOBS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[FineTuneJob]
    next_page_token: str
    def __init__(self, jobs: _Optional[_Iterable[_Union[FineTuneJob, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CancelFineTuneJobRequest(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    def __init__(self, job_id: _Optional[str] = ...) -> None: ...

class CancelFineTuneJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: FineTuneJob
    def __init__(self, job: _Optional[_Union[FineTuneJob, _Mapping]] = ...) -> None: ...

class WatchFineTuneJobRequest(_message.Message):
    __slots__ = ("job_id", "after_sequence")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    after_sequence: int
    def __init__(self, job_id: _Optional[str] = ..., after_sequence: _Optional[int] = ...) -> None: ...

class WatchFineTuneJobResponse(_message.Message):
    __slots__ = ("event", "job")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    event: JobEvent
    job: FineTuneJob
    def __init__(self, event: _Optional[_Union[JobEvent, _Mapping]] = ..., job: _Optional[_Union[FineTuneJob, _Mapping]] = ...) -> None: ...

class JobEvent(_message.Message):
    __slots__ = ("sequence", "create_time", "state", "progress")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    create_time: _timestamp_pb2.Timestamp
    state: JobState
    progress: JobProgress
    def __init__(self, sequence: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., state: _Optional[_Union[JobState, str]] = ..., progress: _Optional[_Union[JobProgress, _Mapping]] = ...) -> None: ...

class JobProgress(_message.Message):
    __slots__ = ("fraction", "message", "metrics", "remaining_duration")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    FRACTION_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    REMAINING_DURATION_FIELD_NUMBER: _ClassVar[int]
    fraction: float
    message: str
    metrics: _containers.ScalarMap[str, float]
    remaining_duration: _duration_pb2.Duration
    def __init__(self, fraction: _Optional[float] = ..., message: _Optional[str] = ..., metrics: _Optional[_Mapping[str, float]] = ..., remaining_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class FineTuneJob(_message.Message):
    __slots__ = ("id", "spec", "state", "progress", "create_time", "start_time", "end_time", "n_rows", "n_labels", "attempts", "failure", "result", "refit_of")
    ID_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    N_ROWS_FIELD_NUMBER: _ClassVar[int]
    N_LABELS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    REFIT_OF_FIELD_NUMBER: _ClassVar[int]
    id: str
    spec: FineTuneSpec
    state: JobState
    progress: JobProgress
    create_time: _timestamp_pb2.Timestamp
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    n_rows: int
    n_labels: int
    attempts: int
    failure: JobFailure
    result: FineTuneResult
    refit_of: str
    def __init__(self, id: _Optional[str] = ..., spec: _Optional[_Union[FineTuneSpec, _Mapping]] = ..., state: _Optional[_Union[JobState, str]] = ..., progress: _Optional[_Union[JobProgress, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., n_rows: _Optional[int] = ..., n_labels: _Optional[int] = ..., attempts: _Optional[int] = ..., failure: _Optional[_Union[JobFailure, _Mapping]] = ..., result: _Optional[_Union[FineTuneResult, _Mapping]] = ..., refit_of: _Optional[str] = ...) -> None: ...

class SuspiciousLabel(_message.Message):
    __slots__ = ("row", "id", "value", "kind", "message")
    ROW_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    row: int
    id: str
    value: float
    kind: str
    message: str
    def __init__(self, row: _Optional[int] = ..., id: _Optional[str] = ..., value: _Optional[float] = ..., kind: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class JobFailure(_message.Message):
    __slots__ = ("reason", "message", "suspicious")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    SUSPICIOUS_FIELD_NUMBER: _ClassVar[int]
    reason: str
    message: str
    suspicious: _containers.RepeatedCompositeFieldContainer[SuspiciousLabel]
    def __init__(self, reason: _Optional[str] = ..., message: _Optional[str] = ..., suspicious: _Optional[_Iterable[_Union[SuspiciousLabel, _Mapping]]] = ...) -> None: ...

class FineTuneResult(_message.Message):
    __slots__ = ("model_name", "model_version", "model_digest", "verdict", "strategy", "cross_validated_mae", "is_calibrated", "sentence", "served_as", "suspicious", "is_constant", "succession", "classification")
    class CrossValidatedMaeEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    MODEL_DIGEST_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    CROSS_VALIDATED_MAE_FIELD_NUMBER: _ClassVar[int]
    IS_CALIBRATED_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    SERVED_AS_FIELD_NUMBER: _ClassVar[int]
    SUSPICIOUS_FIELD_NUMBER: _ClassVar[int]
    IS_CONSTANT_FIELD_NUMBER: _ClassVar[int]
    SUCCESSION_FIELD_NUMBER: _ClassVar[int]
    CLASSIFICATION_FIELD_NUMBER: _ClassVar[int]
    model_name: str
    model_version: str
    model_digest: str
    verdict: TransferVerdict
    strategy: str
    cross_validated_mae: _containers.ScalarMap[str, float]
    is_calibrated: bool
    sentence: str
    served_as: str
    suspicious: _containers.RepeatedCompositeFieldContainer[SuspiciousLabel]
    is_constant: bool
    succession: Succession
    classification: ClassificationQuality
    def __init__(self, model_name: _Optional[str] = ..., model_version: _Optional[str] = ..., model_digest: _Optional[str] = ..., verdict: _Optional[_Union[TransferVerdict, str]] = ..., strategy: _Optional[str] = ..., cross_validated_mae: _Optional[_Mapping[str, float]] = ..., is_calibrated: _Optional[bool] = ..., sentence: _Optional[str] = ..., served_as: _Optional[str] = ..., suspicious: _Optional[_Iterable[_Union[SuspiciousLabel, _Mapping]]] = ..., is_constant: _Optional[bool] = ..., succession: _Optional[_Union[Succession, _Mapping]] = ..., classification: _Optional[_Union[ClassificationQuality, _Mapping]] = ...) -> None: ...

class ClassificationQuality(_message.Message):
    __slots__ = ("n_zeros", "n_ones", "auc", "auc_low", "auc_high", "brier", "constant_brier", "log_loss", "calibration_error", "expected_calibration_error", "calibration_p_value", "reliability", "cross_validated_brier", "cross_validated_auc")
    class CrossValidatedBrierEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class CrossValidatedAucEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    N_ZEROS_FIELD_NUMBER: _ClassVar[int]
    N_ONES_FIELD_NUMBER: _ClassVar[int]
    AUC_FIELD_NUMBER: _ClassVar[int]
    AUC_LOW_FIELD_NUMBER: _ClassVar[int]
    AUC_HIGH_FIELD_NUMBER: _ClassVar[int]
    BRIER_FIELD_NUMBER: _ClassVar[int]
    CONSTANT_BRIER_FIELD_NUMBER: _ClassVar[int]
    LOG_LOSS_FIELD_NUMBER: _ClassVar[int]
    CALIBRATION_ERROR_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_CALIBRATION_ERROR_FIELD_NUMBER: _ClassVar[int]
    CALIBRATION_P_VALUE_FIELD_NUMBER: _ClassVar[int]
    RELIABILITY_FIELD_NUMBER: _ClassVar[int]
    CROSS_VALIDATED_BRIER_FIELD_NUMBER: _ClassVar[int]
    CROSS_VALIDATED_AUC_FIELD_NUMBER: _ClassVar[int]
    n_zeros: int
    n_ones: int
    auc: float
    auc_low: float
    auc_high: float
    brier: float
    constant_brier: float
    log_loss: float
    calibration_error: float
    expected_calibration_error: float
    calibration_p_value: float
    reliability: _containers.RepeatedCompositeFieldContainer[ReliabilityBin]
    cross_validated_brier: _containers.ScalarMap[str, float]
    cross_validated_auc: _containers.ScalarMap[str, float]
    def __init__(self, n_zeros: _Optional[int] = ..., n_ones: _Optional[int] = ..., auc: _Optional[float] = ..., auc_low: _Optional[float] = ..., auc_high: _Optional[float] = ..., brier: _Optional[float] = ..., constant_brier: _Optional[float] = ..., log_loss: _Optional[float] = ..., calibration_error: _Optional[float] = ..., expected_calibration_error: _Optional[float] = ..., calibration_p_value: _Optional[float] = ..., reliability: _Optional[_Iterable[_Union[ReliabilityBin, _Mapping]]] = ..., cross_validated_brier: _Optional[_Mapping[str, float]] = ..., cross_validated_auc: _Optional[_Mapping[str, float]] = ...) -> None: ...

class ReliabilityBin(_message.Message):
    __slots__ = ("n_rows", "probability", "share", "share_low", "share_high")
    N_ROWS_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    SHARE_LOW_FIELD_NUMBER: _ClassVar[int]
    SHARE_HIGH_FIELD_NUMBER: _ClassVar[int]
    n_rows: int
    probability: float
    share: float
    share_low: float
    share_high: float
    def __init__(self, n_rows: _Optional[int] = ..., probability: _Optional[float] = ..., share: _Optional[float] = ..., share_low: _Optional[float] = ..., share_high: _Optional[float] = ...) -> None: ...

class Succession(_message.Message):
    __slots__ = ("model_version", "base_model", "strategy", "n_splits", "mae", "new_mae", "gain", "gain_low", "gain_high", "verdict", "sentence")
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    BASE_MODEL_FIELD_NUMBER: _ClassVar[int]
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    N_SPLITS_FIELD_NUMBER: _ClassVar[int]
    MAE_FIELD_NUMBER: _ClassVar[int]
    NEW_MAE_FIELD_NUMBER: _ClassVar[int]
    GAIN_FIELD_NUMBER: _ClassVar[int]
    GAIN_LOW_FIELD_NUMBER: _ClassVar[int]
    GAIN_HIGH_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    model_version: str
    base_model: str
    strategy: str
    n_splits: int
    mae: float
    new_mae: float
    gain: float
    gain_low: float
    gain_high: float
    verdict: TransferVerdict
    sentence: str
    def __init__(self, model_version: _Optional[str] = ..., base_model: _Optional[str] = ..., strategy: _Optional[str] = ..., n_splits: _Optional[int] = ..., mae: _Optional[float] = ..., new_mae: _Optional[float] = ..., gain: _Optional[float] = ..., gain_low: _Optional[float] = ..., gain_high: _Optional[float] = ..., verdict: _Optional[_Union[TransferVerdict, str]] = ..., sentence: _Optional[str] = ...) -> None: ...

class GetTransferReportRequest(_message.Message):
    __slots__ = ("job_id", "format")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    format: ReportFormat
    def __init__(self, job_id: _Optional[str] = ..., format: _Optional[_Union[ReportFormat, str]] = ...) -> None: ...

class GetTransferReportResponse(_message.Message):
    __slots__ = ("chunk", "total_bytes")
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    chunk: bytes
    total_bytes: int
    def __init__(self, chunk: _Optional[bytes] = ..., total_bytes: _Optional[int] = ...) -> None: ...

class DeleteTenantDataRequest(_message.Message):
    __slots__ = ("confirm",)
    CONFIRM_FIELD_NUMBER: _ClassVar[int]
    confirm: bool
    def __init__(self, confirm: _Optional[bool] = ...) -> None: ...

class DeleteTenantDataResponse(_message.Message):
    __slots__ = ("n_jobs", "n_models")
    N_JOBS_FIELD_NUMBER: _ClassVar[int]
    N_MODELS_FIELD_NUMBER: _ClassVar[int]
    n_jobs: int
    n_models: int
    def __init__(self, n_jobs: _Optional[int] = ..., n_models: _Optional[int] = ...) -> None: ...
