from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Fidelity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FIDELITY_UNSPECIFIED: _ClassVar[Fidelity]
    FIDELITY_PBE: _ClassVar[Fidelity]
    FIDELITY_PBE_U: _ClassVar[Fidelity]
    FIDELITY_PBESOL: _ClassVar[Fidelity]
    FIDELITY_SCAN: _ClassVar[Fidelity]
    FIDELITY_R2SCAN: _ClassVar[Fidelity]
    FIDELITY_HSE06: _ClassVar[Fidelity]
    FIDELITY_GLLB_SC: _ClassVar[Fidelity]
    FIDELITY_OPTB88VDW: _ClassVar[Fidelity]
    FIDELITY_TBMBJ: _ClassVar[Fidelity]
    FIDELITY_GW: _ClassVar[Fidelity]
    FIDELITY_FORCE_FIELD: _ClassVar[Fidelity]
    FIDELITY_EXPERIMENT: _ClassVar[Fidelity]
    FIDELITY_HYBRID: _ClassVar[Fidelity]
FIDELITY_UNSPECIFIED: Fidelity
FIDELITY_PBE: Fidelity
FIDELITY_PBE_U: Fidelity
FIDELITY_PBESOL: Fidelity
FIDELITY_SCAN: Fidelity
FIDELITY_R2SCAN: Fidelity
FIDELITY_HSE06: Fidelity
FIDELITY_GLLB_SC: Fidelity
FIDELITY_OPTB88VDW: Fidelity
FIDELITY_TBMBJ: Fidelity
FIDELITY_GW: Fidelity
FIDELITY_FORCE_FIELD: Fidelity
FIDELITY_EXPERIMENT: Fidelity
FIDELITY_HYBRID: Fidelity

class PropertyDefinition(_message.Message):
    __slots__ = ("name", "unit", "fidelity", "level_of_theory", "description", "lower_bound", "upper_bound", "is_probability")
    NAME_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    FIDELITY_FIELD_NUMBER: _ClassVar[int]
    LEVEL_OF_THEORY_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    LOWER_BOUND_FIELD_NUMBER: _ClassVar[int]
    UPPER_BOUND_FIELD_NUMBER: _ClassVar[int]
    IS_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    name: str
    unit: str
    fidelity: Fidelity
    level_of_theory: str
    description: str
    lower_bound: float
    upper_bound: float
    is_probability: bool
    def __init__(self, name: _Optional[str] = ..., unit: _Optional[str] = ..., fidelity: _Optional[_Union[Fidelity, str]] = ..., level_of_theory: _Optional[str] = ..., description: _Optional[str] = ..., lower_bound: _Optional[float] = ..., upper_bound: _Optional[float] = ..., is_probability: _Optional[bool] = ...) -> None: ...

class CalibrationStamp(_message.Message):
    __slots__ = ("method", "n_calibration", "measured_coverage", "nominal_coverage", "n_measured")
    METHOD_FIELD_NUMBER: _ClassVar[int]
    N_CALIBRATION_FIELD_NUMBER: _ClassVar[int]
    MEASURED_COVERAGE_FIELD_NUMBER: _ClassVar[int]
    NOMINAL_COVERAGE_FIELD_NUMBER: _ClassVar[int]
    N_MEASURED_FIELD_NUMBER: _ClassVar[int]
    method: str
    n_calibration: int
    measured_coverage: float
    nominal_coverage: float
    n_measured: int
    def __init__(self, method: _Optional[str] = ..., n_calibration: _Optional[int] = ..., measured_coverage: _Optional[float] = ..., nominal_coverage: _Optional[float] = ..., n_measured: _Optional[int] = ...) -> None: ...

class PredictionInterval(_message.Message):
    __slots__ = ("lower", "upper", "coverage")
    LOWER_FIELD_NUMBER: _ClassVar[int]
    UPPER_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    lower: float
    upper: float
    coverage: float
    def __init__(self, lower: _Optional[float] = ..., upper: _Optional[float] = ..., coverage: _Optional[float] = ...) -> None: ...
