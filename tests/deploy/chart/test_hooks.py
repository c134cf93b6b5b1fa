"""Hooks: they need nothing that comes after them, and hold no right longer than they run."""

import copy

import pytest
from cases import on_every_case
from rendering import names, of_kind, pod_specs, render


def missing_of_hooks(manifests) -> list[str]:
    """What a hook before an install or upgrade needs and the release itself would only bring afterwards."""
    missing = []
    early = [m for m in manifests if {"pre-install", "pre-upgrade"} & set(events(m))]
    known = {(m["kind"], m["metadata"]["name"], event) for m in early for event in events(m)}
    for name, _, spec in pod_specs(early):
        job = next(m for m in early if f"{m['kind']}/{m['metadata']['name']}" == name)
        for event in events(job):
            account = spec["serviceAccountName"]
            missing += [f"{name} on {event}: the account {account}"] * (("ServiceAccount", account, event) not in known)
        for volume in spec.get("volumes", ()):
            claim = volume.get("persistentVolumeClaim", {}).get("claimName", "")
            held = volume.get("configMap", {}).get("name", "")
            if claim.startswith("epitaxy") or held.startswith("epitaxy"):
                missing.append(f"{name}: the volume {claim or held}")
    return missing


def events(manifest) -> list[str]:
    annotations = manifest["metadata"].get("annotations") or {}
    return annotations.get("helm.sh/hook", "").split(",") if "helm.sh/hook" in annotations else []


@on_every_case
def test_hooks_need_nothing_that_comes_after_them(manifests) -> None:
    assert missing_of_hooks(manifests) == []


SWITCHED = (
    {"mlflow": {"enabled": False, "externalUri": "https://m"}},
    {"postgres": {"enabled": False}},
    {"redis": {"enabled": False, "externalAddress": "r:1"}},
)


@pytest.mark.parametrize("change", SWITCHED)
def test_a_store_switched_on_by_an_upgrade_needs_no_hook_of_its_own(change) -> None:
    before, after = render(change), render({})
    new = set(names(after)) - set(names(before))
    brought = [m for m in after if (m["kind"], m["metadata"]["name"]) in new]
    assert brought
    assert not [m for m in brought if events(m)], "it would run before what it needs"


def test_the_check_of_hooks_can_fail() -> None:
    manifests = copy.deepcopy(render({}))
    [job] = [m for m in of_kind(manifests, "Job") if m["metadata"]["name"] == "epitaxy-bootstrap"]
    job["spec"]["template"]["spec"]["serviceAccountName"] = "epitaxy-mlflow"
    assert missing_of_hooks(manifests) == [
        f"Job/epitaxy-bootstrap on {event}: the account epitaxy-mlflow" for event in ("pre-install", "pre-upgrade")
    ]


def test_who_may_delete_at_an_uninstallation_is_gone_with_the_hook() -> None:
    made = [m for m in render({}) if m["metadata"]["name"] == "epitaxy-uninstall" and m["kind"] != "NetworkPolicy"]
    assert sorted(m["kind"] for m in made) == ["Job", "Role", "RoleBinding", "ServiceAccount"]
    assert {tuple(events(m)) for m in made} == {("pre-delete",)}
