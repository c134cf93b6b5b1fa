"""Review policies and the audit log, free of protobuf."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from epitaxy.api.common.v1 import review_pb2
from epitaxy.api.finetune.v1 import finetune_pb2
from epitaxy.client.results import review_name


@dataclass(frozen=True, slots=True)
class ReviewPolicy:
    """What the answers of a model must meet to pass unseen.

    Attributes:
        max_interval_width: Widest interval by property, in its unit, at ``interval_coverage``; wider: REVIEW.
        interval_coverage: Widths are judged at this one, whatever a caller asks for.
        max_domain_score: Beyond it REVIEW; None: the score alone decides nothing.
        out_of_domain: ``"ACCEPT"``, ``"REVIEW"`` or ``"REJECT"``: of answers out of domain.
        forbidden_elements: Atomic numbers that make an answer REJECT.
    """

    max_interval_width: Mapping[str, float] = field(default_factory=dict)
    interval_coverage: float = 0.9
    max_domain_score: float | None = None
    out_of_domain: str = "REVIEW"
    forbidden_elements: tuple[int, ...] = ()

    @classmethod
    def from_proto(cls, policy: review_pb2.ReviewPolicy) -> "ReviewPolicy":
        """The policy as the server gave it."""
        outcome = review_name(policy.out_of_domain) if policy.out_of_domain else "REVIEW"
        return cls(
            dict(policy.max_interval_width),
            policy.interval_coverage or 0.9,
            policy.max_domain_score or None,
            outcome,
            tuple(policy.forbidden_elements),
        )

    def to_proto(self) -> review_pb2.ReviewPolicy:
        """The policy on the wire. Raises ValueError for another outcome than the three."""
        return review_pb2.ReviewPolicy(
            max_interval_width=self.max_interval_width,
            interval_coverage=self.interval_coverage,
            max_domain_score=self.max_domain_score or 0.0,
            out_of_domain=f"REVIEW_VERDICT_{self.out_of_domain}",
            forbidden_elements=self.forbidden_elements,
        )


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the append-only log of a tenant.

    Attributes:
        at: When, UTC.
        action: ``"PROMOTE"``, ``"OVERRIDE"``, ``"ROLLBACK"``, ``"POLICY"``, ``"DELETE_TENANT"`` or ``"PRUNE"``.
        model: Of which model; empty for a deletion.
        version: The champion from then on.
        digest: Of the version's files, or of the policy.
        reason: The caller's words.
        request_id: The call in which it was done.
    """

    at: datetime
    action: str
    model: str
    version: str
    digest: str
    reason: str
    request_id: str

    @classmethod
    def from_proto(cls, entry: finetune_pb2.AuditEntry) -> "AuditEntry":
        """The entry as the server gave it."""
        at = entry.at.ToDatetime(tzinfo=UTC)
        return cls(at, entry.action, entry.model_name, entry.version, entry.digest, entry.reason, entry.request_id)
