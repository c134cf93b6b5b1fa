"""The chart as Helm's own engine renders it."""

import json
import shutil
import tempfile
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
    "two models by volume": {"prediction": {"weightsClaim": "my-5", "earlierWeightsClaims": ["my-4", "my-3"]}},
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
    "redis with tls and a user": {
        "redis": {"enabled": False, "externalAddress": "redis.stores:6380", "tls": True, "user": "epitaxy"}
    },
    "tokens of ray": {"ray": {"tokenAuthentication": True}},
    "own claims": {
        "finetune": {"storage": {"existingClaim": "mine-1"}},
        "mlflow": {"storage": {"existingClaim": "mine-2"}},
        "postgres": {"storage": {"existingClaim": "mine-3"}},
        "qdrant": {"enabled": True, "storage": {"existingClaim": "mine-4"}},
    },
    "slices of gpus": {"training": {"gpuWorkers": {"enabled": True, "resourceName": "nvidia.com/mig-2g.20gb"}}},
    "claimed gpus": {
        "training": {
            "gpuWorkers": {
                "enabled": True,
                "resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "one-gpu"}],
            }
        }
    },
    "a site": {
        "qdrant": {"enabled": True},
        "imageRegistry": "mirror.example.org:5000/epitaxy",
        "imagePullPolicy": "Always",
        "services": {"labels": {"team": "materials"}, "annotations": {"mesh": "on"}},
        "gateway": {
            "service": {"type": "LoadBalancer", "annotations": {"lb": "internal"}},
            "pod": {"priorityClassName": "front", "nodeSelector": {"disk": "fast"}},
        },
        "pods": {
            "fixedIds": False,
            "labels": {"team": "materials"},
            "annotations": {"mesh": "on"},
            "serviceAccountLabels": {"team": "materials"},
            "serviceAccountAnnotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/epitaxy"},
            "nodeSelector": {"pool": "materials"},
            "tolerations": [{"key": "pool", "operator": "Exists"}],
            "affinity": {
                "nodeAffinity": {
                    "preferredDuringSchedulingIgnoredDuringExecution": [
                        {"weight": 1, "preference": {"matchExpressions": [{"key": "disk", "operator": "Exists"}]}}
                    ]
                }
            },
            "priorityClassName": "normal",
            "runtimeClassName": "gvisor",
            "env": [{"name": "SITE", "value": "here"}],
            "volumes": [{"name": "site", "configMap": {"name": "of-the-site"}}],
            "volumeMounts": [{"name": "site", "mountPath": "/etc/site", "readOnly": True}],
            "caBundle": {"configMap": "our-ca", "key": "bundle.pem"},
            "proxy": {"http": "http://proxy:3128", "https": "http://proxy:3128", "except": "example.org"},
        },
        "extraObjects": [
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "{{ .Release.Name }}-of-the-site"},
                "data": {"key": "value"},
            }
        ],
    },
    "private authority behind the route": {
        "route": {"enabled": True},
        "gateway": {"tls": {"enabled": True}},
        "pods": {"caBundle": {"configMap": "our-ca"}},
    },
    "label roots": {"finetune": {"labelRoots": ["s3://labels/{tenant}/"]}},
}

Manifest = dict[str, Any]


def profile(name: str) -> dict[str, Any]:
    """Values of a profile; the empty name: the defaults."""
    values: dict[str, Any] = yaml.safe_load((CHART / f"values-{name}.yaml").read_text()) if name else {}
    return values


def combined(*several: Mapping[str, Any]) -> dict[str, Any]:
    """Values as Helm puts them together: mappings key by key, the later ones win."""
    result: dict[str, Any] = {}
    for values in several:
        for key, value in values.items():
            held = result.get(key)
            both = isinstance(held, dict) and isinstance(value, Mapping)
            result[key] = combined(held, value) if both else value
    return result


def render(values: Mapping[str, Any], release: str = "epitaxy", chart_version: str = "") -> list[Manifest]:
    """All manifests, hooks included; to be looked at, not changed."""
    return _rendered(json.dumps(values), release, chart_version)


def rendered_notes(values: Mapping[str, Any]) -> str:
    """What Helm prints after an installation."""
    files = rendered_files(json.dumps(values))
    return next(text for path, text in files.items() if path.endswith("NOTES.txt"))


@cache
def _chart(version: str) -> helm_python.Chart:
    if not version:
        return helm_python.Chart.load(str(CHART))
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(CHART, f"{folder}/epitaxy"))
        about = yaml.safe_load((copy / "Chart.yaml").read_text())
        (copy / "Chart.yaml").write_text(yaml.safe_dump(about | {"version": version, "appVersion": version}))
        return helm_python.Chart.load(str(copy))


@cache
def rendered_files(values: str, release: str = "epitaxy", chart_version: str = "") -> Mapping[str, str]:
    """Text by path, of values as JSON."""
    chart = _chart(chart_version)
    files: dict[str, str] = chart.render(json.loads(values), name=release, namespace="epitaxy")
    return files


@cache
def _rendered(values: str, release: str, chart_version: str) -> list[Manifest]:
    files = rendered_files(values, release, chart_version)
    texts = (text for path, text in files.items() if path.endswith((".yaml", ".yml")))
    return [document for text in texts for document in _documents(text)]


@cache
def _documents(text: str) -> tuple[Manifest, ...]:
    """Most files are the same in most cases."""
    return tuple(document for document in yaml.load_all(text, Loader=CSafeLoader) if document)


def ray_objects(manifests: list[Manifest]) -> list[Manifest]:
    """RayServices of the release, and the RayCluster that the keeper makes of its ConfigMap."""
    maps = of_kind(manifests, "ConfigMap")
    kept = [manifest for m in maps for manifest in _documents(m["data"].get("cluster.yaml", ""))]
    return [*of_kind(manifests, "RayService", "RayCluster"), *kept]


def names(manifests: list[Manifest]) -> list[tuple[str, str]]:
    """Kind and name of every object, the keeper's cluster included."""
    return [(manifest["kind"], manifest["metadata"]["name"]) for manifest in [*manifests, *ray_objects(manifests)]]


def ray_spec(manifest: Manifest) -> Manifest:
    """Of the cluster of a RayService or RayCluster."""
    spec: Manifest = manifest["spec"].get("rayClusterConfig", manifest["spec"])
    return spec


def pod_specs(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest, Manifest]]:
    """Name, labels and spec of every pod, those of Ray's groups included."""
    others = [manifest for manifest in manifests if manifest["kind"] not in {"RayCluster", "RayService"}]
    for manifest in [*others, *ray_objects(manifests)]:
        name, spec = f"{manifest['kind']}/{manifest['metadata']['name']}", manifest.get("spec", {})
        if manifest["kind"] == "Pod":
            yield name, manifest["metadata"]["labels"], spec
        elif manifest["kind"] in {"Deployment", "StatefulSet", "Job"}:
            yield name, spec["template"]["metadata"]["labels"], spec["template"]["spec"]
        elif manifest["kind"] == "CronJob":
            template = spec["jobTemplate"]["spec"]["template"]
            yield name, template["metadata"]["labels"], template["spec"]
        elif manifest["kind"] in {"RayCluster", "RayService"}:
            cluster = ray_spec(manifest)
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
