"""Requests out of protobuf."""

import math
from collections.abc import Callable, Mapping
from enum import StrEnum
from hashlib import sha256
from typing import Any, Protocol, TypeVar

import numpy as np

from epitaxy.api.campaigns.v1 import campaigns_pb2 as pb
from epitaxy.api.common.v1.structure_pb2 import MaterialKind as MaterialKindMessage
from epitaxy.api.common.v1.structure_pb2 import StructureInput
from epitaxy.campaigns.domain.candidates import (
    Candidate,
    ConditionValue,
    fault_of_conditions,
    fault_of_id,
    fault_of_numbers,
)
from epitaxy.campaigns.domain.events import ResultStatus
from epitaxy.campaigns.domain.reporting import GivenResult, GivenValue
from epitaxy.campaigns.domain.spec import (
    DEFAULT_BATCH,
    DEFAULT_LEASE_SECONDS,
    Acquisition,
    Budget,
    CampaignSpec,
    Constraint,
    Goal,
    Objective,
    PoolCondition,
    PoolFile,
    PoolRules,
    Start,
)
from epitaxy.campaigns.pool.cells import check_wire
from epitaxy.campaigns.ports import RequestKey
from epitaxy.campaigns.reporting import Correction, Sample
from epitaxy.chassis.errors import InvalidRequestError
from epitaxy_models.errors import InvalidMaterialError, InvalidStructureError
from epitaxy_models.materials import MaterialKind

_MAX_REQUEST_ID = 128
_EnumT = TypeVar("_EnumT", bound=StrEnum)


class _Repeatable(Protocol):
    @property
    def request_id(self) -> str: ...

    def SerializeToString(self, *, deterministic: bool) -> bytes: ...  # noqa: N802  # protobuf's


def request_key(request: _Repeatable) -> RequestKey | None:
    """What identifies the request when it is repeated; None without an id. Raises InvalidRequestError."""
    if len(request.request_id) > _MAX_REQUEST_ID or not request.request_id.isprintable():
        text = f"must have at most {_MAX_REQUEST_ID} printable characters"
        raise InvalidRequestError.of_field("request_id", text)
    if not request.request_id:
        return None
    # The kind of the request tells methods apart that share one table of ids.
    content = type(request).__name__.encode() + request.SerializeToString(deterministic=True)
    return RequestKey(request.request_id, sha256(content).hexdigest())


def spec_of(message: pb.CampaignSpec) -> CampaignSpec:
    """The specification. Raises InvalidRequestError."""
    rules = message.rules
    seconds = message.lease_duration.ToNanoseconds() / 1e9 if message.HasField("lease_duration") else None
    return CampaignSpec(
        name=message.name,
        objectives=objectives_of(message.objectives),
        constraints=constraints_of(message.constraints),
        rules=PoolRules(
            tuple(rules.allowed_elements),
            tuple(rules.excluded_elements),
            tuple(rules.domain_verdicts),
            tuple(rules.review_verdicts),
        ),
        batch_size=message.batch_size or DEFAULT_BATCH,
        budget=_budget(message.budget),
        seed=message.seed,
        start=_enum(pb.Start, message.start, Start, "spec.start", Start.AUTO),
        acquisition=_enum(pb.Acquisition, message.acquisition, Acquisition, "spec.acquisition", Acquisition.AUTO),
        base_model=message.base_model,
        lease_seconds=DEFAULT_LEASE_SECONDS if seconds is None else seconds,
        is_cost_aware=message.is_cost_aware,
        margin=message.margin if message.HasField("margin") else None,
    )


def objectives_of(messages: Any) -> tuple[Objective, ...]:
    """Objectives. Raises InvalidRequestError."""
    return tuple(
        Objective(
            entry.property,
            entry.unit,
            _enum(pb.Goal, entry.goal, Goal, "objectives.goal"),
            entry.target,
            entry.low,
            entry.high,
        )
        for entry in messages
    )


def constraints_of(messages: Any) -> tuple[Constraint, ...]:
    """Constraints. Raises InvalidRequestError."""
    return tuple(Constraint(entry.property, entry.is_upper, entry.limit) for entry in messages)


def file_of(request: pb.CreateCampaignRequest) -> PoolFile | None:
    """The pool's file; None if candidates come by calls."""
    if not request.HasField("file"):
        return None
    file = request.file
    kind = MaterialKind.COMPOSITION if file.element_columns else _kind(file.kind)
    return PoolFile(
        file.uri,
        file.structure_column or "structure",
        file.id_column,
        file.cost_column,
        file.group_column,
        tuple(file.known_columns),
        kind,
        file.element_columns,
        tuple(PoolCondition(entry.name, entry.unit) for entry in file.conditions),
    )


def candidate_of(message: pb.Candidate) -> Candidate:
    """A candidate; its own fault tells if it cannot be kept."""
    known, conditions = _known(message.structure), _conditions(message.structure)
    fault = fault_of_id(message.id) or _fault_of_form(message.structure) or fault_of_numbers(message.cost, known)
    fault = fault or fault_of_conditions(conditions)
    content = message.structure.SerializeToString()
    return Candidate(message.id, content, message.cost or 1.0, message.group[:200], known, fault, conditions)


def sample_of(message: pb.Result) -> Sample:
    """A result, and the sample itself if its structure is given; a structure that cannot be read is its own fault."""
    given = _given(message)
    if not message.HasField("structure"):
        return Sample(given)
    content = message.structure.SerializeToString()
    fault = fault_of_id(message.id)
    try:
        check_wire(content)
    except (InvalidStructureError, InvalidMaterialError) as error:
        fault = fault or (str(error.reason), error.message)
    known, conditions = _known(message.structure), _conditions(message.structure)
    fault = fault or fault_of_conditions(conditions)
    candidate = Candidate(message.id, content, known=known, fault=fault, conditions=conditions)
    return Sample(_with_fault(given, fault), candidate)


def correction_of(message: pb.Correction) -> Correction:
    """A correction. Raises InvalidRequestError if it neither retracts nor replaces."""
    if message.is_retraction == message.HasField("result"):
        text = "must either retract, or give the right result"
        raise InvalidRequestError.of_field("corrections", text)
    result = _given(message.result) if message.HasField("result") else None
    return Correction(message.ticket, message.id, message.measurement_id, message.reason, result)


def is_html(number: int) -> bool:
    """Whether a record is asked for as a page. Raises InvalidRequestError for a format that is not known."""
    if number not in pb.ExportFormat.values():
        raise InvalidRequestError.of_field("format", f"is {number}, which this server does not know")
    return number == pb.EXPORT_FORMAT_HTML


def _known(message: StructureInput) -> dict[str, float]:
    """Known values of a structure, which a packed one has in columns of its own; NaN means unknown."""
    known = dict(message.known_values)
    if message.HasField("packed"):
        columns = ((column.name, column.values) for column in message.packed.known_values)
        known = {name: float(np.frombuffer(values, dtype="<f8")[0]) for name, values in columns if len(values) == 8}
    return {name: value for name, value in known.items() if not math.isnan(value)}


def _conditions(message: StructureInput) -> dict[str, ConditionValue]:
    """Conditions of a structure, which a packed one has in columns of its own; those without a value are left out."""
    if not message.HasField("packed"):
        given = {name: (value, value.WhichOneof("value")) for name, value in message.conditions.items()}
        return {name: ConditionValue(getattr(value, kind), value.unit) for name, (value, kind) in given.items() if kind}
    found: dict[str, ConditionValue] = {}
    for column in message.packed.conditions:
        number = float(np.frombuffer(column.numbers, dtype="<f8")[0]) if len(column.numbers) == 8 else math.nan
        category = column.categories[0] if len(column.categories) == 1 else ""
        if category or not math.isnan(number):
            found[column.name] = ConditionValue(category) if category else ConditionValue(number, column.unit)
    return found


def _kind(number: int) -> MaterialKind:
    """The kind of a column's materials. Raises InvalidRequestError for one that is not known."""
    names = {value: name for name, value in MaterialKindMessage.items()}
    if number not in names:
        raise InvalidRequestError.of_field("file.kind", f"is {number}, which this server does not know")
    word = names[number].removeprefix("MATERIAL_KIND_").lower()
    return MaterialKind.STRUCTURE if number == 0 else MaterialKind(word)


def _fault_of_form(message: StructureInput) -> tuple[str, str] | None:
    if message.WhichOneof("source") is None:
        return "EMPTY_STRUCTURE", "the candidate has no structure: fill one of its forms"
    if message.HasField("packed") and len(message.packed.n_sites) != 4:
        return "NOT_ONE_STRUCTURE", "the block does not hold one structure: give each candidate one"
    return None


def _given(message: pb.Result) -> GivenResult:
    status = _enum(pb.ResultStatus, message.status, ResultStatus, "results.status", ResultStatus.MEASURED)
    values = tuple(GivenValue(entry.property, entry.unit, entry.value, entry.std) for entry in message.values)
    return GivenResult(message.ticket, message.id, status, values, message.measurement_id[:128], message.note[:500])


def _with_fault(given: GivenResult, fault: tuple[str, str] | None) -> GivenResult:
    return GivenResult(
        given.ticket, given.id, given.status, given.values, given.measurement_id, given.note, fault=fault
    )


def _budget(message: pb.CampaignBudget) -> Budget | None:
    match message.WhichOneof("limit"):
        case "n_candidates":
            return Budget(float(message.n_candidates))
        case "cost":
            return Budget(message.cost, is_cost=True)
        case _:
            return None


def _enum(
    wrapper: Any, number: int, kind: Callable[[str], _EnumT], field: str, default: _EnumT | None = None
) -> _EnumT:
    """A member by its number. Raises InvalidRequestError for one that is not stated or not known."""
    names: Mapping[int, str] = {value: name for name, value in wrapper.items()}
    name = names.get(number, "")
    if number == 0 and default is not None:
        return default
    prefix = _prefix(wrapper)
    if number == 0 or not name:
        known = ", ".join(text.removeprefix(prefix) for value, text in names.items() if value)
        raise InvalidRequestError.of_field(field, f"must be one of {known}")
    return kind(name.removeprefix(prefix))


def _prefix(wrapper: Any) -> str:
    """What all names of an enum begin with: that of its zero without UNSPECIFIED."""
    return str(wrapper.Name(0)).removesuffix("UNSPECIFIED")
