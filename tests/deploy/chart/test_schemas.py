"""Whatever the values, the cluster would take it; and values that make no sense are refused by their key."""

import copy
import json
import re
from functools import cache
from pathlib import Path

import helm_python
import jsonschema
import kubernetes_validate
import pytest
import yaml
from cases import on_every_case
from kubernetes_validate.utils import all_versions, schema_contents
from referencing import Registry, Resource
from rendering import CHART, PROFILES, ROOT, of_kind, profile, render

SCHEMAS = ROOT.parent / "shared" / "schemas"
CLUSTERS = ("1.31", "1.32", "1.33")
# Kinds of others whose schemas are nowhere at hand: the fields that the chart uses, by the projects' own documentation
# (Gateway API 1.4, cert-manager 1.x), closed.
_TEXT, _PORT = {"type": "string", "minLength": 1}, {"type": "integer", "minimum": 1, "maximum": 65535}


def closed(required: str, **properties) -> dict:
    return {
        "type": "object", "additionalProperties": False, "required": required.split(), "properties": properties
    }  # fmt: skip


def several(items: dict) -> dict:
    return {"type": "array", "minItems": 1, "items": items}


BY_READING = {
    "GRPCRoute": closed(
        "parentRefs hostnames rules",
        parentRefs=several(closed("name", name=_TEXT, namespace=_TEXT, sectionName=_TEXT, kind=_TEXT, group=_TEXT)),
        hostnames=several(_TEXT),
        rules=several(closed("backendRefs", backendRefs=several(closed("name port", name=_TEXT, port=_PORT)))),
    ),
    "BackendTLSPolicy": closed(
        "targetRefs validation",
        targetRefs=several(closed("group kind name", group={"const": ""}, kind={"const": "Service"}, name=_TEXT)),
        validation={
            **closed(
                "hostname",
                hostname=_TEXT,
                wellKnownCACertificates={"const": "System"},
                caCertificateRefs=several(closed("group kind name", group={"const": ""}, kind=_TEXT, name=_TEXT)),
            ),
            # One of both.
            "oneOf": [{"required": ["wellKnownCACertificates"]}, {"required": ["caCertificateRefs"]}],
        },
    ),
    "Certificate": closed(
        "secretName issuerRef dnsNames",
        secretName=_TEXT,
        issuerRef=closed("name", name=_TEXT, kind={"enum": ["Issuer", "ClusterIssuer"]}, group=_TEXT),
        dnsNames=several(_TEXT),
    ),
}


def own(manifest) -> bool:
    """Whether Kubernetes itself knows the kind."""
    group = manifest["apiVersion"].partition("/")[0]
    return "." not in group or group in {"networking.k8s.io", "rbac.authorization.k8s.io"}


@cache
def definitions(folder: str) -> Registry:
    return Resource.from_contents(schema_contents(f"{folder}/_definitions.json", "")) @ Registry()


@cache
def validator(kind: str, api_version: str, version: str) -> jsonschema.Draft202012Validator:
    """What kubernetes_validate.validate makes anew, of some megabytes of JSON, for each manifest."""
    newest = [known for known in all_versions() if known.startswith(f"{version}.")][-1]
    folder = f"kubernetes-json-schema/v{newest}-local-strict"
    group, _, name = api_version.rpartition("/")
    file = f"{kind.lower()}-{group.partition('.')[0]}{'-' * bool(group)}{name}.json"
    schema = schema_contents(f"{folder}/{file}", version)
    return jsonschema.Draft202012Validator(schema, registry=definitions(folder))


@cache
def validate(manifest: str, version: str) -> None:
    """Once a manifest, however many sets of values render it. Raises where the cluster would."""
    content = json.loads(manifest)
    fault = jsonschema.exceptions.best_match(
        validator(content["kind"], content["apiVersion"], version).iter_errors(content)
    )
    assert fault is None, f"{content['kind']} {content['metadata']['name']}: {fault.json_path}: {fault.message}"


def test_the_check_of_schemas_can_fail() -> None:
    """And as the library itself says it."""
    manifest = copy.deepcopy(of_kind(render({}), "Deployment")[0])
    manifest["spec"]["template"]["spec"]["containers"][0]["imagePullPolicies"] = "Always"
    for check in (
        lambda: validate(json.dumps(manifest), CLUSTERS[-1]),
        lambda: kubernetes_validate.validate(manifest, CLUSTERS[-1], strict=True),
    ):
        with pytest.raises((AssertionError, jsonschema.ValidationError), match="'imagePullPolicies' was unexpected"):
            check()


@on_every_case
def test_every_manifest_is_valid(manifests) -> None:
    for manifest in filter(own, manifests):
        validate(json.dumps(manifest), CLUSTERS[-1])


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_is_valid_on_older_clusters(name) -> None:
    for manifest in filter(own, render(profile(name))):
        for version in CLUSTERS[:-1]:
            validate(json.dumps(manifest), version)


@pytest.mark.skipif(not SCHEMAS.exists(), reason="the schemas of KubeRay, Prometheus operator and KEDA are not here")
@on_every_case
def test_every_object_of_an_operator_is_valid(manifests) -> None:
    for manifest in manifests:
        path = SCHEMAS / f"{manifest['apiVersion'].replace('/', '_')}_{manifest['kind']}.json"
        if path.exists():
            jsonschema.Draft202012Validator(json.loads(path.read_text())).validate(manifest)
        else:
            assert own(manifest) or manifest["kind"] in BY_READING, manifest["kind"]


@on_every_case
def test_objects_of_the_gateway_api_and_cert_manager_have_the_fields_that_these_have(manifests) -> None:
    for manifest in manifests:
        if manifest["kind"] in BY_READING:
            jsonschema.Draft202012Validator(BY_READING[manifest["kind"]]).validate(manifest["spec"])


@pytest.mark.parametrize("name", PROFILES)
def test_helm_itself_finds_nothing_wrong(name) -> None:
    report = helm_python.lint(str(CHART), profile(name), strict=True, kube_version="v1.33.0")
    assert [m for m in report.get("messages", ()) if m.get("severity", 0) >= 3] == []


@on_every_case
def test_names_are_unique(manifests) -> None:
    names = [(manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"gatway": {}}, "'gatway' not allowed"),
        ({"gateway": {"replica": 2}}, "'replica' not allowed"),
        ({"gateway": {"replicas": 0}}, "/gateway/replicas"),
        ({"images": {"api": {"tag": "latest"}}}, "/images/api/tag"),
        ({"images": {"api": {"digest": "abc"}}}, "/images/api/digest"),
        ({"prediction": {"upgradeStrategy": "Blue"}}, "/prediction/upgradeStrategy"),
        ({"prediction": {"cpuWorkers": {"resources": {"requests": {"cpu": "many"}}}}}, "/prediction/cpuWorkers"),
        ({"finetune": {"labelRoots": ["s3://labels/"]}}, "/finetune/labelRoots"),
        ({"campaigns": {"poolRoots": ["s3://pools/"]}}, "/campaigns/poolRoots"),
        ({"bootstrap": {"tenant": "Acme Inc"}}, "/bootstrap/tenant"),
        ({"migrations": {"timeoutSeconds": 1}}, "'timeoutSeconds' not allowed"),
        ({"imageRegistry": "https://mirror.example.org"}, "/imageRegistry"),
        ({"imagePullPolicy": "Sometimes"}, "/imagePullPolicy"),
        ({"pods": {"env": [{"value": "x"}]}}, "/pods/env/0"),
        ({"gateway": {"pod": {"nodeSelectors": {}}}}, "'nodeSelectors' not allowed"),
        ({"training": {"gpuWorkers": {"resourceName": "gpu"}}}, "/training/gpuWorkers/resourceName"),
        ({"training": {"gpuWorkers": {"gpus": 0}}}, "/training/gpuWorkers/gpus"),
        ({"networkPolicies": {"dnsPorts": []}}, "/networkPolicies/dnsPorts"),
        ({"pods": {"proxy": {"http": "proxy:3128"}}}, "/pods/proxy/http"),
        ({"extraObjects": [{"kind": "ConfigMap"}]}, "/extraObjects/0"),
        ({"redis": {"tls": True}}, "redis.tls and redis.user are for an external Redis"),
        ({"upkeep": {"schedule": "daily"}}, "/upkeep/schedule"),
        ({"upkeep": {"labelsDays": -1}}, "/upkeep/labelsDays"),
        ({"qdrant": {"externalUrl": "qdrant:6333"}}, "/qdrant/externalUrl"),
        ({"networkPolicies": {"storesPorts": [0]}}, "/networkPolicies/storesPorts"),
        ({"test": {"target": "https://epitaxy.example.org"}}, "/test/target"),
        ({"redis": {"enabled": False}}, "redis.externalAddress is needed"),
        ({"mlflow": {"enabled": False}}, "mlflow.externalUri is needed"),
        ({"prediction": {"ensembleGpus": 1}}, "set prediction.ensembleReplicas"),
        ({"prediction": {"ensembleReplicas": 1, "ensembleGpus": 1}}, "set prediction.gpuWorkers.enabled"),
    ],
)
def test_wrong_values_are_refused_by_their_key(values, told) -> None:
    with pytest.raises((helm_python.HelmValuesError, helm_python.HelmRenderError), match=told):
        render(values)


def test_every_value_is_in_the_schema_and_the_schema_is_closed() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    def check(part: dict, known: dict, place: str) -> None:
        known = schema["$defs"][known["$ref"].rpartition("/")[2]] if "$ref" in known else known
        if "properties" not in known:  # free by nature: labels, settings by name, peers
            assert place.rpartition(".")[2] in FREE, place
            return
        assert known["additionalProperties"] is False, place
        assert set(part) <= set(known["properties"]), place
        for key, value in part.items():
            if isinstance(value, dict):
                check(value, known["properties"][key], f"{place}.{key}")

    check(values, schema, "")


# Mappings whose keys are the operator's.
FREE = {
    "annotations", "settings", "labels", "arguments", "nodeSelector", "issuerRef", "affinity", "serviceAccountLabels",
    "serviceAccountAnnotations",
}  # fmt: skip
# Keys that say the same wherever they stand; the first of a kind is told about.
SAME_EVERYWHERE = {"registry", "repository", "tag", "digest", "requests", "limits", "enabled"}


def test_every_value_has_prose_over_it() -> None:
    lines = (CHART / "values.yaml").read_text().splitlines()
    silent = []
    for number, line in enumerate(lines):
        found = re.match(r"^ *([A-Za-z]\w*):", line)
        if found and found[1] not in SAME_EVERYWHERE and not lines[number - 1].lstrip().startswith("# "):
            silent.append(line.strip())
    assert not silent


def test_profiles_are_in_the_package() -> None:
    assert {path.name for path in Path(CHART).glob("values-*.yaml")} == {
        "values-minimal.yaml",
        "values-gpu.yaml",
        "values-production.yaml",
    }
