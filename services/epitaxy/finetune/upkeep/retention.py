"""How long files and models are kept."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from epitaxy.finetune.ports import FileKind


@dataclass(frozen=True, slots=True)
class Retention:
    """Days after which old things are removed.

    Attributes:
        labels: Labels, and unfinished models, of a job; counted from its end.
        reports: Reports of a job, counted from its end; the registry keeps a copy with the model's run.
        versions: Versions of a model that no alias names, counted from their registration.
        caches: Local copies of models, counted from their last use.
    """

    labels: float = 30.0
    reports: float = 180.0
    versions: float = 90.0
    caches: float = 30.0

    def has_passed(self, kind: FileKind, since: datetime, now: datetime) -> bool:
        """Whether files of a job of this kind have been kept long enough."""
        days = self.reports if kind is FileKind.REPORTS else self.labels
        return now - since > timedelta(days=days)

    def is_old_version(self, created_at: datetime | None, now: datetime) -> bool:
        """Whether a version has been kept long enough; False if its age is not known."""
        return created_at is not None and now - created_at > timedelta(days=self.versions)


class PrunedKind(StrEnum):
    """What was removed."""

    LABELS = "labels"
    REPORTS = "reports"
    DRAFT = "draft"
    VERSION = "version"
    CACHE = "cache"


@dataclass(frozen=True, slots=True)
class Pruned:
    """One thing that was removed, or would be.

    Attributes:
        kind: What it was.
        name: TENANT/JOB or TENANT/MODEL:VERSION.
        n_bytes: Its size; 0 if it is not known.
    """

    kind: PrunedKind
    name: str
    n_bytes: int = 0
