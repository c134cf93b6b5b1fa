"""Champions: which version serves, who decided so, and which version served before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from epitaxy.chassis.errors import FailedPreconditionError, InvalidRequestError
from epitaxy.finetune.domain.challenge import Challenge
from epitaxy.finetune.domain.job import Result, Verdict


class AuditAction(StrEnum):
    """Kind of a decision in the audit log."""

    PROMOTE = "PROMOTE"
    OVERRIDE = "OVERRIDE"
    """A promotion against objections, such as a verdict of HURTS."""
    ROLLBACK = "ROLLBACK"
    POLICY = "POLICY"
    """A change of the review policy; the digest is the policy's."""
    DELETE_TENANT = "DELETE_TENANT"
    PRUNE = "PRUNE"
    """An old version was removed by the operator's upkeep."""


PROMOTIONS = (AuditAction.PROMOTE, AuditAction.OVERRIDE)
MAX_REASON_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit log.

    Attributes:
        at: When the decision was recorded.
        tenant: Whose data it is about.
        request_id: Id of the call in which it was made.
        action: What was decided.
        model_name: The model; empty for a deletion of all data.
        version: The champion from then on; for PRUNE, the version that was removed.
        digest: Digest of the version's files, or of the policy.
        reason: The caller's reason.
        key_id: Id of the key that the call was made with; empty if none was needed.
    """

    at: datetime
    tenant: str
    request_id: str
    action: AuditAction
    model_name: str = ""
    version: str = ""
    digest: str = ""
    reason: str = ""
    key_id: str = ""

    def __post_init__(self) -> None:
        if len(self.reason) > MAX_REASON_CHARACTERS:
            raise InvalidRequestError.of_field("reason", f"has more than {MAX_REASON_CHARACTERS} characters")

    def chained(self, previous: str) -> str:
        """Digest of this entry and of all before it, 64 hex digits, which reveals a changed or missing line."""
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
            # Lines of before have none, and keep their digests.
            *((self.key_id,) if self.key_id else ()),
        )
        return sha256("\x1f".join(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a decision amounts to.

    Attributes:
        entry: Line for the audit log; None: nothing changes.
        answer: What the caller is told, by field.
    """

    entry: AuditEntry | None
    answer: Mapping[str, str] = field(default_factory=dict)


def promotion_of(result: Result, override_reason: str, against: Challenge | None = None) -> AuditAction:
    """PROMOTE, or OVERRIDE for a result with objections; ``against`` compares it with the champion.

    Raises FailedPreconditionError for objections without a reason.
    """
    objections = _objections(result, against)
    if not objections:
        return AuditAction.PROMOTE
    if override_reason.strip():
        return AuditAction.OVERRIDE
    raise FailedPreconditionError(
        f"version {result.version} needs a reason to be promoted, because {' and '.join(objections)}: "
        "read its report, then promote another version or give an override reason",
        reason="OVERRIDE_NEEDED",
    )


def _objections(result: Result, against: Challenge | None) -> list[str]:
    found = []
    if result.verdict is Verdict.HURTS:
        found.append("transfer HURTS it")
    if not result.is_calibrated:
        found.append("it is not calibrated")
    if result.is_constant:
        found.append("it knows no more than a constant")
    if result.gross:
        found.append(f"it was fitted on suspicious labels ({'; '.join(entry.message for entry in result.gross[:3])})")
    if against is not None and against.is_lost:
        found.append(
            f"it errs more than the champion ({against.error:.3g} against {against.champion_error:.3g} on "
            f"{against.n_formulas} formulas)"
        )
    return found


def standing_champions(history: Sequence[AuditEntry]) -> list[AuditEntry]:
    """The promotions that hold, oldest first: the last one is the champion, and a rollback removes it."""
    standing: list[AuditEntry] = []
    for entry in history:
        if entry.action is AuditAction.ROLLBACK:
            standing = standing[:-1]
        elif entry.action in PROMOTIONS:
            standing.append(entry)
    return standing
