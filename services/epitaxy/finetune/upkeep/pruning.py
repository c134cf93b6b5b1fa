"""The use case of removing old data. Served versions, rollback targets and files of running jobs are kept."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from epitaxy.chassis.errors import (
    NotFoundError,
)
from epitaxy.finetune.domain.promotion import AuditAction, AuditEntry, standing_champions
from epitaxy.finetune.ports import HeldFiles, JobFiles, JobStore, Ledger, ModelRegistry
from epitaxy.finetune.upkeep.retention import Pruned, PrunedKind, Retention
from epitaxy.registry.ports import ModelVersion, RegisteredModel
from epitaxy_models.errors import EpitaxyError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pruner:
    """Checks everything once; safe while jobs run and the service serves."""

    store: JobStore
    ledger: Ledger
    files: JobFiles
    registry: ModelRegistry
    retention: Retention

    def __call__(self, *, dry_run: bool = False) -> Iterator[Pruned]:
        """Removes old data and yields what it removed; a dry run removes nothing. Raises UnavailableError."""
        now = datetime.now(UTC)
        yield from self._files(now, dry_run=dry_run)
        yield from self._versions(now, dry_run=dry_run)
        for copy in self.registry.prune_copies(timedelta(days=self.retention.caches), dry_run=dry_run):
            yield Pruned(PrunedKind.CACHE, copy.name, copy.n_bytes)

    def _files(self, now: datetime, *, dry_run: bool) -> Iterator[Pruned]:
        for files in self.files.held():
            since = self._ended(files)
            if since is None or not self.retention.has_passed(files.kind, since, now):
                continue
            if not dry_run:
                self.files.discard(files)
            yield Pruned(PrunedKind(files.kind.value), f"{files.tenant}/{files.job_id}", files.n_bytes)

    def _ended(self, files: HeldFiles) -> datetime | None:
        """When the job ended, None until then; for files without a job, when they were last written to."""
        try:
            return self.store.get(files.tenant, files.job_id).ended_at
        except NotFoundError:
            return files.modified_at

    def _versions(self, now: datetime, *, dry_run: bool) -> Iterator[Pruned]:
        for tenant in self.registry.tenants():
            for entry in self.registry.list(tenant):
                for version in self._old_versions(entry, now):
                    if dry_run or self._delete(version):
                        yield Pruned(PrunedKind.VERSION, f"{version.model}:{version.version}")

    def _old_versions(self, entry: RegisteredModel, now: datetime) -> Iterator[ModelVersion]:
        history = self.ledger.history(entry.model.tenant, entry.model.name)
        # A rollback can reach every champion down to the first; review policies are checked against the latest version.
        kept = {*entry.aliases.values(), entry.latest, *(champion.version for champion in standing_champions(history))}
        for version in self.registry.versions(entry.model):
            if version.version not in kept and self.retention.is_old_version(version.created_at, now):
                yield version

    def _delete(self, version: ModelVersion) -> bool:
        self._record(version)
        try:
            self.registry.delete_version(version)
        except (
            EpitaxyError
        ) as error:  # an alias names it by now, or its files cannot be reached: the next run tries again
            logger.warning("a version was not removed", extra={"model": str(version.model), "reason": error.message})
            return False
        self.store.forget_version(version.model.tenant, version.model.name, version.version)
        return True

    def _record(self, version: ModelVersion) -> None:
        """Records the removal before it happens; a removal that fails is recorded again with the next try."""
        model, now = version.model, datetime.now(UTC)
        reason = f"older than {self.retention.versions:g} days, and nothing names it"
        self.ledger.append(
            AuditEntry(
                now, model.tenant, "prune", AuditAction.PRUNE, model.name, version.version, version.digest, reason
            )
        )
