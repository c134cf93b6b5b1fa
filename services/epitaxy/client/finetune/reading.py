"""From the wire to jobs, their events and results."""

from dataclasses import replace

from epitaxy.api.finetune.v1 import finetune_pb2
from epitaxy.client.finetune.render import FineTuneResult, JobStatus
from epitaxy.client.finetune.results import (
    ClassificationQuality,
    JobEvent,
    JobFailure,
    JobProgress,
    ReliabilityBin,
    Succession,
    SuspiciousLabel,
)
from epitaxy.client.reading import enum_name, read_time


def read_status(job: finetune_pb2.FineTuneJob) -> JobStatus:
    """The job as the server gave it."""
    return JobStatus(
        id=job.id,
        model=job.spec.model_name,
        property_name=job.spec.property_name,
        unit=job.spec.unit,
        column=job.spec.target.name,
        state=state_name(job.state),
        progress=read_progress(job.progress),
        create_time=read_time(job, "create_time"),
        start_time=read_time(job, "start_time"),
        end_time=read_time(job, "end_time"),
        n_rows=job.n_rows,
        n_labels=job.n_labels,
        attempts=job.attempts,
        failure=_failure(job.failure) if job.HasField("failure") else None,
        result=_result(job.result) if job.HasField("result") else None,
        refit_of=job.refit_of,
        task=_task(job.spec.task),
    )


def read_event(event: finetune_pb2.JobEvent) -> JobEvent:
    """The event as the server told it."""
    progress = read_progress(event.progress)
    return JobEvent(event.sequence, read_time(event, "create_time"), state_name(event.state), progress)


def read_progress(progress: finetune_pb2.JobProgress) -> JobProgress:
    """The progress as the server told it."""
    is_known = progress.HasField("remaining_duration")
    remaining = progress.remaining_duration.ToTimedelta().total_seconds() if is_known else None
    return JobProgress(progress.fraction, progress.message, dict(progress.metrics), remaining)


def state_name(value: int) -> str:
    """``"TRAINING"`` for ``JOB_STATE_TRAINING``."""
    return enum_name(finetune_pb2.JobState.Name, "JOB_STATE_", value)


def _failure(failure: finetune_pb2.JobFailure) -> JobFailure:
    return JobFailure(failure.reason, failure.message, tuple(map(_suspicious, failure.suspicious)))


def _suspicious(found: finetune_pb2.SuspiciousLabel) -> SuspiciousLabel:
    row, value = (getattr(found, name) if found.HasField(name) else None for name in ("row", "value"))
    return SuspiciousLabel(row, found.id, value, found.kind, found.message)


def _result(result: finetune_pb2.FineTuneResult) -> FineTuneResult:
    return FineTuneResult(
        model=result.model_name,
        model_version=result.model_version,
        model_digest=result.model_digest,
        verdict=enum_name(finetune_pb2.TransferVerdict.Name, "TRANSFER_VERDICT_", result.verdict),
        strategy=result.strategy,
        cross_validated_mae=dict(sorted(result.cross_validated_mae.items(), key=lambda entry: entry[1])),
        is_calibrated=result.is_calibrated,
        served_as=result.served_as,
        sentence=result.sentence,
        is_constant=result.is_constant,
        suspicious=tuple(map(_suspicious, result.suspicious)),
        succession=_succession(result.succession) if result.HasField("succession") else None,
        classification=_quality(result.classification) if result.HasField("classification") else None,
    )


def _task(value: int) -> str:
    """A server that states none knows numbers alone."""
    name = enum_name(finetune_pb2.LearningTask.Name, "LEARNING_TASK_", value).lower()
    return "regression" if name == "unspecified" else name


def _quality(found: finetune_pb2.ClassificationQuality) -> ClassificationQuality:
    bins = (
        ReliabilityBin(one.n_rows, one.probability, one.share, one.share_low, one.share_high)
        for one in found.reliability
    )
    return ClassificationQuality(
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
        reliability=tuple(bins),
        cross_validated_brier=dict(sorted(found.cross_validated_brier.items(), key=lambda entry: entry[1])),
        cross_validated_auc=dict(sorted(found.cross_validated_auc.items(), key=lambda entry: -entry[1])),
    )


def _succession(found: finetune_pb2.Succession) -> Succession:
    told = Succession(found.model_version, found.base_model, found.strategy, found.n_splits, found.sentence)
    if not found.n_splits:
        return told
    low, high = (getattr(found, name) if found.HasField(name) else None for name in ("gain_low", "gain_high"))
    return replace(
        told,
        verdict=enum_name(finetune_pb2.TransferVerdict.Name, "TRANSFER_VERDICT_", found.verdict),
        mae=found.mae,
        new_mae=found.new_mae,
        gain=found.gain,
        gain_low=low,
        gain_high=high,
    )
