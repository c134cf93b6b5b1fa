from epitaxy.api.common.v1 import structure_pb2 as _structure_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ValidateRequest(_message.Message):
    __slots__ = ("structures",)
    STRUCTURES_FIELD_NUMBER: _ClassVar[int]
    structures: _containers.RepeatedCompositeFieldContainer[_structure_pb2.StructureInput]
    def __init__(self, structures: _Optional[_Iterable[_Union[_structure_pb2.StructureInput, _Mapping]]] = ...) -> None: ...

class ValidateResponse(_message.Message):
    __slots__ = ("reports",)
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    reports: _containers.RepeatedCompositeFieldContainer[IntakeReport]
    def __init__(self, reports: _Optional[_Iterable[_Union[IntakeReport, _Mapping]]] = ...) -> None: ...

class IntakeReport(_message.Message):
    __slots__ = ("id", "reduced_formula", "n_sites", "repairs", "error", "notes", "kind", "key")
    ID_FIELD_NUMBER: _ClassVar[int]
    REDUCED_FORMULA_FIELD_NUMBER: _ClassVar[int]
    N_SITES_FIELD_NUMBER: _ClassVar[int]
    REPAIRS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    reduced_formula: str
    n_sites: int
    repairs: _containers.RepeatedCompositeFieldContainer[_structure_pb2.Repair]
    error: _structure_pb2.ItemError
    notes: _containers.RepeatedCompositeFieldContainer[_structure_pb2.Note]
    kind: _structure_pb2.MaterialKind
    key: str
    def __init__(self, id: _Optional[str] = ..., reduced_formula: _Optional[str] = ..., n_sites: _Optional[int] = ..., repairs: _Optional[_Iterable[_Union[_structure_pb2.Repair, _Mapping]]] = ..., error: _Optional[_Union[_structure_pb2.ItemError, _Mapping]] = ..., notes: _Optional[_Iterable[_Union[_structure_pb2.Note, _Mapping]]] = ..., kind: _Optional[_Union[_structure_pb2.MaterialKind, str]] = ..., key: _Optional[str] = ...) -> None: ...
