"""What a site sets is on every pod of the release, Ray's nodes and hooks included, and each component's own over it."""

import pytest
from cases import SWITCHES
from rendering import combined, containers, of_kind, pod_specs, ray_objects, ray_spec, render

CA = "/etc/epitaxy/ca/ca.crt"
PROXY = "http://proxy:3128"
VARIABLES = {
    "SITE": "here", "http_proxy": PROXY, "HTTP_PROXY": PROXY, "https_proxy": PROXY, "HTTPS_PROXY": PROXY,
    **dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
                     "RAY_REDIS_CA_CERT"), CA),
}  # fmt: skip
GPUS = {"enabled": True, "minReplicas": 1}


def lacking(manifests) -> list[str]:
    """What a pod of "a site" has not of what the site set."""
    faults = []
    site = SWITCHES["a site"]["pods"]
    for name, labels, spec in pod_specs(manifests):
        for container in containers(spec):
            env = {entry["name"]: entry.get("value") for entry in container["env"]}
            faults += [f"{name}: {key} is {env.get(key)}" for key, value in VARIABLES.items() if env.get(key) != value]
            faults += [f"{name}: {host} through the proxy" for host in ("localhost", "epitaxy-redis", "example.org")
                       if host not in env.get("no_proxy", "").split(",")]  # fmt: skip
            mounted = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
            faults += [f"{name}: {path}" for path in ("/etc/epitaxy/ca", "/etc/site") if path not in mounted]
            if not container["image"].startswith(SWITCHES["a site"]["imageRegistry"] + "/"):
                faults.append(f"{name}: {container['image']}")
            faults += [f"{name}: pull policy"] * (container["imagePullPolicy"] != "Always")
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        faults += [f"{name}: ca-bundle"] * (volumes.get("ca-bundle", {}).get("configMap", {}).get("name") != "our-ca")
        for key in ("tolerations", "affinity", "runtimeClassName"):
            faults += [f"{name}: {key} is {spec.get(key)}"] * (spec.get(key) != site[key])
        faults += [f"{name}: nodeSelector"] * (not site["nodeSelector"].items() <= spec["nodeSelector"].items())
        faults += [f"{name}: labels"] * (not site["labels"].items() <= labels.items())
    for account in of_kind(manifests, "ServiceAccount"):
        annotations = account["metadata"].get("annotations", {})
        faults += [f"{account['metadata']['name']}: workload identity"] * (
            not site["serviceAccountAnnotations"].items() <= annotations.items()
        )
    for service in of_kind(manifests, "Service"):
        metadata = service["metadata"]
        faults += [f"{metadata['name']}: of services"] * (
            metadata["labels"].get("team") != "materials" or metadata["annotations"].get("mesh") != "on"
        )
    return faults


def test_every_pod_account_and_service_has_what_the_site_set() -> None:
    assert lacking(render(SWITCHES["a site"])) == []
    # The autoscaler is a container beside each head that only KubeRay puts there.
    for manifest in ray_objects(render(SWITCHES["a site"])):
        options = ray_spec(manifest)["autoscalerOptions"]
        env = {entry["name"]: entry["value"] for entry in options["env"]}
        assert VARIABLES.items() <= env.items()
        assert "/etc/epitaxy/ca" in {mount["mountPath"] for mount in options["volumeMounts"]}


def test_the_check_of_sites_can_fail() -> None:
    without = combined(SWITCHES["a site"], {"pods": {"caBundle": {"configMap": ""}, "runtimeClassName": ""}})
    faults = lacking(render(without))
    pods = {name for name, _, _ in pod_specs(render(without))}
    for fault in ("SSL_CERT_FILE is None", "/etc/epitaxy/ca", "ca-bundle", "runtimeClassName is None"):
        assert {f"{name}: {fault}" for name in pods} <= set(faults)


OWN = {
    "gateway": ["Deployment/epitaxy-gateway"],
    "prediction": ["RayService/epitaxy-prediction/head", "RayService/epitaxy-prediction/cpu"],
    "training": ["RayCluster/epitaxy-training/head", "RayCluster/epitaxy-training/cpu"],
    "training.keeper": ["Deployment/epitaxy-keeper"],
    "finetune": ["Deployment/epitaxy-finetune"],
    "campaigns": ["Deployment/epitaxy-campaigns"],
    "upkeep": ["CronJob/epitaxy-upkeep"],
    "redis": ["StatefulSet/epitaxy-redis"],
    "mlflow": ["Deployment/epitaxy-mlflow"],
    "postgres": ["StatefulSet/epitaxy-postgres"],
    "qdrant": ["StatefulSet/epitaxy-qdrant"],
    "bootstrap": ["Job/epitaxy-bootstrap"],
    "uninstall": ["Job/epitaxy-uninstall"],
    "test": ["Pod/epitaxy-test-prediction"],
}


def test_each_component_has_options_of_its_own_over_those_of_all() -> None:
    everything = {"qdrant": {"enabled": True}, "pods": {"priorityClassName": "all", "nodeSelector": {"pool": "all"}}}
    assert {name for names in OWN.values() for name in names} == {name for name, _, _ in pod_specs(render(everything))}
    own = {"priorityClassName": "own", "nodeSelector": {"disk": "fast"}, "tolerations": [{"key": "own"}]}
    for section, names in OWN.items():
        values: dict = {"pod": own}
        for part in reversed(section.split(".")):
            values = {part: values}
        for name, _, spec in pod_specs(render(combined(everything, values))):
            mine = name in names
            assert spec["priorityClassName"] == ("own" if mine else "all"), f"{section}: {name}"
            assert spec["nodeSelector"] == {"pool": "all", **({"disk": "fast"} if mine else {})}, f"{section}: {name}"
            assert spec.get("tolerations", []) == (own["tolerations"] if mine else []), f"{section}: {name}"


@pytest.mark.parametrize("cluster", ["prediction", "training"])
def test_slices_and_claims_of_gpus_reach_the_workers(cluster) -> None:
    def worker(**gpus):
        values = {cluster: {"gpuWorkers": GPUS | gpus}}
        [spec] = [spec for name, _, spec in pod_specs(render(values)) if name.endswith(f"{cluster}/gpu")]
        return spec, spec["containers"][0]["resources"]

    _, resources = worker(resourceName="nvidia.com/mig-2g.20gb", gpus=2)
    for side in ("requests", "limits"):
        assert resources[side]["nvidia.com/mig-2g.20gb"] == 2
        assert "nvidia.com/gpu" not in resources[side]
    claim = {"name": "gpu", "resourceClaimTemplateName": "one-gpu"}
    spec, resources = worker(resourceClaims=[claim])
    assert spec["resourceClaims"] == [claim]
    assert resources["claims"] == [{"name": "gpu"}]
    assert not any(key.startswith("nvidia.com") for key in resources["limits"])


def test_claims_of_the_sites_own_take_the_place_of_the_charts() -> None:
    manifests = render(SWITCHES["own claims"])
    assert not of_kind(manifests, "PersistentVolumeClaim")
    used = {v["persistentVolumeClaim"]["claimName"] for _, _, spec in pod_specs(manifests) for v in spec["volumes"]
            if "persistentVolumeClaim" in v}  # fmt: skip
    assert used == {"mine-1", "mine-2", "mine-3", "mine-4", "mine-5"}


def test_more_objects_are_rendered_with_their_templates() -> None:
    names = {m["metadata"]["name"]: m for m in of_kind(render(SWITCHES["a site"]), "ConfigMap")}
    assert names["epitaxy-of-the-site"]["data"] == {"key": "value"}
