"""docs/operate.md: what it names exists, and nothing that it has to tell is missing."""

import re

import pytest
from rendering import CHART, ROOT, pod_specs, ray_objects, ray_spec, render
from test_policies import EXTERNAL_SECRETS

TEXT = (ROOT / "docs" / "operate.md").read_text()


def test_it_tells_what_an_operator_has_to_do() -> None:
    headings = re.findall(r"^## (.+)$", TEXT, re.M)
    assert headings[:6] == ["Images", "Install", "Upgrade and roll back", "Tenants and keys", "Scale",
                            "What is removed by itself"]  # fmt: skip
    for topic in (
        "Back up and restore",
        "**Ray** has one version",
        "**Add one**",
        "**Rotate a key**",
        "a core and hour",
    ):
        assert topic in TEXT, topic


def test_every_object_that_it_names_exists() -> None:
    manifests = render({})
    names = {manifest["metadata"]["name"] for manifest in manifests}
    package = "epitaxy-0"  # and the rest of its version
    known = names | {f"{name}-0" for name in names} | EXTERNAL_SECRETS | {package}
    named = {name.rstrip("-") for name in re.findall(r"\bepitaxy-[a-z0-9-]+", TEXT)}
    assert named <= known


@pytest.mark.parametrize("key", sorted(set(re.findall(r"`((?:[a-z]\w+\.)+\w+)(?:: [^`]+)?`", TEXT))))
def test_every_value_that_it_names_exists(key: str) -> None:
    if key.endswith((".yaml", ".json", ".toml", ".md")) or key.split(".", maxsplit=1)[0] in {"grpc", "helm"}:
        return
    found = (CHART / "values.yaml").read_text()
    for part in key.split("."):
        assert re.search(rf"^ *{part}:", found, re.M), key


def test_the_versions_of_ray_agree() -> None:
    clusters = [ray_spec(manifest) for manifest in ray_objects(render({}))]
    assert len(clusters) == 2
    assert {cluster["rayVersion"] for cluster in clusters} == {"2.60.0"}
    assert set(re.findall(r'"ray\[\w+\]==([\d.*]+)"', (ROOT / "pyproject.toml").read_text())) == {"2.60.*"}


def test_labels_that_it_selects_pods_by_are_those_of_pods() -> None:
    components = {labels["app.kubernetes.io/component"] for _, labels, _ in pod_specs(render({}))}
    [chosen] = re.findall(r"component in \(([\w,]+)\)", TEXT)
    assert set(chosen.split(",")) <= components
