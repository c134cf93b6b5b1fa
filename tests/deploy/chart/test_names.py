"""Names of objects: what KubeRay and the API server take, and what two releases in one namespace share."""

import copy
import re

import helm_python
import pytest
import yaml
from rendering import names, of_kind, pod_specs, ray_objects, render
from test_kuberay import LONGEST_RELEASE

ODD_RELEASES = ("epitaxy", LONGEST_RELEASE, "0815", "materials.prod", "x" * 53)
_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


def bad_names(manifests) -> list[tuple[str, str]]:
    """Longer than 63 characters (a CronJob's: 52), or no DNS label: the API server or a controller refuses them."""
    longest = {"CronJob": 52}
    return [(kind, name) for kind, name in names(manifests)
            if len(name) > longest.get(kind, 63) or not _LABEL.fullmatch(name)]  # fmt: skip


@pytest.mark.parametrize("release", ODD_RELEASES)
def test_every_name_of_any_release_is_a_dns_label(release) -> None:
    everything = {"qdrant": {"enabled": True}, "observability": {
        part: {"enabled": True} for part in ("monitors", "rules", "dashboards")}}  # fmt: skip
    assert bad_names(render(everything, release)) == []


def test_the_check_of_names_can_fail() -> None:
    manifests = copy.deepcopy(render({}))
    manifests[0]["metadata"]["name"] = "a" * 64
    manifests[1]["metadata"]["name"] = "0815-gateway"
    assert len(bad_names(manifests)) == 2


def test_a_name_that_fits_is_left_as_it_is() -> None:
    for release in ("epitaxy", "a" * 36):
        assert ("RayService", f"{release}-prediction") in names(render({}, release))


@pytest.mark.parametrize("name", ["a" * 37, "1st", "a.b", "a-"])
def test_a_name_of_the_values_that_kuberay_refuses_is_refused_at_render(name) -> None:
    with pytest.raises(helm_python.HelmValuesError, match="/fullnameOverride"):
        render({"fullnameOverride": name})


def referred_secrets(manifests) -> set[str]:
    """Names of Secrets that pods, hooks and Rays read or make."""
    text = yaml.dump([*manifests, *ray_objects(manifests)], Dumper=yaml.CSafeDumper)
    found = set(re.findall(r"secretName: (\S+)|secretKeyRef:\n(?: +(?:key|optional): \S+\n)* +name: (\S+)", text))
    made = re.findall(r"--(?:tenants|api-key|random|database)=([\w.-]+)", text)
    return {name for pair in found for name in pair if name} | set(made)


@pytest.mark.parametrize(
    ("one", "other"), [("epitaxy", "staging"), ("x" * 53, "x" * 52), ("a.b", "a-b"), ("0815", "e0815")]
)
def test_two_releases_share_neither_secrets_nor_objects(one, other) -> None:
    values = {"qdrant": {"enabled": True}, "gateway": {"tls": {"enabled": True}}, "ingress": {"enabled": True}}
    first, second = render(values, one), render(values, other)
    assert len(referred_secrets(first)) >= 8
    assert not referred_secrets(first) & referred_secrets(second)
    assert not set(names(first)) & set(names(second))


def test_the_check_of_shared_secrets_can_fail() -> None:
    shared = {"secrets": {"redis": "ours"}}
    assert referred_secrets(render(shared, "one")) & referred_secrets(render(shared, "two")) == {"ours"}


def test_selectors_of_one_release_choose_no_pod_of_another() -> None:
    first, second = render({}, "one"), render({}, "two")
    for manifest in of_kind(first, "Deployment", "StatefulSet", "Service", "PodDisruptionBudget"):
        selector = manifest["spec"]["selector"]
        wanted = selector.get("matchLabels", selector).items()
        assert not any(wanted <= labels.items() for _, labels, _ in pod_specs(second)), manifest["metadata"]["name"]
