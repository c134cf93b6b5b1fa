"""KubeRay acts on both Rays, in every profile, on pairs of profiles and behind every switch."""

import copy

import pytest
from cases import on_every_case
from environment import repeated, unresolved
from kuberay import built_pods, groups, refusals, shared_state
from rendering import PROFILES, of_kind, profile, ray_objects, ray_spec, render

LONGEST_RELEASE = "a-release-with-a-name-as-long-as-helm-takes-one-at-all"[:53]


def complaints(manifest) -> list[str]:
    found = [*refusals(manifest), *shared_state(manifest)]
    for group, env, appended in built_pods(manifest):
        found += [f"variables: {group}: {text}" for text in unresolved(env)]
        found += [f"repeated: {group}: {name}" for name in repeated([*(entry["name"] for entry in env), *appended])]
    return [*found, *_shared_memory(manifest)]


def _shared_memory(manifest):
    """Ray ends at once if its object store is larger than its memory, and slows down if it is larger than /dev/shm."""
    spec = ray_spec(manifest)
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        pod, size = group["template"]["spec"], int(group["rayStartParams"]["object-store-memory"])
        [shm] = [volume for volume in pod["volumes"] if volume["name"] == "shm"]
        limits = (shm["emptyDir"]["sizeLimit"], pod["containers"][0]["resources"]["requests"]["memory"])
        if size > min(map(quantity, limits)):
            yield "object store: larger than the memory that there is for it"


def quantity(text: str) -> float:
    """Of memory or cores, such as 2Gi or 250m."""
    factors = {"m": 1e-3, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
    for ending, factor in factors.items():
        if str(text).endswith(ending):
            return float(str(text).removesuffix(ending)) * factor
    return float(text)


@on_every_case
def test_kuberay_refuses_nothing(manifests) -> None:
    found = ray_objects(manifests)
    assert sorted(manifest["kind"] for manifest in found) == ["RayCluster", "RayService"]
    assert [text for manifest in found for text in complaints(manifest)] == []


@pytest.mark.parametrize(
    ("name", "release"),
    [*((name, LONGEST_RELEASE) for name in PROFILES), ("", "0815"), ("", "materials.prod"), ("", "x" * 53)],
)
def test_kuberay_takes_the_names_of_any_release(name, release) -> None:
    assert [text for manifest in ray_objects(render(profile(name), release)) for text in complaints(manifest)] == []


def broken(change):
    """Both Rays after a change that an upgrade of the chart might make by mistake."""
    manifests = copy.deepcopy(ray_objects(render(profile("gpu"))))
    for manifest in manifests:
        change(manifest)
    return [text for manifest in manifests for text in complaints(manifest)]


def head_env(*entries):
    def change(manifest):
        container = ray_spec(manifest)["headGroupSpec"]["template"]["spec"]["containers"][0]
        container["env"] = [*container["env"], *entries]

    return change


def in_spec(path, value):
    def change(manifest):
        *parents, last = path.split(".")
        place = ray_spec(manifest)
        for part in parents:
            place = place[int(part) if isinstance(place, list) else part]
        place[last] = value

    return change


PASSWORD = {"name": "REDIS_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "x", "key": "password"}}}
WORKER = "workerGroupSpecs.0"


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("redis variables: REDIS_PASSWORD on the head", head_env(PASSWORD)),
        ("redis variables: RAY_REDIS_ADDRESS on the head", head_env({"name": "RAY_REDIS_ADDRESS", "value": "x"})),
        ("redis variables: redis-password", in_spec("headGroupSpec.rayStartParams.redis-password", "x")),
        ("redis user", head_env({"name": "REDIS_USERNAME", "value": "x"})),
        ("redis variables: ray.io/ft-enabled", lambda m: m["metadata"].update(annotations={"ray.io/ft-enabled": "1"})),
        ("storage namespace", in_spec("gcsFaultToleranceOptions.externalStorageNamespace", "epitaxy")),
        ("name", lambda m: m["metadata"].update(name="a" * 54)),
        ("name", lambda m: m["metadata"].update(name="1st")),
        ("name", lambda m: m["metadata"].update(name="a.b")),
        ("variables: head: U refers to $(REDIS_PASSWORD)", head_env({"name": "U", "value": "r://$(REDIS_PASSWORD)@h"})),
        ("variables: head: U refers to $(LATER)", head_env({"name": "U", "value": "$(LATER)"}, {"name": "LATER"})),
        ("repeated: head: RAY_CLUSTER_NAME", head_env({"name": "RAY_CLUSTER_NAME", "value": "x"})),
        ("repeated: head: HOME", head_env({"name": "HOME", "value": "x"})),
        ("containers", in_spec(f"{WORKER}.template.spec.containers", [])),
        ("labels", in_spec(f"{WORKER}.rayStartParams.labels", "a=b")),
        ("resources", in_spec("headGroupSpec.resources", {"CPU": "1"})),
        ("start parameters", in_spec(f"{WORKER}.rayStartParams.num-cpus", 1)),
        ("suspend", in_spec(f"{WORKER}.suspend", True)),
        ("restart policy", in_spec(f"{WORKER}.template.spec.restartPolicy", "Always")),
        ("autoscaler", head_env({"name": "RAY_enable_autoscaler_v2", "value": "1"})),
        ("tokens", lambda m: ray_spec(m).update(authOptions={"mode": "token"}, rayVersion="2.51.0")),
        ("upgrade strategy", lambda m: m["spec"].update(upgradeStrategy={"type": "Blue"})),
        ("head service", in_spec("headGroupSpec.headService", {"metadata": {"name": "mine"}})),
        ("deletion delay", lambda m: m["spec"].update(rayClusterDeletionDelaySeconds=-1)),
        ("object store", in_spec("headGroupSpec.rayStartParams.object-store-memory", str(64 * 2**30))),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_each_rule_finds_what_breaks_it(rule, change) -> None:
    found = list(refusals_of_broken_containers(change)) if rule == "containers" else broken(change)
    assert any(text.startswith(rule) for text in found), found


def refusals_of_broken_containers(change):
    """Without containers there is nothing to build: KubeRay stops at the first refusal."""
    for manifest in copy.deepcopy(ray_objects(render(profile("gpu")))):
        change(manifest)
        yield from refusals(manifest)


def test_a_site_that_sets_what_kuberay_claims_is_told_so() -> None:
    import helm_python

    for name in ("REDIS_PASSWORD", "REDIS_USERNAME", "RAY_REDIS_ADDRESS"):
        with pytest.raises(helm_python.HelmRenderError, match=f"sets {name}, which KubeRay"):
            render({"training": {"pod": {"env": [{"name": name, "value": "x"}]}}})


def test_redis_with_tls_and_a_user_reaches_cache_and_ray_alike() -> None:
    values = {"redis": {"enabled": False, "externalAddress": "redis.stores:6380", "tls": True, "user": "epitaxy"}}
    manifests = render(values | {"pods": {"caBundle": {"configMap": "our-ca"}}})
    for manifest in ray_objects(manifests):
        options = ray_spec(manifest)["gcsFaultToleranceOptions"]
        assert options["redisAddress"] == "rediss://redis.stores:6380"
        assert options["redisUsername"] == {"value": "epitaxy"}
    [service] = of_kind(manifests, "RayService")
    for _, env, _ in built_pods(service):
        given = {entry["name"]: entry.get("value") for entry in env}
        assert given["EPITAXY_PREDICTION_REDIS_URL"] == "rediss://redis.stores:6380/0"
        assert given["EPITAXY_PREDICTION_REDIS_USER"] == "epitaxy"
        assert given["EPITAXY_PREDICTION_REDIS_PASSWORD"] is None, "from the Secret"
        assert given["RAY_REDIS_CA_CERT"] == given["SSL_CERT_FILE"] == "/etc/epitaxy/ca/ca.crt"


def test_ray_with_tokens_is_asked_for_its_health_as_without() -> None:
    """Ray lets health checks in without a token: tests/deploy/pods/test_secured_stores.py asks a real one."""
    with_tokens, without = render({"ray": {"tokenAuthentication": True}}), render({})
    for manifest, plain in zip(ray_objects(with_tokens), ray_objects(without), strict=True):
        assert ray_spec(manifest)["authOptions"] == {"mode": "token", "secretName": "epitaxy-ray-token"}
        for (name, group), (_, other) in zip(groups(ray_spec(manifest)), groups(ray_spec(plain)), strict=True):
            one, two = (g["template"]["spec"]["containers"][0] for g in (group, other))
            for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
                assert one[kind] == two[kind], name
