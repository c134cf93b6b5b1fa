"""The use cases of model governance: promotion, rollback, review policy, each of them on record.

The ledger is the truth: a decision is recorded first and the model registry follows it. If the registry cannot follow,
the decision stands unsettled, and the next call about the model, or a repetition of this one, makes it follow. A
repetition that comes after a newer decision never undoes that one.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from epitaxy.chassis.errors import FailedPreconditionError, InvalidRequestError, NotFoundError
from epitaxy.chassis.model_names import ModelName
from epitaxy.finetune.domain.challenge import Challenge, challenge
from epitaxy.finetune.domain.job import Result
from epitaxy.finetune.domain.promotion import AuditAction, AuditEntry, Ruling, promotion_of, standing_champions
from epitaxy.finetune.domain.spec import check_model_name
from epitaxy.finetune.ports import (
    ALWAYS,
    Decision,
    JobFiles,
    JobStore,
    Ledger,
    ModelRegistry,
    NumberedEntry,
    RequestKey,
    TimeRange,
)
from epitaxy.registry.ports import Alias, ModelVersion
from epitaxy_models.errors import ConfigurationError
from epitaxy_models.review import ReviewPolicy


@dataclass(frozen=True, slots=True)
class Caller:
    """The tenant that calls, the id of the call, and the id of its key."""

    tenant: str
    request_id: str
    key_id: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """The version that serves now, and the one that served before (empty: none)."""

    version: str
    previous_version: str


@dataclass(frozen=True, slots=True)
class Champions:
    """Decides which versions serve and which policy reviews them.

    Every method with a ``key`` is idempotent: an equal request gets the first answer and changes nothing. Raises
    FailedPreconditionError if the key's request id was used for another request.
    """

    store: JobStore
    ledger: Ledger
    registry: ModelRegistry
    files: JobFiles | None = None
    """Where reports are; without them, no version is compared with the champion."""
    verify: Callable[[ModelVersion], None] | None = None
    """Raises FailedPreconditionError for a version that does not load; a service always has it."""

    def promote(
        self, caller: Caller, name: str, version: str, override_reason: str, key: RequestKey | None = None
    ) -> Change:
        """Makes a version (empty: the candidate) the champion.

        Raises NotFoundError, and FailedPreconditionError for a version that needs a reason or does not load: no
        reason overrides the latter.
        """
        check_model_name(name, "model_name")
        decision = self._find(caller, key)
        if decision is None:
            result = self._result(caller.tenant, name, version or self._candidate(caller.tenant, name))
            rule = self._promotion(caller, name, result, override_reason)
            self._check(caller.tenant, name, result.version)
            decision = self.ledger.decide(caller.tenant, name, key, rule)
        self._settle_champion(caller.tenant, name, decision, key)
        return Change(**decision.answer)

    def roll_back(self, caller: Caller, name: str, reason: str, key: RequestKey | None = None) -> Change:
        """Makes the previous champion the champion again.

        Raises NotFoundError, and FailedPreconditionError if there is none or if it does not load.
        """
        check_model_name(name, "model_name")
        decision = self._find(caller, key)
        while decision is None:
            target = _before_last(name, self.ledger.history(caller.tenant, name))
            self._check(caller.tenant, name, target.version)
            # Another decision may have been made meanwhile: what it leads back to is checked as well.
            with suppress(_TargetMovedError):
                decision = self.ledger.decide(caller.tenant, name, key, _rollback(caller, name, target, reason))
        self._settle_champion(caller.tenant, name, decision, key)
        return Change(**decision.answer)

    def set_policy(
        self, caller: Caller, name: str, policy: ReviewPolicy, reason: str, key: RequestKey | None = None
    ) -> None:
        """Makes a policy review all answers of a model from now on. Raises NotFoundError, InvalidRequestError."""
        check_model_name(name, "model_name")
        decision = self._find(caller, key)
        if decision is None:
            self._check_policy(caller.tenant, name, policy)
            entry = _entry(caller, AuditAction.POLICY, name, digest=policy.digest, reason=reason)
            decision = self.ledger.decide(caller.tenant, name, key, lambda _: Ruling(entry))
        self._settle_policy(caller.tenant, name, decision, policy, key)

    def audit(
        self, tenant: str, name: str, size: int, before: int | None, within: TimeRange = ALWAYS
    ) -> Sequence[NumberedEntry]:
        """Up to ``size`` entries of a tenant's own log before a sequence number, the latest first."""
        return self.ledger.page(tenant, name, size, before, within)

    def delete_all(self, caller: Caller) -> int:
        """Removes all models of a tenant; returns their number."""
        self.ledger.append(_entry(caller, AuditAction.DELETE_TENANT))
        return self.registry.delete_tenant(caller.tenant)

    def _promotion(
        self, caller: Caller, name: str, result: Result, override_reason: str
    ) -> Callable[[Sequence[AuditEntry]], Ruling]:
        standing = standing_champions(self.ledger.history(caller.tenant, name))
        before = standing[-1].version if standing else ""
        against = self._against(caller.tenant, name, result.version, before) if before != result.version else None
        return _promotion(caller, name, result, promotion_of(result, override_reason, against), override_reason)

    def _against(self, tenant: str, name: str, version: str, champion: str) -> Challenge | None:
        """The version against the champion; None where they cannot be compared."""
        if self.files is None or not champion:
            return None
        jobs = [self.store.of_version(tenant, name, which) for which in (version, champion)]
        reports = [self.files.read_report(tenant, job.id, "json") if job else None for job in jobs]
        return challenge(*reports)

    def _find(self, caller: Caller, key: RequestKey | None) -> Decision | None:
        return self.ledger.find_decision(caller.tenant, key) if key else None

    def _settle_champion(self, tenant: str, name: str, decision: Decision, key: RequestKey | None) -> None:
        """Makes the registry serve what the ledger says, which may be a newer decision than this one."""
        if decision.is_settled:
            return
        standing = standing_champions(self.ledger.history(tenant, name))
        if standing:
            self.registry.promote(ModelName(tenant, name), standing[-1].version)
        if key:
            self.ledger.settle(tenant, key)

    def _settle_policy(
        self, tenant: str, name: str, decision: Decision, policy: ReviewPolicy, key: RequestKey | None
    ) -> None:
        """Hands the policy to the registry, unless a newer policy was set since."""
        if decision.is_settled:
            return
        if self.ledger.latest(tenant, name, AuditAction.POLICY) == decision.sequence:
            self.registry.set_review_policy(ModelName(tenant, name), policy.as_text())
        if key:
            self.ledger.settle(tenant, key)

    def _check(self, tenant: str, name: str, version: str) -> None:
        """Before anything is recorded: a version that does not load would leave the model without a champion."""
        if self.verify is not None:
            self.verify(self.registry.find(ModelName(tenant, name), version=version))

    def _candidate(self, tenant: str, name: str) -> str:
        return self.registry.find(ModelName(tenant, name), alias=Alias.CANDIDATE).version

    def _result(self, tenant: str, name: str, version: str) -> Result:
        job = self.store.of_version(tenant, name, version)
        if job is None or job.result is None:
            raise _unknown(name)
        return job.result

    def _check_policy(self, tenant: str, name: str, policy: ReviewPolicy) -> None:
        versions = self.registry.versions(ModelName(tenant, name))
        job = self.store.of_version(tenant, name, versions[0].version) if versions else None
        if job is None:
            raise _unknown(name)
        try:
            policy.check_properties([job.spec.property_name])
        except ConfigurationError as error:
            raise InvalidRequestError.of_field("policy.max_interval_width", error.message) from error


def _promotion(
    caller: Caller, name: str, result: Result, action: AuditAction, override_reason: str
) -> Callable[[Sequence[AuditEntry]], Ruling]:
    reason = override_reason if action is AuditAction.OVERRIDE else ""

    def rule(history: Sequence[AuditEntry]) -> Ruling:
        standing = standing_champions(history)
        before = standing[-1].version if standing else ""
        answer = {"version": result.version, "previous_version": before}
        if before == result.version:
            return Ruling(None, answer)
        return Ruling(_entry(caller, action, name, result.version, result.digest, reason), answer)

    return rule


class _TargetMovedError(Exception):
    """The version that a rollback leads to is not the one that was checked."""


def _before_last(name: str, history: Sequence[AuditEntry]) -> AuditEntry:
    """The decision that a rollback returns to. Raises NotFoundError, FailedPreconditionError."""
    if not history:
        raise _unknown(name)
    standing = standing_champions(history)
    if len(standing) < 2:
        raise FailedPreconditionError(
            f"{name} has no previous champion: promote another version", reason="NO_PREVIOUS_VERSION"
        )
    return standing[-2]


def _rollback(caller: Caller, name: str, target: AuditEntry, reason: str) -> Callable[[Sequence[AuditEntry]], Ruling]:
    def rule(history: Sequence[AuditEntry]) -> Ruling:
        before, present = _before_last(name, history), standing_champions(history)[-1]
        if before.version != target.version:
            raise _TargetMovedError
        entry = _entry(caller, AuditAction.ROLLBACK, name, before.version, before.digest, reason)
        return Ruling(entry, {"version": before.version, "previous_version": present.version})

    return rule


def _entry(
    caller: Caller, action: AuditAction, name: str = "", version: str = "", digest: str = "", reason: str = ""
) -> AuditEntry:
    now = datetime.now(UTC)
    return AuditEntry(
        now, caller.tenant, caller.request_id, action, name, version, digest, reason.strip(), caller.key_id
    )


def _unknown(name: str) -> NotFoundError:
    return NotFoundError(f"{name} has no such version: list the jobs to see yours", reason="UNKNOWN_MODEL")
