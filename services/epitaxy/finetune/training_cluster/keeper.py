"""When the training cluster is made, resized and replaced. An upgrade waits for the jobs that run (docs/adr/0022)."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any, Protocol

logger = logging.getLogger(__name__)

# The kubelet shows a changed ConfigMap to the fine-tune service within a minute and a half.
SETTLE = timedelta(seconds=120)
# What Ray's autoscaler writes, and the bounds that it reads: they change in place.
_NOT_OF_THE_SHAPE = frozenset({"replicas", "minReplicas", "maxReplicas", "scaleStrategy"})

Bounds = Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class WantedCluster:
    """The cluster that the values describe.

    Attributes:
        manifest: A RayCluster.
    """

    manifest: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """Of everything that takes a new cluster to change: all but the numbers of workers."""
        spec = dict(self.manifest["spec"])
        groups = spec.pop("workerGroupSpecs")
        shape = [{key: value for key, value in group.items() if key not in _NOT_OF_THE_SHAPE} for group in groups]
        return sha256(json.dumps([spec, shape], sort_keys=True).encode()).hexdigest()

    @property
    def bounds(self) -> Bounds:
        """Fewest and most workers of each group, in the order of the groups."""
        groups = self.manifest["spec"]["workerGroupSpecs"]
        return {group["groupName"]: (group["minReplicas"], group["maxReplicas"]) for group in groups}


@dataclass(frozen=True, slots=True)
class LiveCluster:
    """The cluster that is there.

    Attributes:
        digest: That of the values it was made from.
        bounds: Fewest and most workers of each group.
        is_going: Whether it is being deleted.
    """

    digest: str
    bounds: Bounds
    is_going: bool = False


class ClusterHost(Protocol):
    """Where the cluster lives; every method raises UnavailableError, or ConfigurationError if it may not."""

    def find(self) -> LiveCluster | None:
        """The cluster; None if there is none."""

    def make(self, wanted: WantedCluster) -> None:
        """Makes it."""

    def resize(self, bounds: Bounds) -> None:
        """Changes bounds in place; what the autoscaler has written stays."""

    def remove(self) -> None:
        """Deletes it, with its pods."""

    def hold(self, now: datetime) -> datetime:
        """Has the service keep new jobs in their queue; returns since when it does."""

    def release(self) -> None:
        """Ends that."""


class Turn(StrEnum):
    """What one look led to."""

    MADE = "MADE"
    KEPT = "KEPT"
    RESIZED = "RESIZED"
    WAITS_FOR_JOBS = "WAITS_FOR_JOBS"
    WAITS_FOR_THE_QUEUE = "WAITS_FOR_THE_QUEUE"
    REMOVED = "REMOVED"
    WAITS_FOR_THE_END = "WAITS_FOR_THE_END"


@dataclass(frozen=True, slots=True)
class Keeper:
    """Brings values and cluster together, one step a look; safe to be cut off and begun again anywhere."""

    host: ClusterHost
    n_jobs_at_work: Callable[[], int]
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    def __call__(self, wanted: WantedCluster) -> Turn:
        """One look. Raises UnavailableError, ConfigurationError."""
        live = self.host.find()
        if live is None:
            self.host.make(wanted)
            self.host.release()
            return Turn.MADE
        if live.is_going:
            return Turn.WAITS_FOR_THE_END
        if live.digest != wanted.digest:
            return self._replace()
        self.host.release()
        if live.bounds != wanted.bounds:
            self.host.resize(wanted.bounds)
            return Turn.RESIZED
        return Turn.KEPT

    def _replace(self) -> Turn:
        held_since = self.host.hold(self.now())
        if self.now() - held_since < SETTLE:
            return Turn.WAITS_FOR_THE_QUEUE
        if self.n_jobs_at_work():
            return Turn.WAITS_FOR_JOBS
        self.host.remove()
        return Turn.REMOVED
