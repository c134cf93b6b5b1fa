from epitaxy.api.account.v1 import account_pb2 as _account_pb2
from epitaxy.api.account.v1 import administration_pb2 as _administration_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReadUsageRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReadUsageResponse(_message.Message):
    __slots__ = ("usage",)
    USAGE_FIELD_NUMBER: _ClassVar[int]
    usage: _account_pb2.FineTuneUsage
    def __init__(self, usage: _Optional[_Union[_account_pb2.FineTuneUsage, _Mapping]] = ...) -> None: ...

class ReadAuditRecordsRequest(_message.Message):
    __slots__ = ("query",)
    QUERY_FIELD_NUMBER: _ClassVar[int]
    query: _administration_pb2.ListAuditRecordsRequest
    def __init__(self, query: _Optional[_Union[_administration_pb2.ListAuditRecordsRequest, _Mapping]] = ...) -> None: ...

class ReadAuditRecordsResponse(_message.Message):
    __slots__ = ("page",)
    PAGE_FIELD_NUMBER: _ClassVar[int]
    page: _administration_pb2.ListAuditRecordsResponse
    def __init__(self, page: _Optional[_Union[_administration_pb2.ListAuditRecordsResponse, _Mapping]] = ...) -> None: ...
