"""Limits, usage and lines of the audit log of all tenants: frozen values."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from epitaxy.client.models.review import AuditEntry


@dataclass(frozen=True, slots=True)
class CallerKey:
    """The key that the client calls with.

    Attributes:
        id: Part of the key between "epx_" and the secret; empty if the server needs no key.
        expires_at: When the key ends, UTC; None: never.
        scopes: What the key may do, sorted.
    """

    id: str
    expires_at: datetime | None
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PredictionUsage:
    """What the tenant may use of predictions, and uses, at the gateway that answered.

    Attributes:
        open_screens: Screens that are open.
        max_open_screens: Largest number of them.
        structures_per_minute: Structures a minute; None: no limit of the tenant's own.
        structures_left: Structures that may be sent before a call has to wait; None as above.
        weight: Share of what is scarce, relative to other tenants.
        max_structures_per_message: Structures in one message of a screen.
        max_structures_per_predict: Structures in one call of predict.
        max_structures_per_explain: Structures in one call of explain.
        max_message_bytes: Bytes of one message.
        has_own_cache: Whether what the tenant asks is cached for it alone.
    """

    open_screens: int
    max_open_screens: int
    structures_per_minute: int | None
    structures_left: int | None
    weight: float
    max_structures_per_message: int
    max_structures_per_predict: int
    max_structures_per_explain: int
    max_message_bytes: int
    has_own_cache: bool


@dataclass(frozen=True, slots=True)
class FineTuneUsage:
    """What the tenant may use of fine-tuning, and uses.

    Attributes:
        active_jobs: Jobs that have not ended.
        max_active_jobs: Largest number of them.
        stored_models: Versions of models that are stored.
        max_stored_models: Largest number of them; a job that has not ended counts as one.
        max_labels_per_job: Rows of one job's labels.
        measurements: Measurements that are kept.
        max_measurements: Largest number of them.
    """

    active_jobs: int
    max_active_jobs: int
    stored_models: int
    max_stored_models: int
    max_labels_per_job: int
    measurements: int
    max_measurements: int


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """Limits and usage of a tenant.

    Attributes:
        tenant: Name of the tenant.
        key: The key that the client calls with.
        prediction: Use of predictions.
        finetune: Use of fine-tuning; None if the server has none, the key lacks the scope, or nothing answers.
    """

    tenant: str
    key: CallerKey
    prediction: PredictionUsage
    finetune: FineTuneUsage | None


@dataclass(frozen=True, slots=True)
class DeletedTenant:
    """How much of a tenant's data an administrator removed.

    Attributes:
        n_jobs: Jobs, with their labels and reports.
        n_models: Models, with all versions.
    """

    n_jobs: int
    n_models: int


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """A line of the audit log of all tenants.

    Attributes:
        sequence: Number of the line; it grows, and may leave some out.
        tenant: Whose data the decision is about.
        entry: The decision.
        chain: SHA-256 over this line and the chain of the line before it, 64 hex digits.
    """

    sequence: int
    tenant: str
    entry: AuditEntry
    chain: str

    def follows(self, chain: str) -> bool:
        """Whether the line is as it was written and stands behind the one with this chain; empty: it is the first."""
        entry = self.entry
        parts = (
            chain,
            entry.create_time.isoformat(),
            self.tenant,
            entry.request_id,
            entry.action,
            entry.model,
            entry.version,
            entry.digest,
            entry.reason,
            *((entry.key_id,) if entry.key_id else ()),
        )
        return sha256("\x1f".join(parts).encode()).hexdigest() == self.chain
