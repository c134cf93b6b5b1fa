"""What an operator's review would look for, on every manifest of every set of values."""

import json
import re
from fnmatch import fnmatch
from itertools import combinations
from urllib.parse import urlsplit

import pytest
import yaml
from cases import SWITCHES, on_every_case
from rendering import (
    containers,
    lives_on,
    of_kind,
    pod_specs,
    ray_objects,
    ray_spec,
    render,
    rendered_notes,
)  # fmt: skip

from epitaxy.campaigns import __main__ as campaigns_command
from epitaxy.campaigns.settings import CampaignSettings
from epitaxy.finetune import __main__ as finetune_command
from epitaxy.finetune.settings import FineTuneSettings
from epitaxy.gateway import __main__ as gateway_command
from epitaxy.gateway.settings import GatewaySettings
from epitaxy.prediction.settings import PredictionSettings
from epitaxy.registry.settings import RegistrySettings
from epitaxy.vectors.settings import VectorSettings

# Secrets that the chart only refers to: values name them, docs/operate.md makes them.
EXTERNAL_SECRETS = {
    "epitaxy-tenants", "epitaxy-gateway-secret", "epitaxy-redis", "epitaxy-database", "epitaxy-object-storage",
    "epitaxy-gateway-tls", "epitaxy-ingress-tls", "epitaxy-test-key", "epitaxy-qdrant", "epitaxy-ray-token",
}  # fmt: skip
SETTINGS = {
    "EPITAXY_GATEWAY_": GatewaySettings,
    "EPITAXY_FINETUNE_": FineTuneSettings,
    "EPITAXY_CAMPAIGNS_": CampaignSettings,
    "EPITAXY_PREDICTION_": PredictionSettings,
    "EPITAXY_REGISTRY_": RegistrySettings,
    "EPITAXY_VECTORS_": VectorSettings,
}
OF_THE_CLIENT = {"EPITAXY_TARGET", "EPITAXY_API_KEY", "EPITAXY_TLS_SERVER_NAME"}
# What the switches of the tests name and a site has.
OF_A_SITE = {
    "my-model",
    "my-5",
    "my-4",
    "my-3",
    "mine-1",
    "mine-2",
    "mine-3",
    "mine-4",
    "mine-5",
    "our-ca",
    "of-the-site",
}


@on_every_case
def test_pods_are_restricted(manifests) -> None:
    for name, _, spec in pod_specs(manifests):
        security = spec["securityContext"]
        assert security["runAsNonRoot"], name
        assert security.get("runAsUser", 10001) > 0, name
        assert security["seccompProfile"]["type"] == "RuntimeDefault", name
        assert not spec.get("hostNetwork"), name
        for container in containers(spec):
            own = container["securityContext"]
            assert own["readOnlyRootFilesystem"], name
            assert own["allowPrivilegeEscalation"] is False, name
            assert own["capabilities"] == {"drop": ["ALL"]}, name
            mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
            assert mounted & {"/tmp", "/data", "/var/run/postgresql"}, name


def test_ids_are_fixed_unless_the_cluster_gives_them() -> None:
    for values, expected in (({}, {10001, 70, 999}), ({"pods": {"fixedIds": False}}, {None})):
        found = {spec["securityContext"].get(key) for _, _, spec in pod_specs(render(values))
                 for key in ("runAsUser", "runAsGroup", "fsGroup")}  # fmt: skip
        assert found == expected


HEADS = {"RayService/epitaxy-prediction/head", "RayCluster/epitaxy-training/head"}


@on_every_case
def test_only_ray_heads_the_keeper_and_hooks_hold_a_token_of_the_api_server(manifests) -> None:
    holders = {name for name, _, spec in pod_specs(manifests) if spec["automountServiceAccountToken"]}
    assert holders - {"Job/epitaxy-bootstrap"} == HEADS | {"Deployment/epitaxy-keeper", "Job/epitaxy-uninstall"}
    assert not of_kind(manifests, "ClusterRole", "ClusterRoleBinding")
    for account in of_kind(manifests, "ServiceAccount"):
        assert account["automountServiceAccountToken"] is False


@on_every_case
def test_one_role_reads_secrets_by_name_and_creates_and_is_the_hooks_alone(manifests) -> None:
    assert {m["metadata"]["name"] for m in of_kind(manifests, "Role") if "secrets" in json.dumps(m["rules"])} <= {
        "epitaxy-bootstrap"
    }
    roles, bindings = (
        [m for m in of_kind(manifests, kind) if m["metadata"]["name"] == "epitaxy-bootstrap"]
        for kind in ("Role", "RoleBinding")
    )
    hooks = [m for m in of_kind(manifests, "Job") if m["metadata"]["name"] == "epitaxy-bootstrap"]
    assert len(roles) == len(bindings) == len(hooks) <= 1
    for role, binding, hook in zip(roles, bindings, hooks, strict=True):
        read, create = role["rules"]
        assert (read["verbs"], create["verbs"]) == (["get"], ["create"])
        assert read["resources"] == create["resources"] == ["secrets"]
        assert set(read["resourceNames"]) <= EXTERNAL_SECRETS
        made = [argument.partition("=")[2] for argument in hook["spec"]["template"]["spec"]["containers"][0]["args"]]
        assert {re.split("[/@]", name)[0] for name in made} >= set(read["resourceNames"])
        [subject] = binding["subjects"]
        users = [spec for _, _, spec in pod_specs(manifests) if spec["serviceAccountName"] == subject["name"]]
        assert len(users) == 1
        for manifest in (role, binding, hook):
            assert manifest["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
            assert "hook-succeeded" in manifest["metadata"]["annotations"]["helm.sh/hook-delete-policy"]


@on_every_case
def test_everything_has_limits_and_everything_that_stays_has_three_probes(manifests) -> None:
    for name, _, spec in pod_specs(manifests):
        for container in containers(spec):
            for side in ("requests", "limits"):
                assert {"cpu", "memory"} <= set(container["resources"][side]), name
        for container in spec["containers"] if lives_on(name) else ():
            probes = [container[kind] for kind in ("startupProbe", "livenessProbe", "readinessProbe")]
            assert not any(one == other for one, other in combinations(probes, 2)), name
            startup, liveness, readiness = probes
            # A start takes minutes; and what is not ready loses its callers before it loses its life.
            assert patience(startup) > patience(liveness) >= patience(readiness), name
            assert patience(startup) >= 60, name


@on_every_case
def test_what_a_liveness_probe_asks_is_not_what_readiness_asks(manifests) -> None:
    for name, labels, spec in pod_specs(manifests):
        if not lives_on(name) or (labels["app.kubernetes.io/component"] == "training" and name not in HEADS):
            continue  # nothing is sent to a worker of the training cluster: there is nothing to be ready for
        for container in spec["containers"]:
            asked = [asks(container[kind]) for kind in ("livenessProbe", "readinessProbe")]
            assert asked[0] != asked[1], name


def patience(probe) -> int:
    return probe.get("periodSeconds", 10) * probe.get("failureThreshold", 3)


def asks(probe):
    return next(json.dumps(probe[how]) for how in ("grpc", "tcpSocket", "httpGet", "exec") if how in probe)


@on_every_case
def test_images_are_pinned(manifests) -> None:
    for name, _, spec in pod_specs(manifests):
        for container in containers(spec):
            assert re.search(r"(:v?\d+\.\d+[\w.-]*|@sha256:[0-9a-f]{64})$", container["image"]), name


@on_every_case
def test_no_secret_lies_in_the_chart(manifests) -> None:
    assert not of_kind(manifests, "Secret")
    for name, _, spec in pod_specs(manifests):
        for container in containers(spec):
            for variable in container.get("env", ()):
                if re.search("PASSWORD|SECRET_ACCESS|API_KEY$|DATABASE_URL", variable["name"]):
                    assert "secretKeyRef" in variable.get("valueFrom", {}), f"{name} {variable['name']}"


@on_every_case
def test_what_is_named_exists(manifests) -> None:
    maps = {m["metadata"]["name"] for m in of_kind(manifests, "ConfigMap")} | OF_A_SITE
    claims = {m["metadata"]["name"] for m in of_kind(manifests, "PersistentVolumeClaim")} | OF_A_SITE
    accounts = {m["metadata"]["name"] for m in of_kind(manifests, "ServiceAccount")}
    for name, _, spec in pod_specs(manifests):
        assert spec["serviceAccountName"] in accounts, name
        for volume in spec.get("volumes", ()):
            held = volume.get("configMap", {"name": None})
            assert held["name"] in maps | {None} or held.get("optional"), name
            assert volume.get("persistentVolumeClaim", {"claimName": None})["claimName"] in claims | {None}, name
            assert volume.get("secret", {"secretName": None})["secretName"] in EXTERNAL_SECRETS | {None}, name
        for container in containers(spec):
            referred = [e["valueFrom"]["secretKeyRef"]["name"] for e in container.get("env", ()) if "valueFrom" in e]
            assert set(referred) <= EXTERNAL_SECRETS, name
            volumes = {v["name"] for v in spec.get("volumes", ())}
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes, name


@on_every_case
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
        assert chosen(policy["spec"]["podSelector"]["matchLabels"]), policy["metadata"]["name"]
        for rule in [*(policy["spec"].get("ingress") or ()), *(policy["spec"].get("egress") or ())]:
            for peer in [*rule.get("from", ()), *rule.get("to", ())]:
                labels = peer.get("podSelector", {}).get("matchLabels", {})
                if "app.kubernetes.io/component" in labels:
                    assert chosen(labels), f"{policy['metadata']['name']}: {labels}"


@on_every_case
def test_probes_name_ports_that_exist(manifests) -> None:
    for name, _, spec in pod_specs(manifests):
        for container in spec["containers"]:
            ports = container.get("ports", ())
            known = {port["name"] for port in ports} | {port["containerPort"] for port in ports}
            for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
                probe = container.get(kind, {})
                asked = [probe[how]["port"] for how in ("grpc", "tcpSocket", "httpGet") if how in probe]
                assert set(asked) <= known, f"{name} {kind}"


@on_every_case
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


PARSERS = {
    "epitaxy.gateway": gateway_command._parser,
    "epitaxy.finetune": finetune_command._parser,
    "epitaxy.campaigns": campaigns_command._parser,
}


@on_every_case
def test_every_python_command_is_one_that_exists(manifests) -> None:
    for name, _, spec in pod_specs(manifests):
        for container in containers(spec):
            command = container.get("command", [])
            if command[:2] == ["python", "-m"]:
                PARSERS[command[2]]().parse_args(container.get("args", []))
            if command[:2] == ["python", "-c"]:
                compile(container["args"][0], name, "exec")


def allowed(manifests) -> set[tuple[str, str, int]]:
    """Who reaches whom at which port (0: all), where both ends' policies say so."""
    out, into = set(), set()
    for policy in of_kind(manifests, "NetworkPolicy"):
        one = policy["spec"]["podSelector"]["matchLabels"].get("app.kubernetes.io/component", "*")
        for rule in policy["spec"].get("egress") or ():
            out |= {(one, peer, port) for peer in peers(rule, "to") for port in ports_of(rule)}
        for rule in policy["spec"].get("ingress") or ():
            into |= {(peer, one, port) for peer in peers(rule, "from") for port in ports_of(rule)}
    return out & into


def peers(rule, side) -> list[str]:
    """Components of this release among the peers of a rule."""
    given = [peer.get("podSelector", {}).get("matchLabels", {}) for peer in rule.get(side, ())]
    return [labels["app.kubernetes.io/component"] for labels in given if "app.kubernetes.io/component" in labels]


def ports_of(rule) -> list[int]:
    return [port["port"] for port in rule.get("ports", ())] or [0]


FLOWS = {
    ("gateway", "prediction", 9000), ("gateway", "finetune", 50061), ("test", "gateway", 50051),
    ("prediction", "prediction", 0), ("training", "training", 0), ("finetune", "training", 10001),
    ("prediction", "redis", 6379), ("training", "redis", 6379),
    ("prediction", "mlflow", 5000), ("training", "mlflow", 5000), ("finetune", "mlflow", 5000),
    ("upkeep", "mlflow", 5000),
    ("finetune", "postgres", 5432), ("training", "postgres", 5432), ("mlflow", "postgres", 5432),
    ("upkeep", "postgres", 5432), ("keeper", "postgres", 5432),
    ("gateway", "campaigns", 50071), ("campaigns", "prediction", 9000), ("campaigns", "finetune", 50061),
    ("campaigns", "postgres", 5432),
}  # fmt: skip


def test_nobody_reaches_anybody_but_by_these_ways() -> None:
    assert allowed(render({})) == FLOWS
    with_qdrant = {"qdrant": {"enabled": True}}
    assert allowed(render(with_qdrant)) == FLOWS | {("training", "qdrant", 6333)}
    without_campaigns = allowed(render(SWITCHES["no campaigns"]))
    assert without_campaigns == {flow for flow in FLOWS if "campaigns" not in flow}
    own_only = allowed(render(SWITCHES["external redis"]))
    assert own_only == {flow for flow in FLOWS if flow[1] != "redis"}


@on_every_case
def test_everything_is_denied_first_and_names_are_resolved(manifests) -> None:
    policies = {p["metadata"]["name"]: p["spec"] for p in of_kind(manifests, "NetworkPolicy")}
    if not policies:
        return
    nobody = policies["epitaxy-nobody"]
    assert nobody["policyTypes"] == ["Ingress", "Egress"]
    assert not {"ingress", "egress"} & set(nobody)
    assert "app.kubernetes.io/component" not in nobody["podSelector"]["matchLabels"], "all pods"
    assert policies["epitaxy-dns"]["podSelector"] == nobody["podSelector"]
    assert {port["protocol"] for port in policies["epitaxy-dns"]["egress"][0]["ports"]} == {"UDP", "TCP"}
    covered = {p["podSelector"]["matchLabels"].get("app.kubernetes.io/component") for p in policies.values()}
    assert {labels["app.kubernetes.io/component"] for _, labels, _ in pod_specs(manifests)} <= covered


def test_only_the_gateway_is_reached_from_outside() -> None:
    policies = {p["metadata"]["name"]: p["spec"] for p in of_kind(render({}), "NetworkPolicy")}
    rules = [(name, rule) for name, spec in policies.items() for rule in spec.get("ingress") or ()]
    assert [name for name, rule in rules if "from" not in rule] == ["epitaxy-gateway"]
    some = {"networkPolicies": {"gatewayFrom": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}}
    policies = {p["metadata"]["name"]: p["spec"] for p in of_kind(render(some), "NetworkPolicy")}
    assert all("from" in rule for spec in policies.values() for rule in spec.get("ingress") or ())


def outside(manifests) -> set[str]:
    """Who reaches addresses that no selector names, names and the API server left aside."""
    found = set()
    for policy in of_kind(manifests, "NetworkPolicy"):
        for rule in policy["spec"].get("egress") or ():
            numbers = {port["port"] for port in rule.get("ports", ())}
            if not peers(rule, "to") and not numbers <= {53} and numbers != {443, 6443}:
                found.add(policy["metadata"]["name"].removeprefix("epitaxy-"))
    return found


def test_only_who_uses_an_external_store_leaves_the_release() -> None:
    assert outside(render({})) == set()
    assert outside(render(SWITCHES["external redis"])) == {"prediction", "training"}
    assert outside(render(SWITCHES["external mlflow"])) == {"prediction", "training", "finetune", "upkeep"}
    of_rows = {"training", "finetune", "campaigns", "keeper", "upkeep", "mlflow"}
    assert outside(render(SWITCHES["external postgres"])) == of_rows
    assert outside(render(SWITCHES["object storage"])) == {"mlflow"}
    assert outside(render(SWITCHES["label roots"])) == {"finetune"}
    assert outside(render(SWITCHES["pool roots"])) == {"campaigns"}
    assert outside(render(SWITCHES["external qdrant"])) == {"training"}
    narrow = of_kind(render(SWITCHES["external stores by address"]), "NetworkPolicy")
    rules = [rule for policy in narrow for rule in policy["spec"].get("egress") or () if ports_of(rule) == [6379]]
    assert {json.dumps(rule["to"]) for rule in rules} == {'[{"ipBlock": {"cidr": "10.1.0.0/16"}}]'}


def test_only_who_holds_a_token_asks_the_api_server() -> None:
    askers = set()
    for policy in of_kind(render({}), "NetworkPolicy"):
        for rule in policy["spec"].get("egress") or ():
            if {port["port"] for port in rule.get("ports", ())} == {443, 6443}:
                askers.add(policy["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"])
    assert askers == {"prediction", "training", "keeper", "bootstrap", "uninstall"}


def test_ports_of_names_and_of_the_api_server_are_the_clusters() -> None:
    values = {"networkPolicies": {"dnsPorts": [5353], "apiPorts": [16443]}}
    policies = {p["metadata"]["name"]: p["spec"] for p in of_kind(render(values), "NetworkPolicy")}
    assert [port["port"] for port in policies["epitaxy-dns"]["egress"][0]["ports"]] == [5353, 5353]
    assert [16443] in [ports_of(rule) for rule in policies["epitaxy-keeper"]["egress"]]


def is_allowed(hosts, host) -> bool:
    """As MLflow decides from 3.5 on (mlflow/server/security_utils.py, which needs its whole server)."""
    return any(fnmatch(host, allowed) if "*" in allowed else host == allowed for allowed in hosts)


def test_mlflow_lets_in_whom_the_chart_sends_there() -> None:
    [server] = [spec for name, _, spec in pod_specs(render({})) if name == "Deployment/epitaxy-mlflow"]
    [container] = server["containers"]
    env = {entry["name"]: entry.get("value") for entry in container["env"]}
    hosts = env["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    [client] = [spec for name, _, spec in pod_specs(render({})) if name == "Deployment/epitaxy-finetune"]
    uri = next(e["value"] for e in client["containers"][0]["env"] if e["name"] == "MLFLOW_TRACKING_URI")
    [header] = container["readinessProbe"]["httpGet"]["httpHeaders"]
    for host in (urlsplit(uri).netloc, header["value"], "epitaxy-mlflow.epitaxy.svc:5000"):
        assert is_allowed(hosts, host), host
    assert not is_allowed(hosts, "evil.example.org")


@on_every_case
def test_nodes_of_ray_take_their_parameters_as_text_and_heads_take_no_work(manifests) -> None:
    for manifest in ray_objects(manifests):
        cluster = ray_spec(manifest)
        assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
        assert cluster["autoscalerOptions"]["version"] == "v2"
        assert re.match("rediss?://", cluster["gcsFaultToleranceOptions"]["redisAddress"])
        for group in [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]:
            assert all(isinstance(value, str) for value in group["rayStartParams"].values())
    [service] = of_kind(manifests, "RayService")
    assert service["spec"]["excludeHeadPodFromServeSvc"] is True
    assert service["spec"]["upgradeStrategy"]["type"] in {"NewCluster", "None"}
    [ingress] = [m for m in of_kind(manifests, "Service") if m["metadata"]["name"] == "epitaxy-prediction-grpc"]
    [port] = ingress["spec"]["ports"]
    assert (port["name"], port["appProtocol"]) == ("serve-grpc", "kubernetes.io/h2c")
    assert ingress["spec"]["clusterIP"] == "None", "the gateway goes round among the pods, and sees them by name only"
    assert port["port"] == 9000, "a headless Service maps no ports"


@on_every_case
def test_what_has_several_pods_is_spread_over_nodes_and_zones(manifests) -> None:
    for name, labels, spec in pod_specs(manifests):
        if labels["app.kubernetes.io/component"] in {"gateway", "prediction", "training"}:
            keys = {constraint["topologyKey"] for constraint in spec["topologySpreadConstraints"]}
            assert keys == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}, name
            for constraint in spec["topologySpreadConstraints"]:
                assert constraint["labelSelector"]["matchLabels"].items() <= labels.items()


def test_databases_are_migrated_before_who_needs_them_newer() -> None:
    found = {name: spec.get("initContainers", []) for name, _, spec in pod_specs(render({}))}
    for name, command in (("finetune", "migrate"), ("campaigns", "migrate"), ("mlflow", "mlflow db upgrade")):
        [migration] = found[f"Deployment/epitaxy-{name}"]
        assert command in " ".join(migration["args"])
        [deployment] = [m for m in of_kind(render({}), "Deployment") if m["metadata"]["name"] == f"epitaxy-{name}"]
        assert deployment["spec"]["strategy"] == {"type": "Recreate"}, "none of the old release is beside it"
    without = render(SWITCHES["no migrations"])
    assert not [name for name, _, spec in pod_specs(without) if spec.get("initContainers")]


def test_hooks_are_few_short_and_bring_what_they_need() -> None:
    jobs = {m["metadata"]["name"]: m for m in of_kind(render({}), "Job")}
    hooks = {name: job["metadata"]["annotations"]["helm.sh/hook"] for name, job in jobs.items()}
    assert hooks == {"epitaxy-bootstrap": "pre-install,pre-upgrade", "epitaxy-uninstall": "pre-delete"}
    for job in jobs.values():
        assert job["spec"]["activeDeadlineSeconds"] <= 900, "a hook that hangs holds the upgrade up"
    # A hook before the install cannot use what the install brings.
    [bootstrap] = [s for n, _, s in pod_specs(render({})) if n == "Job/epitaxy-bootstrap"]
    assert not any("persistentVolumeClaim" in volume or "configMap" in volume for volume in bootstrap["volumes"])
    assert not [e for c in bootstrap["containers"] for e in c["env"] if "valueFrom" in e]


def test_the_volume_of_one_node_takes_the_upkeep_to_that_node() -> None:
    for values, expected in (({}, False), (SWITCHES["volume of one node"], True)):
        [spec] = [spec for name, _, spec in pod_specs(render(values)) if name == "CronJob/epitaxy-upkeep"]
        assert ("affinity" in spec) == expected


def test_the_test_asks_the_service_or_whom_the_operator_names() -> None:
    for values, expected in (
        ({}, "epitaxy-gateway:50051"),
        ({"gateway": {"tls": {"enabled": True}}}, "epitaxy-gateway:50051"),
        (SWITCHES["test target"], "epitaxy.example.org:443"),
    ):
        [test] = [spec for name, _, spec in pod_specs(render(values)) if name.startswith("Pod/")]
        env = {entry["name"]: entry.get("value") for entry in test["containers"][0]["env"]}
        assert env["EPITAXY_TARGET"] == expected


def test_weights_by_volume_are_where_the_application_looks() -> None:
    manifests = render(SWITCHES["weights by volume"])
    [service] = of_kind(manifests, "RayService")
    folder = yaml.safe_load(service["spec"]["serveConfigV2"])["applications"][0]["args"]["model_folder"]
    for name, _, spec in pod_specs(manifests):
        if name.startswith("RayService/"):
            mounts = [mount for mount in spec["containers"][0]["volumeMounts"] if mount["name"] == "weights"]
            assert [(mount["mountPath"], mount["readOnly"]) for mount in mounts] == [(folder, True)]


def test_notes_name_the_next_three_commands() -> None:
    for values in ({}, SWITCHES["route"], SWITCHES["ingress"]):
        notes = rendered_notes(values)
        steps = re.findall(r"^(\d)\. ", notes, re.M)
        assert steps == ["1", "2", "3"]
        for command in (
            "kubectl -n epitaxy wait rayservice/epitaxy-prediction",
            "helm -n epitaxy test",
            "epitaxy screen",
        ):
            assert command in notes


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
