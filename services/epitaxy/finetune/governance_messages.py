"""Review policies and audit entries on the wire."""

from datetime import UTC, datetime
from typing import Any

from epitaxy.api.account.v1 import administration_pb2
from epitaxy.api.common.v1 import review_pb2
from epitaxy.api.models.v1 import governance_pb2
from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.chassis.limits import DEFAULT_COVERAGE
from epitaxy.finetune.domain.promotion import AuditEntry
from epitaxy.finetune.ports import ChainedEntry, TimeRange
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.review import ReviewPolicy, ReviewVerdict

_VERDICTS = {
    review_pb2.REVIEW_VERDICT_UNSPECIFIED: ReviewVerdict.REVIEW,
    review_pb2.REVIEW_VERDICT_ACCEPT: ReviewVerdict.ACCEPT,
    review_pb2.REVIEW_VERDICT_REVIEW: ReviewVerdict.REVIEW,
    review_pb2.REVIEW_VERDICT_REJECT: ReviewVerdict.REJECT,
}


def policy_of(message: review_pb2.ReviewPolicy) -> ReviewPolicy:
    """The policy. Raises InvalidRequestError for limits that make no sense."""
    outcome = _VERDICTS.get(message.out_of_domain)
    if outcome is None:
        raise InvalidRequestError.of_field("policy.out_of_domain", "must be ACCEPT, REVIEW or REJECT")
    try:
        return ReviewPolicy(
            max_interval_width=dict(message.max_interval_width),
            interval_coverage=message.interval_coverage or DEFAULT_COVERAGE,
            max_domain_score=message.max_domain_score or None,
            out_of_domain=outcome,
            forbidden_elements=tuple(message.forbidden_elements),
        )
    except ConfigurationError as error:
        raise InvalidRequestError.of_field("policy", error.message) from error


def policy_message(policy: ReviewPolicy) -> review_pb2.ReviewPolicy:
    """A review policy on the wire."""
    return review_pb2.ReviewPolicy(
        max_interval_width=policy.max_interval_width,
        interval_coverage=policy.interval_coverage,
        max_domain_score=policy.max_domain_score or 0.0,
        out_of_domain=f"REVIEW_VERDICT_{policy.out_of_domain.value}",
        forbidden_elements=policy.forbidden_elements,
    )


def range_of(
    message: governance_pb2.ListAuditEntriesRequest | administration_pb2.ListAuditRecordsRequest,
) -> TimeRange:
    """The range of time that is asked for. Raises InvalidRequestError for a time that there is not, or none at all."""
    since, until = (_time(message, name) for name in ("start_time", "end_time"))
    if since is not None and until is not None and since >= until:
        raise InvalidRequestError.of_field("end_time", "must be after start_time")
    return TimeRange(since, until)


def record_message(line: ChainedEntry) -> administration_pb2.AuditRecord:
    """One line of the whole log on the wire."""
    return administration_pb2.AuditRecord(
        sequence=line.sequence, tenant=line.entry.tenant, entry=entry_message(line.entry), chain=line.chain
    )


def _time(message: Any, name: str) -> datetime | None:
    if not message.HasField(name):
        return None
    try:
        found: datetime = getattr(message, name).ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidRequestError.of_field(name, "is not a time between the years 1 and 9999") from error
    return found


def entry_message(entry: AuditEntry) -> governance_pb2.AuditEntry:
    """One entry of the audit log on the wire."""
    message = governance_pb2.AuditEntry(
        request_id=entry.request_id,
        action=entry.action.value,
        model_name=entry.model_name,
        version=entry.version,
        digest=entry.digest,
        reason=entry.reason,
        key_id=entry.key_id,
    )
    message.create_time.FromDatetime(entry.at)
    return message
