"""What KubeRay refuses in code, and what it makes of a pod template: schemas know neither.

Read from ray-project/kuberay, ray-operator/controllers/ray/{utils/validation.go, utils/constant.go, common/pod.go}:
release 1.4.2, and the main branch at 0074504f84f2 (after 1.5), which has the stricter rules. Stated again in our words.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from rendering import Manifest, ray_spec

LONGEST_CLUSTER, LONGEST_SERVICE = 53, 47
_DNS_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_ANNOTATIONS = ("ray.io/ft-enabled", "ray.io/external-storage-namespace")
_STRATEGIES = {"NewCluster", "NewClusterWithIncrementalUpgrade", "None"}
_OLDEST_RAY_WITH_TOKENS = (2, 52)
# Appended behind the variables of a template, whatever these are called.
_ON_EVERY_NODE = ("RAY_CLUSTER_NAME", "RAY_CLOUD_INSTANCE_ID", "RAY_NODE_TYPE_NAME", "KUBERAY_GEN_RAY_START_CMD")
_ON_WORKERS = ("FQ_RAY_IP", "RAY_IP")
_OF_TOKENS = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN")


def refusals(manifest: Manifest) -> Iterator[str]:
    """Reasons for which KubeRay would not act on a RayService or RayCluster."""
    name, kind = manifest["metadata"]["name"], manifest["kind"]
    longest = LONGEST_SERVICE if kind == "RayService" else LONGEST_CLUSTER
    if len(name) > longest or not _DNS_1035.fullmatch(name):
        yield f"name: {name!r} is no DNS label that begins with a letter, of at most {longest} characters"
    yield from _storage(manifest)
    spec = ray_spec(manifest)
    for group_name, group in groups(spec):
        yield from _group(group_name, group, spec)
    yield from _tokens(spec)
    if kind == "RayService":
        yield from _service(manifest["spec"], spec)


def groups(spec: Manifest) -> Iterator[tuple[str, Manifest]]:
    """Head and worker groups, by name."""
    yield "head", spec["headGroupSpec"]
    for group in spec["workerGroupSpecs"]:
        yield group["groupName"], group


def _storage(manifest: Manifest) -> Iterator[str]:
    spec = ray_spec(manifest)
    head = spec["headGroupSpec"]
    given = {entry["name"] for entry in head["template"]["spec"]["containers"][0].get("env", ())}
    params = head["rayStartParams"]
    annotations = manifest["metadata"].get("annotations") or {}
    if "REDIS_USERNAME" in given or params.get("redis-username"):
        yield "redis user: belongs into gcsFaultToleranceOptions.redisUsername"
    if "gcsFaultToleranceOptions" in spec:
        for variable in sorted({"REDIS_PASSWORD", "RAY_REDIS_ADDRESS"} & given):
            yield f"redis variables: {variable} on the head, which KubeRay sets from gcsFaultToleranceOptions"
        if params.get("redis-password"):
            yield "redis variables: redis-password among the start parameters"
        for annotation in _ANNOTATIONS:
            if annotations.get(annotation):
                yield f"redis variables: {annotation} beside gcsFaultToleranceOptions"
    elif "RAY_REDIS_ADDRESS" in given:
        yield "redis variables: RAY_REDIS_ADDRESS without gcsFaultToleranceOptions"


def _group(name: str, group: Manifest, spec: Manifest) -> Iterator[str]:
    pod, params = group["template"]["spec"], group.get("rayStartParams", {})
    if not pod.get("containers"):
        yield f"containers: group {name} has none"
        return
    if "labels" in params:
        yield f"labels: group {name} has them among its start parameters"
    if group.get("resources") and {"num-cpus", "num-gpus", "memory", "resources"} & set(params):
        yield f"resources: group {name} has them twice"
    if not all(isinstance(value, str) for value in params.values()):
        yield f"start parameters: of group {name} are not all texts"
    given = {entry["name"] for entry in pod["containers"][0].get("env", ())}
    if spec.get("enableInTreeAutoscaling"):
        if group.get("suspend"):
            yield f"suspend: group {name}, with an autoscaler"
        if spec.get("autoscalerOptions", {}).get("version") == "v2" and pod.get("restartPolicy", "Never") != "Never":
            yield f"restart policy: of group {name} must be Never with autoscaler v2"
        if "RAY_enable_autoscaler_v2" in given:
            yield f"autoscaler: group {name} sets RAY_enable_autoscaler_v2 beside its version"
    elif "RAY_enable_autoscaler_v2" in given:
        yield f"autoscaler: group {name} sets RAY_enable_autoscaler_v2 without an autoscaler"


def _tokens(spec: Manifest) -> Iterator[str]:
    if spec.get("authOptions", {}).get("mode") == "token":
        version = tuple(int(part) for part in spec.get("rayVersion", "0.0").split(".")[:2])
        if version < _OLDEST_RAY_WITH_TOKENS:
            yield f"tokens: Ray {spec.get('rayVersion')} has no token authentication"


def _service(service: Manifest, spec: Manifest) -> Iterator[str]:
    if service.get("upgradeStrategy", {}).get("type", "None") not in _STRATEGIES:
        yield "upgrade strategy: is none that KubeRay knows"
    if spec["headGroupSpec"].get("headService", {}).get("metadata", {}).get("name"):
        yield "head service: has a name, and one service makes several clusters"
    if service.get("rayClusterDeletionDelaySeconds", 0) < 0:
        yield "deletion delay: is negative"


def shared_state(manifest: Manifest) -> Iterator[str]:
    """What KubeRay takes and should not be given: each new cluster of a RayService would read the old one's state."""
    options = ray_spec(manifest).get("gcsFaultToleranceOptions", {})
    annotations = manifest["metadata"].get("annotations") or {}
    if options.get("externalStorageNamespace") or annotations.get(_ANNOTATIONS[1]):
        yield f"storage namespace: of {manifest['kind']} {manifest['metadata']['name']} is fixed"


def appended(spec: Manifest, group_name: str) -> list[str]:
    """Names of the variables that KubeRay puts behind those of a group's template."""
    names = [*_ON_EVERY_NODE]
    if group_name != "head":
        names += _ON_WORKERS
    elif options := spec.get("gcsFaultToleranceOptions"):
        names += ["RAY_REDIS_ADDRESS", "RAY_external_storage_namespace"]
        names += [name for name, key in (("REDIS_USERNAME", "redisUsername"), ("REDIS_PASSWORD", "redisPassword"))
                  if key in options]  # fmt: skip
    if spec.get("authOptions", {}).get("mode") == "token":
        names += _OF_TOKENS
    return names


def built_pods(manifest: Manifest) -> Iterator[tuple[str, list[Mapping[str, Any]], list[str]]]:
    """Group, the variables of its template, and the names of those that KubeRay appends."""
    spec = ray_spec(manifest)
    for name, group in groups(spec):
        yield name, group["template"]["spec"]["containers"][0].get("env", []), appended(spec, name)
