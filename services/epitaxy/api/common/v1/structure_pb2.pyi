from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MaterialKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MATERIAL_KIND_UNSPECIFIED: _ClassVar[MaterialKind]
    MATERIAL_KIND_STRUCTURE: _ClassVar[MaterialKind]
    MATERIAL_KIND_COMPOSITION: _ClassVar[MaterialKind]
    MATERIAL_KIND_MOLECULE: _ClassVar[MaterialKind]
    MATERIAL_KIND_POLYMER: _ClassVar[MaterialKind]
MATERIAL_KIND_UNSPECIFIED: MaterialKind
MATERIAL_KIND_STRUCTURE: MaterialKind
MATERIAL_KIND_COMPOSITION: MaterialKind
MATERIAL_KIND_MOLECULE: MaterialKind
MATERIAL_KIND_POLYMER: MaterialKind

class PackedStructures(_message.Message):
    __slots__ = ("ids", "n_sites", "lattices_angstrom", "atomic_numbers", "frac_coords", "known_values", "conditions")
    IDS_FIELD_NUMBER: _ClassVar[int]
    N_SITES_FIELD_NUMBER: _ClassVar[int]
    LATTICES_ANGSTROM_FIELD_NUMBER: _ClassVar[int]
    ATOMIC_NUMBERS_FIELD_NUMBER: _ClassVar[int]
    FRAC_COORDS_FIELD_NUMBER: _ClassVar[int]
    KNOWN_VALUES_FIELD_NUMBER: _ClassVar[int]
    CONDITIONS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[str]
    n_sites: bytes
    lattices_angstrom: bytes
    atomic_numbers: bytes
    frac_coords: bytes
    known_values: _containers.RepeatedCompositeFieldContainer[KnownColumn]
    conditions: _containers.RepeatedCompositeFieldContainer[ConditionColumn]
    def __init__(self, ids: _Optional[_Iterable[str]] = ..., n_sites: _Optional[bytes] = ..., lattices_angstrom: _Optional[bytes] = ..., atomic_numbers: _Optional[bytes] = ..., frac_coords: _Optional[bytes] = ..., known_values: _Optional[_Iterable[_Union[KnownColumn, _Mapping]]] = ..., conditions: _Optional[_Iterable[_Union[ConditionColumn, _Mapping]]] = ...) -> None: ...

class KnownColumn(_message.Message):
    __slots__ = ("name", "values")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    name: str
    values: bytes
    def __init__(self, name: _Optional[str] = ..., values: _Optional[bytes] = ...) -> None: ...

class ConditionValue(_message.Message):
    __slots__ = ("number", "category", "unit")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    number: float
    category: str
    unit: str
    def __init__(self, number: _Optional[float] = ..., category: _Optional[str] = ..., unit: _Optional[str] = ...) -> None: ...

class ConditionColumn(_message.Message):
    __slots__ = ("name", "unit", "numbers", "categories")
    NAME_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    NUMBERS_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    name: str
    unit: str
    numbers: bytes
    categories: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., unit: _Optional[str] = ..., numbers: _Optional[bytes] = ..., categories: _Optional[_Iterable[str]] = ...) -> None: ...

class StructureInput(_message.Message):
    __slots__ = ("id", "packed", "cif", "poscar", "extxyz", "pymatgen_json", "composition", "molecule", "polymer", "known_values", "conditions")
    class KnownValuesEntry(_message.Message):
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
        value: ConditionValue
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[ConditionValue, _Mapping]] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    PACKED_FIELD_NUMBER: _ClassVar[int]
    CIF_FIELD_NUMBER: _ClassVar[int]
    POSCAR_FIELD_NUMBER: _ClassVar[int]
    EXTXYZ_FIELD_NUMBER: _ClassVar[int]
    PYMATGEN_JSON_FIELD_NUMBER: _ClassVar[int]
    COMPOSITION_FIELD_NUMBER: _ClassVar[int]
    MOLECULE_FIELD_NUMBER: _ClassVar[int]
    POLYMER_FIELD_NUMBER: _ClassVar[int]
    KNOWN_VALUES_FIELD_NUMBER: _ClassVar[int]
    CONDITIONS_FIELD_NUMBER: _ClassVar[int]
    id: str
    packed: PackedStructures
    cif: str
    poscar: str
    extxyz: str
    pymatgen_json: str
    composition: str
    molecule: str
    polymer: str
    known_values: _containers.ScalarMap[str, float]
    conditions: _containers.MessageMap[str, ConditionValue]
    def __init__(self, id: _Optional[str] = ..., packed: _Optional[_Union[PackedStructures, _Mapping]] = ..., cif: _Optional[str] = ..., poscar: _Optional[str] = ..., extxyz: _Optional[str] = ..., pymatgen_json: _Optional[str] = ..., composition: _Optional[str] = ..., molecule: _Optional[str] = ..., polymer: _Optional[str] = ..., known_values: _Optional[_Mapping[str, float]] = ..., conditions: _Optional[_Mapping[str, ConditionValue]] = ...) -> None: ...

class Repair(_message.Message):
    __slots__ = ("code", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class Note(_message.Message):
    __slots__ = ("code", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class ItemError(_message.Message):
    __slots__ = ("reason", "message", "retryable")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RETRYABLE_FIELD_NUMBER: _ClassVar[int]
    reason: str
    message: str
    retryable: bool
    def __init__(self, reason: _Optional[str] = ..., message: _Optional[str] = ..., retryable: _Optional[bool] = ...) -> None: ...
