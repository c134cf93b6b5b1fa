"""Limits and audit records, from the wire."""

from datetime import UTC

from epitaxy.api.account.v1 import account_pb2, administration_pb2
from epitaxy.client.models.account.results import AccountLimits, AuditRecord, CallerKey, FineTuneUsage, PredictionUsage
from epitaxy.client.models.reading import read_audit_entry


def read_limits(answer: account_pb2.GetLimitsResponse) -> AccountLimits:
    """The limits as the server gave them."""
    key = answer.key
    ends = key.expire_time.ToDatetime(tzinfo=UTC) if key.HasField("expire_time") else None
    finetune = _finetune(answer.finetune) if answer.HasField("finetune") else None
    return AccountLimits(
        answer.tenant, CallerKey(key.id, ends, tuple(key.scopes)), _prediction(answer.prediction), finetune
    )


def read_record(record: administration_pb2.AuditRecord) -> AuditRecord:
    """A line of the log as the server gave it."""
    return AuditRecord(record.sequence, record.tenant, read_audit_entry(record.entry), record.chain)


def _prediction(use: account_pb2.PredictionUsage) -> PredictionUsage:
    has_rate = use.HasField("structures_per_minute")
    return PredictionUsage(
        open_screens=use.open_screens,
        max_open_screens=use.max_open_screens,
        structures_per_minute=use.structures_per_minute if has_rate else None,
        structures_left=use.structures_left if has_rate else None,
        weight=use.weight,
        max_structures_per_message=use.max_structures_per_message,
        max_structures_per_predict=use.max_structures_per_predict,
        max_structures_per_explain=use.max_structures_per_explain,
        max_message_bytes=use.max_message_bytes,
        has_own_cache=use.has_own_cache,
    )


def _finetune(use: account_pb2.FineTuneUsage) -> FineTuneUsage:
    return FineTuneUsage(
        active_jobs=use.active_jobs,
        max_active_jobs=use.max_active_jobs,
        stored_models=use.stored_models,
        max_stored_models=use.max_stored_models,
        max_labels_per_job=use.max_labels_per_job,
        measurements=use.measurements,
        max_measurements=use.max_measurements,
    )
