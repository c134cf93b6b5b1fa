"""Review policies and the audit log: frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from epitaxy.client.defaults import COVERAGE


@dataclass(frozen=True, slots=True)
class ReviewPolicy:
    """The conditions under which answers of a model may be used without review.

    Attributes:
        max_interval_width: Widest accepted interval by property, in its unit, at ``interval_coverage``; a wider one
            goes to REVIEW.
        interval_coverage: Nominal coverage at which widths are judged, 0.5 to 0.99, whatever coverage the caller
            asks for.
        max_domain_score: Largest accepted domain score, in (0, 1]; a larger one goes to REVIEW. None: the score alone
            decides nothing.
        out_of_domain: Verdict on answers out of domain: ``"ACCEPT"``, ``"REVIEW"`` or ``"REJECT"``.
        forbidden_elements: Atomic numbers of elements that make an answer REJECT.
    """

    max_interval_width: Mapping[str, float] = field(default_factory=dict)
    interval_coverage: float = COVERAGE
    max_domain_score: float | None = None
    out_of_domain: str = "REVIEW"
    forbidden_elements: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of a tenant's append-only audit log.

    Attributes:
        create_time: When the decision was recorded, UTC.
        action: ``"PROMOTE"``, ``"OVERRIDE"``, ``"ROLLBACK"``, ``"POLICY"``, ``"DELETE_TENANT"`` or ``"PRUNE"``.
        model: Name of the model; empty if the decision is about the whole tenant.
        version: The champion from then on; empty if the decision is about all versions.
        digest: Digest of the version's files, or of the policy.
        reason: The caller's words.
        request_id: Id of the call in which the decision was made.
        key_id: Id of the API key that the call was made with; empty if none was needed.
    """

    create_time: datetime
    action: str
    model: str
    version: str
    digest: str
    reason: str
    request_id: str
    key_id: str = ""


@dataclass(frozen=True, slots=True)
class ModelChange:
    """Which version of a model serves now.

    Attributes:
        model: Name of the model.
        version: The champion now.
        previous_version: The champion before; empty if there was none.
        served_as: ``"TENANT/NAME"``: the name under which predictions ask for the model.
    """

    model: str
    version: str
    previous_version: str
    served_as: str
