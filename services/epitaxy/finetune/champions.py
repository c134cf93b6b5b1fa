"""The use cases of models: promotion, rollback, deletion, each of them on record."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from epitaxy.chassis.errors import FailedPreconditionError, InvalidRequestError, NotFoundError
from epitaxy.chassis.model_names import ModelName
from epitaxy.finetune.domain.job import Result
from epitaxy.finetune.domain.promotion import AuditAction, AuditEntry, promotion_of, standing_champions
from epitaxy.finetune.domain.spec import check_model_name
from epitaxy.finetune.ports import JobStore, Ledger, ModelRegistry, NumberedEntry
from epitaxy.registry.ports import Alias
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.review import ReviewPolicy


@dataclass(frozen=True, slots=True)
class Caller:
    """Who does something, and in which call."""

    tenant: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Change:
    """Which version serves now, and which one did until then (empty: none)."""

    version: str
    previous_version: str


@dataclass(frozen=True, slots=True)
class Champions:
    """Decides on champions. The record is written first: what serves is never without one."""

    store: JobStore
    ledger: Ledger
    registry: ModelRegistry

    def promote(self, caller: Caller, name: str, version: str, override_reason: str) -> Change:
        """Makes a version (empty: the candidate) the champion.

        Raises NotFoundError, and FailedPreconditionError for one that needs a reason.
        """
        check_model_name(name, "model_name")
        result = self._result(caller.tenant, name, version or self._candidate(caller.tenant, name))
        action = promotion_of(result, override_reason)
        standing = standing_champions(self.ledger.history(caller.tenant, name))
        if not standing or standing[-1].version != result.version:
            reason = override_reason if action is AuditAction.OVERRIDE else ""
            self._record(caller, action, name, result.version, result.digest, reason)
        self.registry.promote(ModelName(caller.tenant, name), result.version)
        return Change(result.version, standing[-1].version if standing else "")

    def roll_back(self, caller: Caller, name: str, reason: str) -> Change:
        """Makes the champion before the present one the champion again. Raises FailedPreconditionError."""
        check_model_name(name, "model_name")
        history = self.ledger.history(caller.tenant, name)
        standing = standing_champions(history)
        if not history:
            raise _unknown(name)
        if len(standing) < 2:
            raise FailedPreconditionError(
                f"{name} has no champion before the present one: promote another version", reason="NO_PREVIOUS_VERSION"
            )
        present, before = standing[-1], standing[-2]
        self._record(caller, AuditAction.ROLLBACK, name, before.version, before.digest, reason)
        self.registry.promote(ModelName(caller.tenant, name), before.version)
        return Change(before.version, present.version)

    def set_policy(self, caller: Caller, name: str, policy: ReviewPolicy, reason: str) -> None:
        """Makes a policy judge all answers of a model from now on. Raises NotFoundError, InvalidRequestError."""
        check_model_name(name, "model_name")
        model = ModelName(caller.tenant, name)
        versions = self.registry.versions(model)
        job = self.store.of_version(caller.tenant, name, versions[0].version) if versions else None
        if job is None:
            raise _unknown(name)
        try:
            policy.check_properties([job.spec.property_name])
        except ConfigurationError as error:
            raise InvalidRequestError.of_field("policy.max_interval_width", error.message) from error
        self._record(caller, AuditAction.POLICY, name, "", policy.digest, reason)
        self.registry.set_review_policy(model, policy.as_text())

    def audit(self, tenant: str, name: str, size: int, before: int | None) -> Sequence[NumberedEntry]:
        """Up to ``size`` entries of a tenant's own log before a sequence number, the latest first."""
        return self.ledger.page(tenant, name, size, before)

    def delete(self, caller: Caller) -> int:
        """Removes all models of a tenant; how many there were."""
        self._record(caller, AuditAction.DELETE_TENANT)
        return self.registry.delete_tenant(caller.tenant)

    def _candidate(self, tenant: str, name: str) -> str:
        return self.registry.find(ModelName(tenant, name), alias=Alias.CANDIDATE).version

    def _result(self, tenant: str, name: str, version: str) -> Result:
        job = self.store.of_version(tenant, name, version)
        if job is None or job.result is None:
            raise _unknown(name)
        return job.result

    def _record(
        self,
        caller: Caller,
        action: AuditAction,
        name: str = "",
        version: str = "",
        digest: str = "",
        reason: str = "",
    ) -> None:
        now = datetime.now(UTC)
        self.ledger.append(
            AuditEntry(now, caller.tenant, caller.request_id, action, name, version, digest, reason.strip())
        )


def check_confirmation(*, confirm: bool) -> None:
    """Raises InvalidRequestError unless the caller says that he means it."""
    if not confirm:
        raise InvalidRequestError.of_field("confirm", "must be true: nothing brings the data back")


def _unknown(name: str) -> NotFoundError:
    return NotFoundError(f"{name} has no such version: list the jobs to see yours", reason="UNKNOWN_MODEL")
