"""What services ask of a registry of models."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from epitaxy.chassis.model_names import ModelName
from epitaxy.registry.run_record import RunRecord


class Alias(StrEnum):
    """What a version of a model is to its tenant."""

    CHAMPION = "champion"
    CANDIDATE = "candidate"
    PREVIOUS = "previous"


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One registered version; its files never change.

    Attributes:
        model: Tenant and name.
        version: "1", "2", ...
        digest: ``sha256:`` over its files.
        run_id: MLflow's run that holds the files.
        tags: As registered.
        created_at: When it was registered, UTC.
    """

    model: ModelName
    version: str
    digest: str
    run_id: str
    tags: Mapping[str, str] = field(default_factory=dict)
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """All that a tenant has under one name.

    Attributes:
        model: Tenant and name.
        aliases: Version by alias.
        latest: The version registered last.
    """

    model: ModelName
    aliases: Mapping[str, str]
    latest: str


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A version with its files in a local folder, checked against their digest."""

    version: ModelVersion
    folder: Path


@dataclass(frozen=True, slots=True)
class LocalCopy:
    """A copy of a version's files on this machine: TENANT/DIGEST, and its size."""

    name: str
    n_bytes: int


class ModelRegistry(Protocol):
    """Models by tenant and name, in versions; blocking, safe for threads and processes.

    Every method raises UnavailableError if the registry does not answer, and NotFoundError for a model, version or
    alias that is not there.
    """

    def exists(self) -> bool:
        """False if nothing can have been registered yet; asks no server."""

    def register(
        self,
        model: ModelName,
        folder: Path,
        tags: Mapping[str, str] | None = None,
        beside: Mapping[str, bytes] | None = None,
        record: RunRecord | None = None,
    ) -> ModelVersion:
        """Stores the files of a folder as a new version; the same files again are the version that they are.

        ``beside`` are files for people who look at the run, such as reports, and ``record`` is what its page shows;
        the digest covers neither.
        """

    def find(self, model: ModelName, *, alias: str = "", version: str = "") -> ModelVersion:
        """The version of that number, else of that alias, else the champion."""

    def fetch(self, version: ModelVersion) -> Path:
        """Local folder of the files, checked. Raises CheckpointError if they are damaged at their source."""

    def download(self, version: ModelVersion, folder: Path) -> None:
        """Writes the files as they lie in the store into an empty folder, past every local copy.

        Raises CheckpointError if they are not those that were registered.
        """

    def resolve(self, model: ModelName, *, alias: str = "", version: str = "") -> ResolvedModel:
        """`find`, then `fetch`."""

    def card(self, version: ModelVersion) -> str:
        """The card alone, as JSON text."""

    def list(self, tenant: str) -> Sequence[RegisteredModel]:
        """All models of a tenant, by name."""

    def versions(self, model: ModelName) -> Sequence[ModelVersion]:
        """All versions, the newest first."""

    def aliases(self, model: ModelName) -> Mapping[str, str]:
        """Version by alias."""

    def set_alias(self, model: ModelName, alias: Alias, version: str) -> None:
        """Makes an alias point to a version."""

    def promote(self, model: ModelName, version: str) -> None:
        """Makes a version the champion; the champion so far becomes ``previous``."""

    def roll_back(self, model: ModelName) -> ModelVersion:
        """Makes ``previous`` the champion, and the champion so far ``previous``; the new champion.

        Raises FailedPreconditionError if there is no previous one.
        """

    def review_policy(self, model: ModelName) -> str:
        """The text that `set_review_policy` got last; empty before the first call."""

    def set_review_policy(self, model: ModelName, text: str) -> None:
        """Keeps the review policy of all versions of a model, as JSON text."""

    def tenants(self) -> Sequence[str]:
        """All tenants that have models, by name."""

    def delete_version(self, version: ModelVersion) -> None:
        """Deletes one version with its files. Raises FailedPreconditionError for one that an alias names."""

    def prune_copies(self, age: timedelta, *, dry_run: bool = False) -> Iterable[LocalCopy]:
        """Removes this machine's copies that were not used for a time, and names them; a dry run only names them."""

    def delete_tenant(self, tenant: str) -> int:
        """Deletes all models of a tenant with their files; how many models there were."""
