"""The pod of "helm test" reaches a port that somebody listens on, and every variable has a value."""

import copy

from cases import on_every_case
from environment import unresolved
from rendering import containers, of_kind, pod_specs, profile, render


def unreached(manifests) -> list[str]:
    """Why the test's pod cannot reach what it is told to."""
    [test] = [spec for name, _, spec in pod_specs(manifests) if name.startswith("Pod/")]
    env = {entry["name"]: entry.get("value") for entry in test["containers"][0]["env"]}
    host, _, port = env["EPITAXY_TARGET"].rpartition(":")
    services = {m["metadata"]["name"]: m["spec"] for m in of_kind(manifests, "Service")}
    if host not in services:
        return [f"nobody is called {host}"]
    [listener] = [entry for entry in services[host]["ports"] if str(entry["port"]) == port] or [None]
    if listener is None:
        return [f"{host} has no port {port}"]
    chosen = [spec for _, labels, spec in pod_specs(manifests) if services[host]["selector"].items() <= labels.items()]
    ports = {entry["name"] for spec in chosen for c in spec["containers"] for entry in c.get("ports", ())}
    faults = [] if listener["targetPort"] in ports else [f"no pod of {host} has a port {listener['targetPort']}"]
    [gateway] = [spec for name, _, spec in pod_specs(manifests) if name == "Deployment/epitaxy-gateway"]
    with_tls = any(entry["name"] == "EPITAXY_GATEWAY_TLS_CERT_PATH" for entry in gateway["containers"][0]["env"])
    if with_tls != ("EPITAXY_TLS_SERVER_NAME" in env) or with_tls != ("tls=True" in test["containers"][0]["args"][0]):
        faults.append("one of both speaks TLS")
    return faults


@on_every_case
def test_the_test_reaches_a_port_that_somebody_listens_on(manifests) -> None:
    [test] = [spec for name, _, spec in pod_specs(manifests) if name.startswith("Pod/")]
    env = {entry["name"]: entry.get("value") for entry in test["containers"][0]["env"]}
    if env["EPITAXY_TARGET"] == "epitaxy.example.org:443":
        return  # an address that the operator chose
    assert unreached(manifests) == []


def test_the_check_of_the_tests_port_can_fail() -> None:
    manifests = copy.deepcopy(render(profile("production")))
    [pod] = of_kind(manifests, "Pod")
    pod["spec"]["containers"][0]["env"][0]["value"] = "epitaxy.example.org:50051"
    assert unreached(manifests) == ["nobody is called epitaxy.example.org"]
    pod["spec"]["containers"][0]["env"][0]["value"] = "epitaxy-gateway:443"
    assert unreached(manifests) == ["epitaxy-gateway has no port 443"]


def test_the_certificate_that_the_test_expects_is_the_pods() -> None:
    manifests = render(profile("production"))
    [certificate] = of_kind(manifests, "Certificate")
    [test] = [spec for name, _, spec in pod_specs(manifests) if name.startswith("Pod/")]
    env = {entry["name"]: entry.get("value") for entry in test["containers"][0]["env"]}
    assert env["EPITAXY_TLS_SERVER_NAME"] in certificate["spec"]["dnsNames"]


@on_every_case
def test_every_variable_is_defined_before_it_is_used(manifests) -> None:
    for name, _, spec in pod_specs(manifests):
        for container in containers(spec):
            env, command = container.get("env", ()), [*container.get("command", ()), *container.get("args", ())]
            assert list(unresolved(env, command)) == [], name
            given = [entry["name"] for entry in env]
            assert len(given) == len(set(given)), f"{name}: a server-side apply refuses a name given twice"
