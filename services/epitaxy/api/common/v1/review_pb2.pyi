from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReviewVerdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REVIEW_VERDICT_UNSPECIFIED: _ClassVar[ReviewVerdict]
    REVIEW_VERDICT_ACCEPT: _ClassVar[ReviewVerdict]
    REVIEW_VERDICT_REVIEW: _ClassVar[ReviewVerdict]
    REVIEW_VERDICT_REJECT: _ClassVar[ReviewVerdict]
REVIEW_VERDICT_UNSPECIFIED: ReviewVerdict
REVIEW_VERDICT_ACCEPT: ReviewVerdict
REVIEW_VERDICT_REVIEW: ReviewVerdict
REVIEW_VERDICT_REJECT: ReviewVerdict

class ReviewPolicy(_message.Message):
    __slots__ = ("max_interval_width", "interval_coverage", "max_domain_score", "out_of_domain", "forbidden_elements")
    class MaxIntervalWidthEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    MAX_INTERVAL_WIDTH_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_COVERAGE_FIELD_NUMBER: _ClassVar[int]
    MAX_DOMAIN_SCORE_FIELD_NUMBER: _ClassVar[int]
    OUT_OF_DOMAIN_FIELD_NUMBER: _ClassVar[int]
    FORBIDDEN_ELEMENTS_FIELD_NUMBER: _ClassVar[int]
    max_interval_width: _containers.ScalarMap[str, float]
    interval_coverage: float
    max_domain_score: float
    out_of_domain: ReviewVerdict
    forbidden_elements: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, max_interval_width: _Optional[_Mapping[str, float]] = ..., interval_coverage: _Optional[float] = ..., max_domain_score: _Optional[float] = ..., out_of_domain: _Optional[_Union[ReviewVerdict, str]] = ..., forbidden_elements: _Optional[_Iterable[int]] = ...) -> None: ...

class ReviewDecision(_message.Message):
    __slots__ = ("verdict", "rules")
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    verdict: ReviewVerdict
    rules: _containers.RepeatedCompositeFieldContainer[FiredRule]
    def __init__(self, verdict: _Optional[_Union[ReviewVerdict, str]] = ..., rules: _Optional[_Iterable[_Union[FiredRule, _Mapping]]] = ...) -> None: ...

class FiredRule(_message.Message):
    __slots__ = ("code", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...
