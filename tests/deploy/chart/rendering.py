"""The chart as Helm's own engine renders it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import helm_python
import yaml

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "epitaxy"
PROFILES = ("", "minimal", "gpu", "production")
# Every switch by itself, over the defaults.
SWITCHES: Mapping[str, dict[str, Any]] = {
    "no autoscaling": {"gateway": {"autoscaling": {"enabled": False}}},
    "tls": {"gateway": {"tls": {"enabled": True}}},
    "route": {"route": {"enabled": True}},
    "ingress": {"ingress": {"enabled": True}},
    "certificate": {"certificate": {"enabled": True}},
    "keda": {"keda": {"enabled": True}},
    "serve autoscaling": {"prediction": {"autoscaling": {"enabled": True}}},
    "prediction on gpu": {"prediction": {"ensembleGpus": 1, "gpuWorkers": {"enabled": True}}},
    "training on gpu": {"training": {"gpuWorkers": {"enabled": True}}},
    "external redis": {"redis": {"enabled": False, "externalAddress": "redis.stores:6379"}},
    "external mlflow": {"mlflow": {"enabled": False, "externalUri": "https://mlflow.example.org"}},
    "external postgres": {"postgres": {"enabled": False}},
    "object storage": {"mlflow": {"artifacts": "s3://models/artifacts", "s3Endpoint": "http://minio:9000"}},
    "no network policies": {"networkPolicies": {"enabled": False}},
    "monitors": {"observability": {"monitors": {"enabled": True}}},
    "rules": {"observability": {"rules": {"enabled": True}}},
    "dashboards": {"observability": {"dashboards": {"enabled": True}}},
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
    """All manifests."""
    files = helm_python.Chart.load(str(CHART)).render(dict(values), name="epitaxy", namespace="epitaxy")
    texts = (text for path, text in files.items() if path.endswith((".yaml", ".yml")))
    return [document for text in texts for document in yaml.safe_load_all(text) if document]


def pod_specs(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest, Manifest]]:
    """Name, labels and spec of every pod, those of Ray's groups included."""
    for manifest in manifests:
        name, spec = f"{manifest['kind']}/{manifest['metadata']['name']}", manifest.get("spec", {})
        if manifest["kind"] == "Pod":
            yield name, manifest["metadata"]["labels"], spec
        elif manifest["kind"] in {"Deployment", "StatefulSet"}:
            yield name, spec["template"]["metadata"]["labels"], spec["template"]["spec"]
        elif manifest["kind"] in {"RayCluster", "RayService"}:
            cluster = spec.get("rayClusterConfig", spec)
            groups = [("head", cluster["headGroupSpec"])]
            groups += [(group["groupName"], group) for group in cluster["workerGroupSpecs"]]
            for group, content in groups:
                yield f"{name}/{group}", content["template"]["metadata"]["labels"], content["template"]["spec"]


def containers(spec: Manifest) -> list[Manifest]:
    """Of one pod, those that initialize it included."""
    return [*spec.get("initContainers", ()), *spec["containers"]]


def of_kind(manifests: list[Manifest], *kinds: str) -> list[Manifest]:
    """Manifests of these kinds."""
    return [manifest for manifest in manifests if manifest["kind"] in kinds]
