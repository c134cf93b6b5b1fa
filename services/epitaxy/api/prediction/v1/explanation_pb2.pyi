from epitaxy.api.common.v1 import model_pb2 as _model_pb2
from epitaxy.api.common.v1 import property_pb2 as _property_pb2
from epitaxy.api.common.v1 import structure_pb2 as _structure_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ExplainRequest(_message.Message):
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

class ExplainResponse(_message.Message):
    __slots__ = ("model", "property", "results")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROPERTY_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    model: _model_pb2.ModelStamp
    property: _property_pb2.PropertyDefinition
    results: _containers.RepeatedCompositeFieldContainer[ExplanationResult]
    def __init__(self, model: _Optional[_Union[_model_pb2.ModelStamp, _Mapping]] = ..., property: _Optional[_Union[_property_pb2.PropertyDefinition, _Mapping]] = ..., results: _Optional[_Iterable[_Union[ExplanationResult, _Mapping]]] = ...) -> None: ...

class ExplanationResult(_message.Message):
    __slots__ = ("id", "explanation", "error")
    ID_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    id: str
    explanation: Explanation
    error: _structure_pb2.ItemError
    def __init__(self, id: _Optional[str] = ..., explanation: _Optional[_Union[Explanation, _Mapping]] = ..., error: _Optional[_Union[_structure_pb2.ItemError, _Mapping]] = ...) -> None: ...

class Explanation(_message.Message):
    __slots__ = ("reduced_formula", "value", "baseline", "completeness_error", "sites", "elements", "shells", "faithfulness", "nearest", "structure", "kind", "method", "baseline_material", "baseline_description", "sampling_error", "atoms", "bonds", "conditions", "drawing_svg", "model", "property")
    REDUCED_FORMULA_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    BASELINE_FIELD_NUMBER: _ClassVar[int]
    COMPLETENESS_ERROR_FIELD_NUMBER: _ClassVar[int]
    SITES_FIELD_NUMBER: _ClassVar[int]
    ELEMENTS_FIELD_NUMBER: _ClassVar[int]
    SHELLS_FIELD_NUMBER: _ClassVar[int]
    FAITHFULNESS_FIELD_NUMBER: _ClassVar[int]
    NEAREST_FIELD_NUMBER: _ClassVar[int]
    STRUCTURE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    BASELINE_MATERIAL_FIELD_NUMBER: _ClassVar[int]
    BASELINE_DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    SAMPLING_ERROR_FIELD_NUMBER: _ClassVar[int]
    ATOMS_FIELD_NUMBER: _ClassVar[int]
    BONDS_FIELD_NUMBER: _ClassVar[int]
    CONDITIONS_FIELD_NUMBER: _ClassVar[int]
    DRAWING_SVG_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROPERTY_FIELD_NUMBER: _ClassVar[int]
    reduced_formula: str
    value: float
    baseline: float
    completeness_error: float
    sites: _containers.RepeatedCompositeFieldContainer[SiteContribution]
    elements: _containers.RepeatedCompositeFieldContainer[ElementContribution]
    shells: _containers.RepeatedCompositeFieldContainer[ShellContribution]
    faithfulness: Faithfulness
    nearest: _containers.RepeatedCompositeFieldContainer[NearestMaterial]
    structure: _structure_pb2.PackedStructures
    kind: _structure_pb2.MaterialKind
    method: str
    baseline_material: str
    baseline_description: str
    sampling_error: float
    atoms: _containers.RepeatedCompositeFieldContainer[AtomContribution]
    bonds: _containers.RepeatedCompositeFieldContainer[BondContribution]
    conditions: _containers.RepeatedCompositeFieldContainer[ConditionContribution]
    drawing_svg: str
    model: _model_pb2.ModelStamp
    property: _property_pb2.PropertyDefinition
    def __init__(self, reduced_formula: _Optional[str] = ..., value: _Optional[float] = ..., baseline: _Optional[float] = ..., completeness_error: _Optional[float] = ..., sites: _Optional[_Iterable[_Union[SiteContribution, _Mapping]]] = ..., elements: _Optional[_Iterable[_Union[ElementContribution, _Mapping]]] = ..., shells: _Optional[_Iterable[_Union[ShellContribution, _Mapping]]] = ..., faithfulness: _Optional[_Union[Faithfulness, _Mapping]] = ..., nearest: _Optional[_Iterable[_Union[NearestMaterial, _Mapping]]] = ..., structure: _Optional[_Union[_structure_pb2.PackedStructures, _Mapping]] = ..., kind: _Optional[_Union[_structure_pb2.MaterialKind, str]] = ..., method: _Optional[str] = ..., baseline_material: _Optional[str] = ..., baseline_description: _Optional[str] = ..., sampling_error: _Optional[float] = ..., atoms: _Optional[_Iterable[_Union[AtomContribution, _Mapping]]] = ..., bonds: _Optional[_Iterable[_Union[BondContribution, _Mapping]]] = ..., conditions: _Optional[_Iterable[_Union[ConditionContribution, _Mapping]]] = ..., drawing_svg: _Optional[str] = ..., model: _Optional[_Union[_model_pb2.ModelStamp, _Mapping]] = ..., property: _Optional[_Union[_property_pb2.PropertyDefinition, _Mapping]] = ...) -> None: ...

class AtomContribution(_message.Message):
    __slots__ = ("atomic_number", "unit", "index", "value", "std")
    ATOMIC_NUMBER_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    STD_FIELD_NUMBER: _ClassVar[int]
    atomic_number: int
    unit: int
    index: int
    value: float
    std: float
    def __init__(self, atomic_number: _Optional[int] = ..., unit: _Optional[int] = ..., index: _Optional[int] = ..., value: _Optional[float] = ..., std: _Optional[float] = ...) -> None: ...

class BondContribution(_message.Message):
    __slots__ = ("unit", "first_index", "second_index", "order", "value", "std")
    UNIT_FIELD_NUMBER: _ClassVar[int]
    FIRST_INDEX_FIELD_NUMBER: _ClassVar[int]
    SECOND_INDEX_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    STD_FIELD_NUMBER: _ClassVar[int]
    unit: int
    first_index: int
    second_index: int
    order: float
    value: float
    std: float
    def __init__(self, unit: _Optional[int] = ..., first_index: _Optional[int] = ..., second_index: _Optional[int] = ..., order: _Optional[float] = ..., value: _Optional[float] = ..., std: _Optional[float] = ...) -> None: ...

class ConditionContribution(_message.Message):
    __slots__ = ("name", "text", "unit", "value", "std")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    STD_FIELD_NUMBER: _ClassVar[int]
    name: str
    text: str
    unit: str
    value: float
    std: float
    def __init__(self, name: _Optional[str] = ..., text: _Optional[str] = ..., unit: _Optional[str] = ..., value: _Optional[float] = ..., std: _Optional[float] = ...) -> None: ...

class SiteContribution(_message.Message):
    __slots__ = ("atomic_number", "value", "std")
    ATOMIC_NUMBER_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    STD_FIELD_NUMBER: _ClassVar[int]
    atomic_number: int
    value: float
    std: float
    def __init__(self, atomic_number: _Optional[int] = ..., value: _Optional[float] = ..., std: _Optional[float] = ...) -> None: ...

class ElementContribution(_message.Message):
    __slots__ = ("atomic_number", "n_sites", "value", "std", "fraction")
    ATOMIC_NUMBER_FIELD_NUMBER: _ClassVar[int]
    N_SITES_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    STD_FIELD_NUMBER: _ClassVar[int]
    FRACTION_FIELD_NUMBER: _ClassVar[int]
    atomic_number: int
    n_sites: int
    value: float
    std: float
    fraction: float
    def __init__(self, atomic_number: _Optional[int] = ..., n_sites: _Optional[int] = ..., value: _Optional[float] = ..., std: _Optional[float] = ..., fraction: _Optional[float] = ...) -> None: ...

class ShellContribution(_message.Message):
    __slots__ = ("first_atomic_number", "second_atomic_number", "distance_angstrom", "coordination", "value", "std")
    FIRST_ATOMIC_NUMBER_FIELD_NUMBER: _ClassVar[int]
    SECOND_ATOMIC_NUMBER_FIELD_NUMBER: _ClassVar[int]
    DISTANCE_ANGSTROM_FIELD_NUMBER: _ClassVar[int]
    COORDINATION_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    STD_FIELD_NUMBER: _ClassVar[int]
    first_atomic_number: int
    second_atomic_number: int
    distance_angstrom: float
    coordination: float
    value: float
    std: float
    def __init__(self, first_atomic_number: _Optional[int] = ..., second_atomic_number: _Optional[int] = ..., distance_angstrom: _Optional[float] = ..., coordination: _Optional[float] = ..., value: _Optional[float] = ..., std: _Optional[float] = ...) -> None: ...

class Faithfulness(_message.Message):
    __slots__ = ("deletion", "insertion", "random_deletion", "random_insertion", "beats_random", "n_parts", "n_random_orders", "is_faithful", "reason")
    DELETION_FIELD_NUMBER: _ClassVar[int]
    INSERTION_FIELD_NUMBER: _ClassVar[int]
    RANDOM_DELETION_FIELD_NUMBER: _ClassVar[int]
    RANDOM_INSERTION_FIELD_NUMBER: _ClassVar[int]
    BEATS_RANDOM_FIELD_NUMBER: _ClassVar[int]
    N_PARTS_FIELD_NUMBER: _ClassVar[int]
    N_RANDOM_ORDERS_FIELD_NUMBER: _ClassVar[int]
    IS_FAITHFUL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    deletion: float
    insertion: float
    random_deletion: float
    random_insertion: float
    beats_random: float
    n_parts: int
    n_random_orders: int
    is_faithful: bool
    reason: str
    def __init__(self, deletion: _Optional[float] = ..., insertion: _Optional[float] = ..., random_deletion: _Optional[float] = ..., random_insertion: _Optional[float] = ..., beats_random: _Optional[float] = ..., n_parts: _Optional[int] = ..., n_random_orders: _Optional[int] = ..., is_faithful: _Optional[bool] = ..., reason: _Optional[str] = ...) -> None: ...

class NearestMaterial(_message.Message):
    __slots__ = ("id", "formula", "space_group", "distance", "labels")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    FORMULA_FIELD_NUMBER: _ClassVar[int]
    SPACE_GROUP_FIELD_NUMBER: _ClassVar[int]
    DISTANCE_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    id: str
    formula: str
    space_group: int
    distance: float
    labels: _containers.ScalarMap[str, float]
    def __init__(self, id: _Optional[str] = ..., formula: _Optional[str] = ..., space_group: _Optional[int] = ..., distance: _Optional[float] = ..., labels: _Optional[_Mapping[str, float]] = ...) -> None: ...
