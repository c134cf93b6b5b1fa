"""Every value has a use, and every value that a template uses is one of values.yaml."""

import json
import re
from collections.abc import Iterator
from typing import Any

import helm_python
import yaml
from cases import on_every_case
from rendering import CHART, combined, rendered_files

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
GPU = {"ensembleReplicas": 1, "ensembleGpus": 1, "gpuWorkers": {"enabled": True}}
# Everything that can be on at once; what excludes it stands in OTHERS.
EVERYTHING: dict[str, Any] = {
    "qdrant": {"enabled": True},
    "redis": {"enabled": False, "externalAddress": "redis.stores:6379"},
    "mlflow": {"externalUri": "https://mlflow.example.org"},
    "route": {"enabled": True},
    "ingress": {"enabled": True},
    "certificate": {"enabled": True},
    "gateway": {"tls": {"enabled": True}},
    "ray": {"tokenAuthentication": True},
    "prediction": {**GPU, "autoscaling": {"enabled": True}},
    "training": {"gpuWorkers": {"enabled": True}},
    "finetune": {"labelRoots": ["s3://labels/{tenant}/"]},
    "campaigns": {"poolRoots": ["s3://pools/{tenant}/"]},
    "observability": {"monitors": {"enabled": True}},
    "pods": {"caBundle": {"configMap": "our-ca"}, "proxy": {"http": "http://proxy:1"}},
}
OTHERS: tuple[dict[str, Any], ...] = (
    {"gateway": {"autoscaling": {"enabled": False}}},
    {"keda": {"enabled": True}},
    {"mlflow": {"enabled": False}},
    {"redis": {"enabled": True, "tls": False, "user": ""}, "mlflow": {"artifacts": ""}},
    {"qdrant": {"enabled": False}},
    {
        "imageRegistry": "",
        "images": {name: {"digest": ""} for name in VALUES["images"]},
        "redis": {"enabled": True, "tls": False, "user": ""},
        "prediction": {"gpuWorkers": {"resourceClaims": []}},
        "training": {"gpuWorkers": {"resourceClaims": []}},
    },
    {
        **{part: {"storage": {"existingClaim": ""}} for part in ("campaigns", "finetune", "postgres", "qdrant")},
        "mlflow": {"artifacts": "", "storage": {"existingClaim": ""}},
    },
    {"observability": {"rules": {"enabled": True}, "dashboards": {"enabled": True}}},
    {"gateway": {"pod": {"priorityClassName": ""}}},
)
# What a value of its key looks like, with a number of its own that is found again in what is rendered.
SHAPES: dict[str, Any] = {
    "earlierWeightsClaims": ["x{}"],
    "digest": "sha256:{:064d}", "env": [{"name": "A{}", "value": "b"}], "volumes": [{"name": "v{}", "emptyDir": {}}],
    "volumeMounts": [{"name": "m{}", "mountPath": "/a"}], "tolerations": [{"key": "t{}", "operator": "Exists"}],
    "affinity": {"podAffinity": {"n{}": []}}, "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "z{}"}],
    "extraObjects": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "o{}"}}],
    "imagePullSecrets": ["s{}"], "pod": {"priorityClassName": "p{}"}, "resourceClaims": [{"name": "c{}"}],
    "settings": {"A{}": "b"}, "arguments": {"a{}": 1}, "labelRoots": ["s3://l{}/{{tenant}}/"],
    "poolRoots": ["s3://p{}/{{tenant}}/"],
    "externalAddress": "r{}:1", "externalUri": "https://u{}", "externalUrl": "http://q{}:1", "artifacts": "s3://a{}/b",
    "s3Endpoint": "http://e{}:1", "maxMemory": "{}gb", "http": "http://h{}:1", "https": "http://h{}:1",
    "target": "t{}:1", "size": "{}Gi", "schedule": "{} 1 * * *", "resourceName": "a.b/c{}",
    "parentRefs": [{"name": "g{}"}],
    "issuerRef": {"name": "i{}"}, "dnsNames": ["d{}.b"], "storesTo": [{"podSelector": {"n{}": "b"}}],
    "gatewayFrom": [{"podSelector": {"n{}": "b"}}], "metricsFrom": [{"podSelector": {"n{}": "b"}}],
    "prometheusAddress": "http://p{}:1", "cpu": "{}m", "memory": "{}Mi", "tag": "t{}", "imageRegistry": "r{}",
    "fullnameOverride": "n{}", "except": "e{}",
}  # fmt: skip
# Of few possible values: they are told apart by what changes.
CHOICES = {"imagePullPolicy": "Always", "upgradeStrategy": "None", "type": "NodePort", "accessMode": "ReadWriteOnce",
           "targetCpuPercent": 51, "replicaCpus": 2, "ensembleGpus": 2, "tenant": "other",
           "imageRegistry": "mirror", "fullnameOverride": "other", "registry": "mirror"}  # fmt: skip
_FIRST = 20_000


def leaves(part: dict[str, Any], place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in part.items():
        if isinstance(value, dict) and value and key not in SHAPES:
            yield from leaves(value, (*place, key))
        else:
            yield (*place, key), value


def at(place: tuple[str, ...], value: Any) -> dict[str, Any]:
    for key in reversed(place):
        value = {key: value}
    return value


def filled(shape: Any, number: int) -> Any:
    """A shape with its number."""
    if isinstance(shape, str):
        return shape.format(number)
    if isinstance(shape, list):
        return [filled(item, number) for item in shape]
    return (
        {filled(key, number): filled(value, number) for key, value in shape.items()}
        if isinstance(shape, dict)
        else shape
    )


def marked(key: str, value: Any, number: int) -> Any:
    """A value that shows its number wherever it is used; None for those of few possible values."""
    if key in CHOICES or isinstance(value, bool):
        return None
    if key in SHAPES:
        return filled(SHAPES[key], number)
    if isinstance(value, int | float):
        return number
    if isinstance(value, list):
        return [number]
    return {f"k{number}": "v"} if isinstance(value, dict) else f"x{number}"


def unused(part: dict[str, Any]) -> list[str]:
    """Values of which nothing is rendered, with one set of switches or another."""
    numbered = {place: (_FIRST + number, value) for number, (place, value) in enumerate(leaves(part))}
    marks = {place: (number, marked(place[-1], value, number)) for place, (number, value) in numbered.items()}
    every = combined(*(at(place, mark) for place, (_, mark) in marks.items() if mark is not None))
    texts = [rendered(combined(EVERYTHING, every, extra)) for extra in ({}, *OTHERS)]
    silent = [place for place, (number, mark) in marks.items()
              if mark is not None and not any(str(number) in text for text in texts)]  # fmt: skip
    chosen = [place for place, (_, mark) in marks.items() if mark is None]
    return [".".join(place) for place in [*silent, *(place for place in chosen if not makes_a_difference(place))]]


def makes_a_difference(place: tuple[str, ...]) -> bool:
    """Whether another choice renders to anything else."""
    for extra in ({}, *OTHERS):
        base = combined(VALUES, EVERYTHING, extra)
        held: Any = base
        for key in place:
            held = held.get(key) if isinstance(held, dict) else None
        other = not held if isinstance(held, bool) else CHOICES.get(place[-1])
        try:
            if rendered(base) != rendered(combined(base, at(place, other))):
                return True
        except helm_python.HelmRenderError:
            return True  # refused with a reason: somebody looks at it
    return False


def rendered(values: dict[str, Any]) -> str:
    return "".join(rendered_files(json.dumps(values, sort_keys=True)).values())


def test_every_value_has_a_use() -> None:
    assert unused(VALUES) == []


def test_the_check_of_uses_can_fail() -> None:
    assert unused({"global": {"number": 1, "text": "", "mapping": {}, "switch": True}}) == [
        "global.number", "global.text", "global.mapping", "global.switch",
    ]  # fmt: skip


def used(text: str) -> set[str]:
    """Paths below .Values that a template names, those over `with` and variables of ours included."""
    paths = set(re.findall(r"\.Values\.([\w.]+)", text))
    for alias, path in re.findall(r"\$(\w+) := \$?\.(?:root\.)?Values\.([\w.]+)", text):
        paths |= {f"{path}.{rest}" for rest in re.findall(rf"\${alias}\.([\w.]+)", text)}
    return {path.rstrip(".") for path in paths}


def missing(text: str) -> set[str]:
    known = set()
    for place, _ in leaves(VALUES):
        known |= {".".join(place[:length]) for length in range(1, len(place) + 1)}
    # Below "pod" stand the keys of "pods"; of a free mapping anything may be named.
    return {path for path in used(text) if path not in known}


def test_every_value_that_a_template_uses_exists() -> None:
    for path in [
        *(CHART / "templates").rglob("*.yaml"),
        *(CHART / "templates").rglob("*.tpl"),
        CHART / "templates/NOTES.txt",
    ]:
        assert missing(path.read_text()) == set(), path.name


def test_the_check_of_used_values_can_fail() -> None:
    assert missing("{{ .Values.gateway.replica }}") == {"gateway.replica"}
    assert missing("{{ $v := .Values.gateway }}{{ $v.replica }}") == {"gateway.replica"}


@on_every_case
def test_nothing_renders_to_no_value(manifests) -> None:
    text = json.dumps(manifests)
    assert "<no value>" not in text
    assert "<nil>" not in text


def test_the_file_reads_in_one_sitting() -> None:
    lines = (CHART / "values.yaml").read_text().splitlines()
    assert len(lines) <= 560, "beside cert-manager's 1,765"
    assert max(map(len, lines)) <= 124
    headings = [line for line in lines if line.startswith("# ---- ")]
    assert len(headings) >= 7
