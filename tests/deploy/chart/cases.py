"""The sets of values that every rule is checked on: profiles, one profile over another, and each switch by itself."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rendering import PROFILES, Manifest, combined, profile, render

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
    "more settings": {
        "gateway": {"settings": {"MAX_SCREENS": "512"}},
        "finetune": {"settings": {"THREADS": "2"}},
        "campaigns": {"settings": {"LOG_LEVEL": "DEBUG"}},
    },
    "redis with tls and a user": {
        "redis": {"enabled": False, "externalAddress": "redis.stores:6380", "tls": True, "user": "epitaxy"}
    },
    "tokens of ray": {"ray": {"tokenAuthentication": True}},
    "own claims": {
        "finetune": {"storage": {"existingClaim": "mine-1"}},
        "mlflow": {"storage": {"existingClaim": "mine-2"}},
        "postgres": {"storage": {"existingClaim": "mine-3"}},
        "qdrant": {"enabled": True, "storage": {"existingClaim": "mine-4"}},
        "campaigns": {"storage": {"existingClaim": "mine-5"}},
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
    "pool roots": {"campaigns": {"poolRoots": ["s3://pools/{tenant}/"]}},
    "no campaigns": {"campaigns": {"enabled": False}, "observability": {"monitors": {"enabled": True}}},
}

_PAIRS = [(one, other) for one in PROFILES[1:] for other in PROFILES[1:] if one != other]
CASES: Mapping[str, dict[str, Any]] = {
    **{f"profile {name or 'default'}": profile(name) for name in PROFILES},
    **{f"profile {other} over {one}": combined(profile(one), profile(other)) for one, other in _PAIRS},
    **SWITCHES,
}
Rule = Callable[[list[Manifest]], None]


def on_every_case(rule: Rule) -> Callable[[], None]:
    """A rule over one case's manifests as one test over all cases; its failure lists every case that breaks the rule.

    One test a rule and case would cost more than the rules themselves.
    """

    def test() -> None:
        broken = list(violations(rule))
        assert not broken, f"{len(broken)} of {len(CASES)} cases:\n" + "\n".join(broken)

    test.__name__, test.__doc__, test.__module__ = rule.__name__, rule.__doc__, rule.__module__
    return test


def violations(rule: Rule) -> Iterator[str]:
    """Each case that breaks a rule, with what the rule says."""
    for name, values in CASES.items():
        try:
            rule(render(values))
        except AssertionError as fault:
            yield f"- {name}: {fault}"
