import datetime

from epitaxy.api.models.v1 import governance_pb2 as _governance_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListAuditRecordsRequest(_message.Message):
    __slots__ = ("tenant", "start_time", "end_time", "page_size", "after_sequence")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    page_size: int
    after_sequence: int
    def __init__(self, tenant: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., page_size: _Optional[int] = ..., after_sequence: _Optional[int] = ...) -> None: ...

class ListAuditRecordsResponse(_message.Message):
    __slots__ = ("records", "has_more")
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    HAS_MORE_FIELD_NUMBER: _ClassVar[int]
    records: _containers.RepeatedCompositeFieldContainer[AuditRecord]
    has_more: bool
    def __init__(self, records: _Optional[_Iterable[_Union[AuditRecord, _Mapping]]] = ..., has_more: _Optional[bool] = ...) -> None: ...

class AuditRecord(_message.Message):
    __slots__ = ("sequence", "tenant", "entry", "chain")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    CHAIN_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    tenant: str
    entry: _governance_pb2.AuditEntry
    chain: str
    def __init__(self, sequence: _Optional[int] = ..., tenant: _Optional[str] = ..., entry: _Optional[_Union[_governance_pb2.AuditEntry, _Mapping]] = ..., chain: _Optional[str] = ...) -> None: ...

class PromoteTenantModelRequest(_message.Message):
    __slots__ = ("tenant", "model_name", "version", "override_reason", "request_id")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    OVERRIDE_REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    model_name: str
    version: str
    override_reason: str
    request_id: str
    def __init__(self, tenant: _Optional[str] = ..., model_name: _Optional[str] = ..., version: _Optional[str] = ..., override_reason: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class PromoteTenantModelResponse(_message.Message):
    __slots__ = ("version", "previous_version")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_VERSION_FIELD_NUMBER: _ClassVar[int]
    version: str
    previous_version: str
    def __init__(self, version: _Optional[str] = ..., previous_version: _Optional[str] = ...) -> None: ...

class DeleteTenantRequest(_message.Message):
    __slots__ = ("tenant", "confirm")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    CONFIRM_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    confirm: bool
    def __init__(self, tenant: _Optional[str] = ..., confirm: _Optional[bool] = ...) -> None: ...

class DeleteTenantResponse(_message.Message):
    __slots__ = ("n_jobs", "n_models")
    N_JOBS_FIELD_NUMBER: _ClassVar[int]
    N_MODELS_FIELD_NUMBER: _ClassVar[int]
    n_jobs: int
    n_models: int
    def __init__(self, n_jobs: _Optional[int] = ..., n_models: _Optional[int] = ...) -> None: ...
