"""What KubeRay makes of a node of Ray: the command, and the variables that it puts behind those of the template."""

from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

# What `ray start` says once its raylet has registered.
STARTED = "Ray runtime started."
_GCS_PORT = 6379
_SIZES = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def cluster_id(cluster: str) -> str:
    """The id that the API server would give the cluster's object. Two clusters of one id share their state."""
    return str(uuid5(NAMESPACE_DNS, cluster))


def start_command(spec: Mapping[str, Any], group: Mapping[str, Any], head: str) -> list[str]:
    """`ray start` with the parameters of the group and those that KubeRay adds; ``head`` is empty on the head."""
    limits = group["template"]["spec"]["containers"][0]["resources"]["limits"]
    parameters = {
        "num-cpus": str(limits["cpu"]),
        "memory": str(int(float(limits["memory"][:-2]) * _SIZES[limits["memory"][-2:]])),
        **group["rayStartParams"],
        "block": "true",
    }
    if head:
        parameters["address"] = f"{head}:{_GCS_PORT}"
    else:
        parameters["no-monitor"] = "true"  # the autoscaler is a container of its own, and needs an API server
        options = spec["gcsFaultToleranceOptions"]
        if "redisUsername" in options:
            parameters["redis-username"] = "$REDIS_USERNAME"
        parameters["redis-password"] = "$REDIS_PASSWORD"
    flags = [f"--{key}" if value == "true" else f"--{key}={value}" for key, value in sorted(parameters.items())]
    return ["/bin/bash", "-c", "--", f"ulimit -n 65536; ray start {' '.join(['--head'][: not head] + flags)}"]


def appended(spec: Mapping[str, Any], cluster: str, group: str, head: str) -> list[dict[str, Any]]:
    """Variables behind the template's own."""
    pairs = {"RAY_CLUSTER_NAME": cluster, "RAY_CLOUD_INSTANCE_ID": f"{cluster}-{group}", "RAY_NODE_TYPE_NAME": group,
             "RAY_PORT": str(_GCS_PORT), "RAY_ADDRESS": f"{head or '127.0.0.1'}:{_GCS_PORT}"}  # fmt: skip
    if head:
        pairs |= {"FQ_RAY_IP": head, "RAY_IP": head, "RAY_gcs_rpc_server_reconnect_timeout_s": "600"}
        return [*({"name": name, "value": value} for name, value in pairs.items()), *_token(spec)]
    options = spec["gcsFaultToleranceOptions"]
    # KubeRay names the state of a cluster by its own id.
    pairs |= {"RAY_external_storage_namespace": cluster_id(cluster), "RAY_REDIS_ADDRESS": options["redisAddress"]}
    entries = [{"name": name, "value": value} for name, value in pairs.items()]
    if "redisUsername" in options:
        entries.append({"name": "REDIS_USERNAME", **options["redisUsername"]})
    return [*entries, {"name": "REDIS_PASSWORD", **options["redisPassword"]}, *_token(spec)]


def _token(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    options = spec.get("authOptions", {})
    if options.get("mode") != "token":
        return []
    reference = {"secretKeyRef": {"name": options["secretName"], "key": "auth_token"}}
    return [{"name": "RAY_AUTH_MODE", "value": "token"}, {"name": "RAY_AUTH_TOKEN", "valueFrom": reference}]
