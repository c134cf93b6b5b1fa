from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ResultColumns(_message.Message):
    __slots__ = ("n_structures", "outcomes", "texts", "formulas", "n_sites", "values", "domain_scores", "domain_verdicts", "domain_reasons", "cache_hits", "review_verdicts", "review_rules", "repairs", "notes", "errors")
    N_STRUCTURES_FIELD_NUMBER: _ClassVar[int]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    TEXTS_FIELD_NUMBER: _ClassVar[int]
    FORMULAS_FIELD_NUMBER: _ClassVar[int]
    N_SITES_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_SCORES_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_VERDICTS_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_REASONS_FIELD_NUMBER: _ClassVar[int]
    CACHE_HITS_FIELD_NUMBER: _ClassVar[int]
    REVIEW_VERDICTS_FIELD_NUMBER: _ClassVar[int]
    REVIEW_RULES_FIELD_NUMBER: _ClassVar[int]
    REPAIRS_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    n_structures: int
    outcomes: bytes
    texts: _containers.RepeatedScalarFieldContainer[str]
    formulas: bytes
    n_sites: bytes
    values: _containers.RepeatedCompositeFieldContainer[ValueColumns]
    domain_scores: bytes
    domain_verdicts: bytes
    domain_reasons: bytes
    cache_hits: bytes
    review_verdicts: bytes
    review_rules: FindingColumns
    repairs: FindingColumns
    notes: FindingColumns
    errors: FindingColumns
    def __init__(self, n_structures: _Optional[int] = ..., outcomes: _Optional[bytes] = ..., texts: _Optional[_Iterable[str]] = ..., formulas: _Optional[bytes] = ..., n_sites: _Optional[bytes] = ..., values: _Optional[_Iterable[_Union[ValueColumns, _Mapping]]] = ..., domain_scores: _Optional[bytes] = ..., domain_verdicts: _Optional[bytes] = ..., domain_reasons: _Optional[bytes] = ..., cache_hits: _Optional[bytes] = ..., review_verdicts: _Optional[bytes] = ..., review_rules: _Optional[_Union[FindingColumns, _Mapping]] = ..., repairs: _Optional[_Union[FindingColumns, _Mapping]] = ..., notes: _Optional[_Union[FindingColumns, _Mapping]] = ..., errors: _Optional[_Union[FindingColumns, _Mapping]] = ...) -> None: ...

class ValueColumns(_message.Message):
    __slots__ = ("has_value", "values", "epistemic_stds", "aleatoric_stds", "stds", "lower", "upper", "coverage")
    HAS_VALUE_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    EPISTEMIC_STDS_FIELD_NUMBER: _ClassVar[int]
    ALEATORIC_STDS_FIELD_NUMBER: _ClassVar[int]
    STDS_FIELD_NUMBER: _ClassVar[int]
    LOWER_FIELD_NUMBER: _ClassVar[int]
    UPPER_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    has_value: bytes
    values: bytes
    epistemic_stds: bytes
    aleatoric_stds: bytes
    stds: bytes
    lower: bytes
    upper: bytes
    coverage: float
    def __init__(self, has_value: _Optional[bytes] = ..., values: _Optional[bytes] = ..., epistemic_stds: _Optional[bytes] = ..., aleatoric_stds: _Optional[bytes] = ..., stds: _Optional[bytes] = ..., lower: _Optional[bytes] = ..., upper: _Optional[bytes] = ..., coverage: _Optional[float] = ...) -> None: ...

class FindingColumns(_message.Message):
    __slots__ = ("rows", "codes", "messages")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    CODES_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    rows: bytes
    codes: bytes
    messages: bytes
    def __init__(self, rows: _Optional[bytes] = ..., codes: _Optional[bytes] = ..., messages: _Optional[bytes] = ...) -> None: ...
