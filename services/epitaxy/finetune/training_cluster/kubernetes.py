"""The training cluster as a RayCluster of this namespace, and the hold as a ConfigMap that the service mounts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from epitaxy.chassis.kubernetes_api import KubernetesApi
from epitaxy.finetune.training_cluster.keeper import Bounds, LiveCluster, WantedCluster

DIGEST = "epitaxy.io/values-digest"
_CLUSTERS, _MAPS = "apis/ray.io/v1/rayclusters", "api/v1/configmaps"
_HOLD_KEY = "hold"


@dataclass(frozen=True, slots=True)
class RayClusterHost:
    """Implements ClusterHost.

    Attributes:
        api: Of the namespace.
        name: Of the RayCluster.
        hold_name: Of the ConfigMap.
    """

    api: KubernetesApi
    name: str
    hold_name: str

    def find(self) -> LiveCluster | None:
        """The RayCluster."""
        found = self.api.get(f"{_CLUSTERS}/{self.name}")
        if found is None:
            return None
        metadata = found["metadata"]
        digest = (metadata.get("annotations") or {}).get(DIGEST, "")
        return LiveCluster(digest, _bounds(found["spec"]["workerGroupSpecs"]), "deletionTimestamp" in metadata)

    def make(self, wanted: WantedCluster) -> None:
        """Makes the RayCluster, with the digest of its values."""
        metadata = wanted.manifest["metadata"]
        annotations = {**(metadata.get("annotations") or {}), DIGEST: wanted.digest}
        self.api.create(_CLUSTERS, {**wanted.manifest, "metadata": {**metadata, "annotations": annotations}})

    def resize(self, bounds: Bounds) -> None:
        """Replaces two numbers of each group, as the autoscaler replaces its own: nobody writes the whole list."""
        operations: list[dict[str, Any]] = []
        for number, (group, (fewest, most)) in enumerate(bounds.items()):
            place = f"/spec/workerGroupSpecs/{number}"
            operations += [
                {"op": "test", "path": f"{place}/groupName", "value": group},
                {"op": "replace", "path": f"{place}/minReplicas", "value": fewest},
                {"op": "replace", "path": f"{place}/maxReplicas", "value": most},
            ]
        self.api.patch(f"{_CLUSTERS}/{self.name}", operations)

    def remove(self) -> None:
        """Deletes the RayCluster; KubeRay clears its state out of Redis first."""
        self.api.delete(f"{_CLUSTERS}/{self.name}")

    def hold(self, now: datetime) -> datetime:
        """Makes the ConfigMap, or reads since when it is there."""
        content = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": self.hold_name}}
        if self.api.create(_MAPS, {**content, "data": {_HOLD_KEY: now.isoformat()}}):
            return now
        found = self.api.get(f"{_MAPS}/{self.hold_name}")
        return now if found is None else datetime.fromisoformat(found["data"][_HOLD_KEY])

    def release(self) -> None:
        """Deletes the ConfigMap."""
        self.api.delete(f"{_MAPS}/{self.hold_name}")


def _bounds(groups: Sequence[Mapping[str, Any]]) -> Bounds:
    return {group["groupName"]: (group.get("minReplicas", 0), group.get("maxReplicas", 0)) for group in groups}
