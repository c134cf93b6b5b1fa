"""Champions: which version serves, by whose decision, and which one before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from epitaxy.chassis.errors import FailedPreconditionError, InvalidRequestError
from epitaxy.finetune.domain.job import Result, Verdict

MAX_REASON = 1000


class AuditAction(StrEnum):
    """What is kept on record."""

    PROMOTE = "PROMOTE"
    OVERRIDE = "OVERRIDE"
    """A promotion against the verdict, or without calibration."""
    ROLLBACK = "ROLLBACK"
    POLICY = "POLICY"
    """A change of the review policy; the digest is the policy's."""
    DELETE_TENANT = "DELETE_TENANT"
    PRUNE = "PRUNE"
    """An old version was removed by the operator's upkeep."""


PROMOTIONS = (AuditAction.PROMOTE, AuditAction.OVERRIDE)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit log.

    Attributes:
        at: When.
        tenant: Who.
        request_id: In which call.
        action: What.
        model_name: Of which model; empty for a deletion.
        version: The champion from then on; of PRUNE, the version that went.
        digest: Of that version's files, or of the policy.
        reason: The caller's words.
    """

    at: datetime
    tenant: str
    request_id: str
    action: AuditAction
    model_name: str = ""
    version: str = ""
    digest: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        if len(self.reason) > MAX_REASON:
            raise InvalidRequestError.of_field("reason", f"has more than {MAX_REASON} characters")

    def chained(self, previous: str) -> str:
        """Digest of this entry and of all before it, 64 hex digits: a changed or missing line shows."""
        parts = (
            previous,
            self.at.isoformat(),
            self.tenant,
            self.request_id,
            self.action.value,
            self.model_name,
            self.version,
            self.digest,
            self.reason,
        )
        return sha256("\x1f".join(parts).encode()).hexdigest()


def promotion_of(result: Result, override_reason: str) -> AuditAction:
    """PROMOTE, or OVERRIDE for a result that should not serve. Raises FailedPreconditionError without a reason."""
    objections = []
    if result.verdict is Verdict.HURTS:
        objections.append("transfer HURTS it")
    if not result.is_calibrated:
        objections.append("it is not calibrated")
    if not objections:
        return AuditAction.PROMOTE
    if override_reason.strip():
        return AuditAction.OVERRIDE
    raise FailedPreconditionError(
        f"version {result.version} is not promoted as it is, for {' and '.join(objections)}: "
        "read its report, then promote another version or give an override reason",
        reason="OVERRIDE_NEEDED",
    )


def standing_champions(history: Sequence[AuditEntry]) -> list[AuditEntry]:
    """The promotions that hold, oldest first: the last one is the champion, a rollback takes it away."""
    standing: list[AuditEntry] = []
    for entry in history:
        if entry.action is AuditAction.ROLLBACK:
            standing = standing[:-1]
        elif entry.action in PROMOTIONS:
            standing.append(entry)
    return standing
