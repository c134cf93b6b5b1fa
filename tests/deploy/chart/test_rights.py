"""Rights in one namespace are enough to install everything."""

import yaml
from cases import on_every_case
from rendering import CHART, Manifest, render


def lacking(manifests, rules) -> set[str]:
    """Kinds of the chart that a Role does not let its holder install, and rights it would have to hand on."""
    plural = {"NetworkPolicy": "networkpolicies", "Ingress": "ingresses", "BackendTLSPolicy": "backendtlspolicies"}

    def allowed(group: str, resource: str, verb: str) -> bool:
        return any(
            group in rule["apiGroups"] and resource in rule["resources"] and verb in rule["verbs"] for rule in rules
        )

    missing = set()
    for manifest in manifests:
        group = manifest["apiVersion"].rpartition("/")[0]
        resource = plural.get(manifest["kind"], f"{manifest['kind'].lower()}s")
        missing |= {f"{verb} {resource}" for verb in ("get", "list", "watch", "create", "patch", "delete")
                    if not allowed(group, resource, verb)}  # fmt: skip
        for rule in manifest.get("rules", ()) if manifest["kind"] == "Role" else ():
            missing |= {f"hands on {verb} {resource}" for resource in rule["resources"] for verb in rule["verbs"]
                        if not allowed(rule["apiGroups"][0], resource, verb)}  # fmt: skip
    return missing


def installer() -> list[Manifest]:
    [role] = yaml.safe_load_all((CHART / "files" / "installer-role.yaml").read_text())
    assert role["kind"] == "Role"
    return role["rules"]


@on_every_case
def test_rights_in_one_namespace_are_enough_for_everything(manifests) -> None:
    assert {m["kind"] for m in manifests}.isdisjoint({"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition",
                                                      "Namespace", "PriorityClass", "StorageClass"})  # fmt: skip
    assert not [m for m in manifests if m["metadata"].get("namespace") not in {None, "epitaxy"}]
    assert lacking([m for m in manifests if "rules" not in m or m["kind"] == "Role"], installer()) == set()


def test_the_check_of_rights_can_fail() -> None:
    fewer = [rule for rule in installer() if "rayservices" not in rule["resources"]]
    assert {"create rayservices", "hands on delete rayclusters"} <= lacking(render({}), fewer)


def test_the_installers_role_has_no_wildcard() -> None:
    assert "*" not in yaml.safe_dump(installer())
