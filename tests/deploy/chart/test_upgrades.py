"""From one release to the next: what restarts, what the API server refuses to change."""

import copy

import pytest
from cases import on_every_case
from rendering import PROFILES, ROOT, combined, of_kind, pod_specs, profile, ray_objects, render

TEXT = (ROOT / "docs" / "operate.md").read_text()


def templates(manifests):
    """Everything whose change starts pods again, by name."""
    found = {name: (labels, spec) for name, labels, spec in pod_specs(manifests)}
    rays = {(m["kind"], m["metadata"]["name"]): m["spec"] for m in ray_objects(manifests)}
    return found, rays


@on_every_case
def test_another_version_of_the_chart_changes_no_pod(manifests) -> None:
    for name, labels, _ in pod_specs(manifests):
        assert not {"helm.sh/chart", "app.kubernetes.io/version"} & set(labels), name


@pytest.mark.parametrize("name", PROFILES)
def test_a_bumped_chart_restarts_nothing(name) -> None:
    before, after = render(profile(name)), render(profile(name), chart_version="9.9.9")
    assert templates(before) == templates(after)
    changed = [one for one, other in zip(before, after, strict=True) if one != other]
    assert changed, "the version stands on the objects themselves"


def test_an_image_of_another_version_is_a_change() -> None:
    before, after = render({}), render({"images": {"prediction": {"tag": "0.2.0"}}})
    assert templates(before) != templates(after)


def settled(manifests) -> dict[str, object]:
    """What the API server refuses to change on objects that exist."""
    found: dict[str, object] = {}
    for manifest in manifests:
        place, spec = f"{manifest['kind']}/{manifest['metadata']['name']}", manifest.get("spec", {})
        if manifest["kind"] in {"Deployment", "StatefulSet"}:
            found[f"{place} selector"] = spec["selector"]["matchLabels"]
        if manifest["kind"] == "StatefulSet":
            found[f"{place} service"] = spec["serviceName"]
            assert "volumeClaimTemplates" not in spec, f"{place}: its size could never change"
        if manifest["kind"] == "Service":
            found[f"{place} address"] = spec.get("clusterIP")
        if manifest["kind"] == "PersistentVolumeClaim":
            found[f"{place} access mode"] = spec["accessModes"][0]
            found[f"{place} class"] = spec.get("storageClassName")
            found[f"{place} size"] = spec["resources"]["requests"]["storage"]
        if manifest["kind"] == "RoleBinding":
            found[f"{place} role"] = spec or manifest["roleRef"]
    return found


def differences(one, other) -> set[str]:
    first, second = settled(one), settled(other)
    return {key for key in set(first) & set(second) if first[key] != second[key]}


# Growing is what the server allows; docs/operate.md says what else it does not.
DOCUMENTED = {
    "PersistentVolumeClaim/epitaxy-campaigns size",
    "PersistentVolumeClaim/epitaxy-finetune access mode",
    "PersistentVolumeClaim/epitaxy-finetune size",
    "PersistentVolumeClaim/epitaxy-mlflow size",
    "PersistentVolumeClaim/epitaxy-postgres size",
}


def test_profiles_differ_in_nothing_settled_but_what_is_documented() -> None:
    found: set[str] = set()
    for one in PROFILES:
        for other in PROFILES:
            found |= differences(render(profile(one)), render(profile(other)))
    assert found == DOCUMENTED
    section = TEXT.partition("## Upgrade and roll back")[2].partition("\n## ")[0]
    for claim in ("epitaxy-campaigns", "epitaxy-finetune", "epitaxy-mlflow", "epitaxy-postgres"):
        assert f"`{claim}`" in section, claim
    assert "ReadWriteOnce" in section
    assert "--reset-then-reuse-values" in section


def test_the_check_of_settled_fields_can_fail() -> None:
    manifests = copy.deepcopy(render({}))
    [gateway] = [m for m in of_kind(manifests, "Deployment") if m["metadata"]["name"] == "epitaxy-gateway"]
    gateway["spec"]["selector"]["matchLabels"]["app.kubernetes.io/version"] = "0.1.0"
    assert differences(render({}), manifests) == {"Deployment/epitaxy-gateway selector"}


def test_values_of_all_profiles_can_be_given_on_top_of_each_other() -> None:
    assert render(combined(*(profile(name) for name in PROFILES)))
