"""What an operator's review would look for, on every manifest of every set of values."""

import importlib.util
import json
import re

import pytest
from rendering import containers, of_kind, pod_specs, render

from epitaxy.finetune.settings import FineTuneSettings
from epitaxy.gateway.settings import GatewaySettings
from epitaxy.prediction.settings import PredictionSettings
from epitaxy.registry.settings import RegistrySettings

# Secrets that the chart only refers to: values name them, docs/operate.md makes them.
EXTERNAL_SECRETS = {
    "epitaxy-tenants", "epitaxy-gateway-secret", "epitaxy-redis", "epitaxy-database", "epitaxy-object-storage",
    "epitaxy-gateway-tls", "epitaxy-test-key",
}  # fmt: skip
SETTINGS = {
    "EPITAXY_GATEWAY_": GatewaySettings,
    "EPITAXY_FINETUNE_": FineTuneSettings,
    "EPITAXY_PREDICTION_": PredictionSettings,
    "EPITAXY_REGISTRY_": RegistrySettings,
}
OF_THE_CLIENT = {"EPITAXY_TARGET", "EPITAXY_API_KEY"}


def test_pods_are_restricted(manifests) -> None:
    for name, _, spec in pod_specs(manifests):
        security = spec["securityContext"]
        assert security["runAsNonRoot"], name
        assert security["runAsUser"] > 0, name
        assert security["seccompProfile"]["type"] == "RuntimeDefault", name
        assert not spec.get("hostNetwork"), name
        for container in containers(spec):
            own = container["securityContext"]
            assert own["readOnlyRootFilesystem"], name
            assert own["allowPrivilegeEscalation"] is False, name
            assert own["capabilities"] == {"drop": ["ALL"]}, name
            mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
            assert mounted & {"/tmp", "/data", "/var/run/postgresql"}, name


def test_only_ray_heads_hold_a_token_of_the_api_server(manifests) -> None:
    holders = {name for name, _, spec in pod_specs(manifests) if spec["automountServiceAccountToken"]}
    assert holders == {"RayService/epitaxy-prediction/head", "RayCluster/epitaxy-training/head"}
    assert not of_kind(manifests, "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")


def test_everything_has_limits_and_everything_that_stays_has_three_probes(manifests) -> None:
    for name, _, spec in pod_specs(manifests):
        for container in containers(spec):
            for side in ("requests", "limits"):
                assert {"cpu", "memory"} <= set(container["resources"][side]), name
            assert container["resources"]["requests"]["memory"] is not None
        for container in spec["containers"] if not name.startswith("Pod/") else ():
            assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container), name


def test_images_are_pinned(manifests) -> None:
    for name, _, spec in pod_specs(manifests):
        for container in containers(spec):
            assert re.search(r"(:v?\d+\.\d+[\w.-]*|@sha256:[0-9a-f]{64})$", container["image"]), name


def test_no_secret_lies_in_the_chart(manifests) -> None:
    assert not of_kind(manifests, "Secret")
    for name, _, spec in pod_specs(manifests):
        for container in containers(spec):
            for variable in container.get("env", ()):
                if re.search("PASSWORD|SECRET_ACCESS|API_KEY$|DATABASE_URL", variable["name"]):
                    assert "secretKeyRef" in variable.get("valueFrom", {}), f"{name} {variable['name']}"


def test_what_is_named_exists(manifests) -> None:
    maps = {m["metadata"]["name"] for m in of_kind(manifests, "ConfigMap")}
    claims = {m["metadata"]["name"] for m in of_kind(manifests, "PersistentVolumeClaim")}
    accounts = {m["metadata"]["name"] for m in of_kind(manifests, "ServiceAccount")}
    for name, _, spec in pod_specs(manifests):
        assert spec["serviceAccountName"] in accounts, name
        for volume in spec.get("volumes", ()):
            assert volume.get("configMap", {"name": None})["name"] in maps | {None}, name
            assert volume.get("persistentVolumeClaim", {"claimName": None})["claimName"] in claims | {None}, name
            assert volume.get("secret", {"secretName": None})["secretName"] in EXTERNAL_SECRETS | {None}, name
        for container in containers(spec):
            referred = [e["valueFrom"]["secretKeyRef"]["name"] for e in container.get("env", ()) if "valueFrom" in e]
            assert set(referred) <= EXTERNAL_SECRETS, name
            volumes = {v["name"] for v in spec.get("volumes", ())} | {"data"}
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes, name


def test_services_policies_and_budgets_select_pods_and_ports_that_exist(manifests) -> None:
    pods = [(labels, spec) for _, labels, spec in pod_specs(manifests)]

    def chosen(selector):
        # KubeRay's own labels come at run time.
        wanted = {key: value for key, value in selector.items() if not key.startswith("ray.io/")}
        return [spec for labels, spec in pods if wanted.items() <= labels.items()]

    for service in of_kind(manifests, "Service"):
        found = chosen(service["spec"]["selector"])
        assert found, service["metadata"]["name"]
        names = {port["name"] for spec in found for c in spec["containers"] for port in c["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= names
    for budget in of_kind(manifests, "PodDisruptionBudget"):
        assert chosen(budget["spec"]["selector"]["matchLabels"])
    for policy in of_kind(manifests, "NetworkPolicy"):
        labels = policy["spec"]["podSelector"]["matchLabels"]
        if labels.get("app.kubernetes.io/component") in {"redis", "mlflow", "postgres"} and not chosen(labels):
            continue  # an external one
        assert chosen(labels), policy["metadata"]["name"]


def test_probes_name_ports_that_exist(manifests) -> None:
    raylet = {52365, 8000}
    for name, _, spec in pod_specs(manifests):
        for container in spec["containers"]:
            ports = container.get("ports", ())
            known = {port["name"] for port in ports} | {port["containerPort"] for port in ports} | raylet
            for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
                probe = container.get(kind, {})
                asked = [probe[how]["port"] for how in ("grpc", "tcpSocket", "httpGet") if how in probe]
                assert set(asked) <= known, f"{name} {kind}"


def test_every_setting_exists(manifests) -> None:
    for name, _, spec in pod_specs(manifests):
        for container in containers(spec):
            for variable in container.get("env", ()):
                prefix = next((p for p in SETTINGS if variable["name"].startswith(p)), None)
                if prefix:
                    field = variable["name"].removeprefix(prefix).lower()
                    assert field in SETTINGS[prefix].model_fields, f"{name} {variable['name']}"
                else:
                    assert not variable["name"].startswith("EPITAXY_") or variable["name"] in OF_THE_CLIENT


def test_every_python_command_is_a_module_that_exists(manifests) -> None:
    for name, _, spec in pod_specs(manifests):
        for container in containers(spec):
            command = container.get("command", [])
            if command[:2] == ["python", "-m"]:
                assert importlib.util.find_spec(f"{command[2]}.__main__"), name
            if command[:2] == ["python", "-c"]:
                compile(container["args"][0], name, "exec")


def test_only_the_gateway_is_reached_from_outside_and_only_it_reaches_serve() -> None:
    policies = {p["metadata"]["name"]: p["spec"] for p in of_kind(render({}), "NetworkPolicy")}
    assert policies["epitaxy-nobody"]["policyTypes"] == ["Ingress"]
    assert "ingress" not in policies["epitaxy-nobody"]
    rules = [(name, rule) for name, spec in policies.items() for rule in spec.get("ingress", ())]
    open_to_all = [name for name, rule in rules if "from" not in rule]
    assert open_to_all == ["epitaxy-gateway"]
    serve = policies["epitaxy-prediction"]["ingress"][0]
    [peer] = serve["from"]
    assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "gateway"
    assert [port["port"] for port in serve["ports"]] == [9000]


def test_the_gateway_drains_longer_than_its_longest_wait() -> None:
    [gateway] = [m for m in of_kind(render({}), "Deployment") if m["metadata"]["name"] == "epitaxy-gateway"]
    spec = gateway["spec"]["template"]["spec"]
    env = {e["name"]: e.get("value") for e in spec["containers"][0]["env"]}
    grace = float(env["EPITAXY_GATEWAY_SHUTDOWN_GRACE_SECONDS"])
    assert grace >= GatewaySettings.model_fields["chunk_patience_seconds"].default
    assert spec["terminationGracePeriodSeconds"] > grace


@pytest.mark.parametrize("enabled", [True, False])
def test_a_gpu_job_is_offered_where_there_is_a_pool(enabled) -> None:
    manifests = render({"training": {"gpuWorkers": {"enabled": enabled}}})
    [api] = [spec for name, _, spec in pod_specs(manifests) if name == "Deployment/epitaxy-finetune"]
    env = {e["name"]: e.get("value") for e in api["containers"][0]["env"]}
    assert float(env["EPITAXY_FINETUNE_GPUS_PER_JOB"]) == float(enabled)
    assert json.loads(env["EPITAXY_FINETUNE_LABEL_ROOTS"]) == []
