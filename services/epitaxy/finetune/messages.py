"""Requests out of protobuf, jobs into it."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Protocol

import numpy as np
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from numpy.typing import NDArray

from epitaxy.api.common.v1 import property_pb2, structure_pb2
from epitaxy.api.finetune.v1 import finetune_pb2
from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.chassis.model_names import ModelName
from epitaxy.chassis.structure_ids import structure_ids
from epitaxy.finetune.domain.job import FineTuneJob, JobEvent, Progress, Result, Succession, Suspicion
from epitaxy.finetune.domain.label_table import LabelFile, LabelTable, StructureCell, StructureText
from epitaxy.finetune.domain.spec import (
    NO_UNIT,
    Budget,
    FineTuneSpec,
    LabelColumn,
    LabelCondition,
    LearningTask,
    Transform,
)
from epitaxy.finetune.ports import RequestKey
from epitaxy.finetune.refits import RefitRequest
from epitaxy.tables.conditions import MAX_CATEGORY_CHARACTERS
from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.heads.property import Fidelity
from epitaxy_models.materials import MaterialKind
from epitaxy_models.structures import TextFormat, unpack_structures

_MAX_REQUEST_ID = 128
_TEXT_KINDS = {
    "cif": TextFormat.CIF,
    "poscar": TextFormat.POSCAR,
    "extxyz": TextFormat.EXTXYZ,
    "pymatgen_json": TextFormat.PYMATGEN_JSON,
}
# Named like their kinds.
_MATERIAL_FIELDS = frozenset({MaterialKind.COMPOSITION, MaterialKind.MOLECULE, MaterialKind.POLYMER})
_KINDS = {
    structure_pb2.MATERIAL_KIND_COMPOSITION: MaterialKind.COMPOSITION,
    structure_pb2.MATERIAL_KIND_MOLECULE: MaterialKind.MOLECULE,
    structure_pb2.MATERIAL_KIND_POLYMER: MaterialKind.POLYMER,
}
_TRANSFORMS = {
    finetune_pb2.LABEL_TRANSFORM_UNSPECIFIED: Transform.AUTO,
    finetune_pb2.LABEL_TRANSFORM_NONE: Transform.NONE,
    finetune_pb2.LABEL_TRANSFORM_LOG10: Transform.LOG10,
    finetune_pb2.LABEL_TRANSFORM_LOG1P: Transform.LOG1P,
    finetune_pb2.LABEL_TRANSFORM_AUTO: Transform.AUTO,
}
_TASKS = {
    finetune_pb2.LEARNING_TASK_UNSPECIFIED: LearningTask.AUTO,
    finetune_pb2.LEARNING_TASK_REGRESSION: LearningTask.REGRESSION,
    finetune_pb2.LEARNING_TASK_CLASSIFICATION: LearningTask.CLASSIFICATION,
}
_TASK_NUMBERS = {task: number for number, task in _TASKS.items()}
_TRANSFORM_NUMBERS = {transform: number for number, transform in _TRANSFORMS.items()}
_FIDELITY_PREFIX = "FIDELITY_"


class _Repeatable(Protocol):
    """A request with an id that makes it safe to repeat."""

    @property
    def request_id(self) -> str: ...

    def SerializeToString(self, *, deterministic: bool) -> bytes: ...  # noqa: N802  # protobuf's


def request_key(request: _Repeatable, method: str = "") -> RequestKey | None:
    """What identifies the request when it is repeated; None without an id. Raises InvalidRequestError.

    ``method`` tells requests of several methods apart that share one table of ids.
    """
    if len(request.request_id) > _MAX_REQUEST_ID:
        raise InvalidRequestError.of_field("request_id", f"has more than {_MAX_REQUEST_ID} characters")
    content = method.encode() + request.SerializeToString(deterministic=True)
    return RequestKey(request.request_id, sha256(content).hexdigest()) if request.request_id else None


def spec_of(message: finetune_pb2.FineTuneSpec, default_seconds: float) -> FineTuneSpec:
    """The specification. Raises InvalidRequestError."""
    if message.transform not in _TRANSFORMS:
        raise InvalidRequestError.of_field("spec.transform", f"is {message.transform}, which this server does not know")
    if message.task not in _TASKS:
        raise InvalidRequestError.of_field("spec.task", f"is {message.task}, which this server does not know")
    task = _TASKS[message.task]
    budget = message.budget
    seconds = budget.max_duration.ToNanoseconds() / 1e9 if budget.HasField("max_duration") else default_seconds
    return FineTuneSpec(
        model_name=message.model_name,
        property_name=message.property_name,
        unit=message.unit or (NO_UNIT if task is LearningTask.CLASSIFICATION else ""),
        target=_column(message.target),
        budget=Budget(seconds, tuple(budget.strategies), budget.use_gpu),
        low_fidelity=tuple(_column(column) for column in message.low_fidelity),
        base_model=message.base_model,
        transform=_TRANSFORMS[message.transform],
        seed=message.seed,
        peers=tuple(message.peers),
        accept_suspicious=message.accept_suspicious,
        conditions=tuple(LabelCondition(entry.name, entry.unit) for entry in message.conditions),
        laws=tuple(message.laws),
        task=task,
    )


def source_of(request: finetune_pb2.CreateFineTuneJobRequest) -> LabelTable | LabelFile:
    """The labels, or the file that holds them. Raises InvalidRequestError."""
    match request.WhichOneof("labels"):
        case "inline":
            return _inline(request.inline)
        case "file":
            file = request.file
            return LabelFile(
                file.uri,
                file.structure_column or "structure",
                file.id_column,
                file.censored_column,
                _KINDS.get(file.kind, MaterialKind.STRUCTURE),
                file.element_columns,
                _TASKS.get(request.spec.task, LearningTask.AUTO),
            )
        case _:
            raise InvalidRequestError.of_field("labels", "is empty: fill inline or file")


def refit_of(request: finetune_pb2.CreateFineTuneJobRequest) -> RefitRequest:
    """The refit that a request asks for. Raises InvalidRequestError."""
    budget = request.spec.budget
    return RefitRequest(
        model_name=request.spec.model_name,
        version=request.refit.model_version,
        max_seconds=budget.max_duration.ToNanoseconds() / 1e9 if budget.HasField("max_duration") else None,
        use_gpu=budget.use_gpu,
        labels=source_of(request) if request.WhichOneof("labels") else None,
    )


def job_message(job: FineTuneJob) -> finetune_pb2.FineTuneJob:
    """A job on the wire."""
    message = finetune_pb2.FineTuneJob(
        id=job.id,
        spec=_spec_message(job.spec),
        state=f"JOB_STATE_{job.state.value}",
        progress=_progress_message(job.progress),
        create_time=_timestamp(job.created_at),
        start_time=_timestamp(job.started_at),
        end_time=_timestamp(job.ended_at),
        n_rows=job.n_rows,
        n_labels=job.n_labels,
        attempts=job.attempt,
        refit_of=job.spec.refit_of.version if job.spec.refit_of else "",
    )
    if job.failure is not None:
        message.failure.reason, message.failure.message = job.failure.reason, job.failure.message
        message.failure.suspicious.extend(map(_suspicious_message, job.failure.suspicious))
    if job.result is not None:
        message.result.CopyFrom(_result_message(job.result, ModelName(job.tenant, job.spec.model_name)))
    return message


def event_message(event: JobEvent) -> finetune_pb2.JobEvent:
    """One event of a job on the wire."""
    return finetune_pb2.JobEvent(
        sequence=event.sequence,
        create_time=_timestamp(event.at),
        state=f"JOB_STATE_{event.state.value}",
        progress=_progress_message(event.progress),
    )


def _column(message: finetune_pb2.LabelColumn) -> LabelColumn:
    name = property_pb2.Fidelity.Name(message.fidelity) if message.fidelity in property_pb2.Fidelity.values() else ""
    if not name:
        raise InvalidRequestError.of_field("fidelity", f"is {message.fidelity}, which this server does not know")
    known = None if message.fidelity == 0 else Fidelity(name.removeprefix(_FIDELITY_PREFIX))
    return LabelColumn(message.name, known, message.level_of_theory, message.cost)


def _inline(labels: finetune_pb2.InlineLabels) -> LabelTable:
    names = structure_ids(labels.structures)
    cells = [cell for index, entry in enumerate(labels.structures) for cell in _cells(entry, index)]
    values = {column.column: np.array(column.values, dtype=np.float64) for column in labels.columns}
    if len(values) < len(labels.columns):
        raise InvalidRequestError.of_field("inline.columns", "names a column twice")
    conditions = {column.name: _condition(column) for column in labels.conditions}
    if len(conditions) < len(labels.conditions):
        raise InvalidRequestError.of_field("inline.conditions", "names a condition twice")
    sides = {column.column: _sides(column) for column in labels.columns if column.upper_bounds or column.lower_bounds}
    return LabelTable([name or str(row) for row, name in enumerate(names)], cells, values, conditions, sides)


def _sides(column: finetune_pb2.LabelValues) -> NDArray[np.int8]:
    """-1 for an upper bound, 1 for a lower one, 0 for a value."""
    sides = np.zeros(len(column.values), dtype=np.int8)
    bounds = [*column.upper_bounds, *column.lower_bounds]
    if max(bounds) >= len(sides) or len(set(bounds)) < len(bounds):
        raise InvalidRequestError.of_field(
            f"inline.columns[{column.column[:80]!r}]", "names a bound twice, or one beyond the values"
        )
    sides[list(column.upper_bounds)], sides[list(column.lower_bounds)] = -1, 1
    return sides


def _condition(column: structure_pb2.ConditionColumn) -> NDArray[Any]:
    field = f"inline.conditions[{column.name[:80]!r}]"
    if column.unit:
        raise InvalidRequestError.of_field(field, "has a unit: state it in spec.conditions")
    if bool(column.numbers) == bool(column.categories) or len(column.numbers) % 8:
        raise InvalidRequestError.of_field(field, "needs either numbers, each a float64, or categories")
    if column.numbers:
        return np.frombuffer(column.numbers, dtype="<f8").astype(np.float64)
    if any(len(text) > MAX_CATEGORY_CHARACTERS for text in column.categories):
        raise InvalidRequestError.of_field(field, f"has a category of more than {MAX_CATEGORY_CHARACTERS} characters")
    values = np.empty(len(column.categories), dtype=object)
    values[:] = [text or None for text in column.categories]
    return values


def _cells(entry: structure_pb2.StructureInput, index: int) -> Iterator[StructureCell]:
    kind = entry.WhichOneof("source")
    field = f"inline.structures[{index}]"
    if kind is None:
        raise InvalidRequestError.of_field(field, "has no structure: fill packed, cif, poscar, extxyz or pymatgen_json")
    if kind in _MATERIAL_FIELDS:
        yield StructureText(kind, getattr(entry, kind))
        return
    if kind != "packed":
        yield StructureText(_TEXT_KINDS[kind].value, getattr(entry, kind))
        return
    packed = entry.packed
    try:
        yield from unpack_structures(
            packed.n_sites, packed.lattices_angstrom, packed.atomic_numbers, packed.frac_coords
        )
    except InvalidStructureError as error:
        raise InvalidRequestError.of_field(f"{field}.packed", error.message) from error


def _spec_message(spec: FineTuneSpec) -> finetune_pb2.FineTuneSpec:
    return finetune_pb2.FineTuneSpec(
        model_name=spec.model_name,
        property_name=spec.property_name,
        unit=spec.unit,
        base_model=spec.base_model,
        target=_column_message(spec.target),
        low_fidelity=[_column_message(column) for column in spec.low_fidelity],
        transform=_TRANSFORM_NUMBERS[spec.transform],
        budget=finetune_pb2.FineTuneBudget(
            max_duration=_duration(spec.budget.max_seconds),
            strategies=spec.budget.strategies,
            use_gpu=spec.budget.use_gpu,
        ),
        seed=spec.seed,
        peers=spec.peers,
        accept_suspicious=spec.accept_suspicious,
        conditions=[finetune_pb2.LabelCondition(name=entry.name, unit=entry.unit) for entry in spec.conditions],
        laws=spec.laws,
        task=_TASK_NUMBERS[spec.task],
    )


def _column_message(column: LabelColumn) -> finetune_pb2.LabelColumn:
    fidelity = "UNSPECIFIED" if column.fidelity is None else column.fidelity.value
    return finetune_pb2.LabelColumn(
        name=column.name,
        fidelity=f"{_FIDELITY_PREFIX}{fidelity}",
        level_of_theory=column.level_of_theory,
        cost=column.cost,
    )


def _progress_message(progress: Progress) -> finetune_pb2.JobProgress:
    left = None if progress.seconds_left is None else _duration(progress.seconds_left)
    return finetune_pb2.JobProgress(
        fraction=progress.fraction, message=progress.message, metrics=progress.metrics, remaining_duration=left
    )


def _result_message(result: Result, model: ModelName) -> finetune_pb2.FineTuneResult:
    return finetune_pb2.FineTuneResult(
        model_name=model.name,
        model_version=result.version,
        model_digest=result.digest,
        verdict=f"TRANSFER_VERDICT_{result.verdict.value}",
        strategy=result.strategy,
        cross_validated_mae=result.cross_validated_mae,
        is_calibrated=result.is_calibrated,
        sentence=result.sentence,
        served_as=str(model),
        suspicious=map(_suspicious_message, result.suspicious),
        is_constant=result.is_constant,
        succession=_succession_message(result.succession),
        classification=_quality_message(result),
    )


def _quality_message(result: Result) -> finetune_pb2.ClassificationQuality | None:
    found = result.classification
    if found is None:
        return None
    return finetune_pb2.ClassificationQuality(
        n_zeros=found.n_zeros,
        n_ones=found.n_ones,
        auc=found.auc,
        auc_low=found.auc_low,
        auc_high=found.auc_high,
        brier=found.brier,
        constant_brier=found.constant_brier,
        log_loss=found.log_loss,
        calibration_error=found.calibration_error,
        expected_calibration_error=found.expected_calibration_error,
        calibration_p_value=found.calibration_p_value,
        reliability=[
            finetune_pb2.ReliabilityBin(
                n_rows=one.n_rows,
                probability=one.probability,
                share=one.share,
                share_low=one.low,
                share_high=one.high,
            )
            for one in found.reliability
        ],
        cross_validated_brier=result.cross_validated_brier,
        cross_validated_auc=found.auc_by_strategy,
    )


def _succession_message(found: Succession | None) -> finetune_pb2.Succession | None:
    if found is None:
        return None
    return finetune_pb2.Succession(
        model_version=found.version,
        base_model=found.base_model,
        strategy=found.strategy,
        n_splits=found.n_splits,
        mae=found.mae or 0.0,
        new_mae=found.new_mae or 0.0,
        gain=found.gain or 0.0,
        gain_low=found.gain_low,
        gain_high=found.gain_high,
        verdict=f"TRANSFER_VERDICT_{found.verdict.value if found.verdict else 'UNSPECIFIED'}",
        sentence=found.sentence,
    )


def _suspicious_message(found: Suspicion) -> finetune_pb2.SuspiciousLabel:
    return finetune_pb2.SuspiciousLabel(
        row=found.row, id=found.id, value=found.value, kind=found.kind, message=found.message
    )


def _timestamp(at: datetime | None) -> Timestamp | None:
    if at is None:
        return None
    message = Timestamp()
    message.FromDatetime(at)
    return message


def _duration(seconds: float) -> Duration:
    message = Duration()
    message.FromNanoseconds(int(seconds * 1e9))
    return message


def chunks_of(content: bytes, size: int) -> Sequence[bytes]:
    """Pieces of a content in order; an empty content has one empty piece."""
    return [content[start : start + size] for start in range(0, max(1, len(content)), size)]
