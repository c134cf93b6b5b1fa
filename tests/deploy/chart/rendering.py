"""The chart as Helm's own engine renders it."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import helm_python
import yaml
from yaml import CSafeLoader

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "epitaxy"
PROFILES = ("", "minimal", "gpu", "production")
# Every switch by itself, over the defaults.
SWITCHES: Mapping[str, dict[str, Any]] = {
    "no autoscaling": {"gateway": {"autoscaling": {"enabled": False}}},
    "tls": {"gateway": {"tls": {"enabled": True}}},
    "route": {"route": {"enabled": True}},
    "ingress": {"ingress": {"enabled": True}},
    "ingress with annotations": {"ingress": {"enabled": True, "annotations": {"cert-manager.io/cluster-issuer": "x"}}},
    "certificate": {"certificate": {"enabled": True}},
    "keda": {"keda": {"enabled": True}},
    "serve autoscaling": {"prediction": {"autoscaling": {"enabled": True}}},
    "prediction on gpu": {"prediction": {"ensembleReplicas": 1, "ensembleGpus": 1, "gpuWorkers": {"enabled": True}}},
    "training on gpu": {"training": {"gpuWorkers": {"enabled": True}}},
    "external redis": {"redis": {"enabled": False, "externalAddress": "redis.stores:6379"}},
    "external mlflow": {"mlflow": {"enabled": False, "externalUri": "https://mlflow.example.org"}},
    "external postgres": {"postgres": {"enabled": False}},
    "object storage": {"mlflow": {"artifacts": "s3://models/artifacts", "s3Endpoint": "http://minio:9000"}},
    "no network policies": {"networkPolicies": {"enabled": False}},
    "monitors": {"observability": {"monitors": {"enabled": True}}},
    "rules": {"observability": {"rules": {"enabled": True}}},
    "dashboards": {"observability": {"dashboards": {"enabled": True}}},
    "qdrant": {"qdrant": {"enabled": True}},
    "external qdrant": {"qdrant": {"externalUrl": "http://qdrant.stores:6333"}},
    "weights by volume": {"prediction": {"weightsClaim": "my-model"}},
    "no bootstrap": {"bootstrap": {"enabled": False}},
    "no migrations": {"migrations": {"enabled": False}},
    "no upkeep": {"upkeep": {"enabled": False}},
    "upkeep that only looks": {"upkeep": {"dryRun": True}},
    "volume of one node": {"finetune": {"storage": {"accessMode": "ReadWriteOnce"}}},
    "route to tls": {"route": {"enabled": True}, "gateway": {"tls": {"enabled": True}}},
    "test target": {"test": {"target": "epitaxy.example.org:443"}},
    "external stores by address": {
        "redis": {"enabled": False, "externalAddress": "redis.stores:6379"},
        "networkPolicies": {"storesTo": [{"ipBlock": {"cidr": "10.1.0.0/16"}}], "storesPorts": [6379]},
    },
    "digests": {"images": {"api": {"digest": "sha256:" + "0" * 64}}},
    "pull secrets": {"imagePullSecrets": ["registry"]},
    "upgrade in place": {"prediction": {"upgradeStrategy": "None"}},
    "more settings": {"gateway": {"settings": {"MAX_SCREENS": "512"}}, "finetune": {"settings": {"THREADS": "2"}}},
    "label roots": {"finetune": {"labelRoots": ["s3://labels/{tenant}/"]}},
}

Manifest = dict[str, Any]


def profile(name: str) -> dict[str, Any]:
    """Values of a profile; the empty name: the defaults."""
    values: dict[str, Any] = yaml.safe_load((CHART / f"values-{name}.yaml").read_text()) if name else {}
    return values


def render(values: Mapping[str, Any]) -> list[Manifest]:
    """All manifests, hooks included; to be looked at, not changed."""
    return _rendered(json.dumps(values))


def rendered_notes(values: Mapping[str, Any]) -> str:
    """What Helm prints after an installation."""
    files = rendered_files(json.dumps(values))
    return next(text for path, text in files.items() if path.endswith("NOTES.txt"))


@cache
def _chart() -> helm_python.Chart:
    return helm_python.Chart.load(str(CHART))


@cache
def rendered_files(values: str) -> Mapping[str, str]:
    """Text by path, of values as JSON."""
    files: dict[str, str] = _chart().render(json.loads(values), name="epitaxy", namespace="epitaxy")
    return files


@cache
def _rendered(values: str) -> list[Manifest]:
    files = rendered_files(values)
    texts = (text for path, text in files.items() if path.endswith((".yaml", ".yml")))
    return [document for text in texts for document in yaml.load_all(text, Loader=CSafeLoader) if document]


def pod_specs(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest, Manifest]]:
    """Name, labels and spec of every pod, those of Ray's groups included."""
    for manifest in manifests:
        name, spec = f"{manifest['kind']}/{manifest['metadata']['name']}", manifest.get("spec", {})
        if manifest["kind"] == "Pod":
            yield name, manifest["metadata"]["labels"], spec
        elif manifest["kind"] in {"Deployment", "StatefulSet", "Job"}:
            yield name, spec["template"]["metadata"]["labels"], spec["template"]["spec"]
        elif manifest["kind"] == "CronJob":
            template = spec["jobTemplate"]["spec"]["template"]
            yield name, template["metadata"]["labels"], template["spec"]
        elif manifest["kind"] in {"RayCluster", "RayService"}:
            cluster = spec.get("rayClusterConfig", spec)
            groups = [("head", cluster["headGroupSpec"])]
            groups += [(group["groupName"], group) for group in cluster["workerGroupSpecs"]]
            for group, content in groups:
                yield f"{name}/{group}", content["template"]["metadata"]["labels"], content["template"]["spec"]


def containers(spec: Manifest) -> list[Manifest]:
    """Of one pod, those that initialize it included."""
    return [*spec.get("initContainers", ()), *spec["containers"]]


def lives_on(name: str) -> bool:
    """Whether a pod of that name is meant to run until it is told to stop."""
    return not name.startswith(("Pod/", "Job/", "CronJob/"))


def of_kind(manifests: list[Manifest], *kinds: str) -> list[Manifest]:
    """Manifests of these kinds."""
    return [manifest for manifest in manifests if manifest["kind"] in kinds]
