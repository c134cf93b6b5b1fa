"""docs/operate.md: what it names exists, and nothing that it has to tell is missing."""

import re

import click
import helm_python
import pytest
import typer
import yaml
from rendering import CHART, ROOT, combined, of_kind, pod_specs, ray_objects, ray_spec, render
from test_policies import EXTERNAL_SECRETS

from epitaxy.cli.app import app

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


SUBSTRATE = TEXT.partition("### Roll out a new substrate")[2].partition("\n**Ray**")[0]


def set_by(command: str) -> dict:
    """Values that a helm command of the section sets."""
    [found] = re.findall(rf"{command} [^`]+", SUBSTRATE.replace("\\\n", ""))
    values: dict = {}
    for text in re.findall(r"--set (\S+)", found):
        values = combined(values, helm_python.parse_set_string(text))
    return values


def worker_of(manifests):
    [found] = [(labels, spec) for name, labels, spec in pod_specs(manifests) if name.endswith("-prediction/cpu")]
    return found


def env_of(spec) -> dict:
    return {entry["name"]: entry for entry in spec["containers"][0]["env"]}


def test_a_new_substrate_warms_the_cache_that_the_product_then_reads() -> None:
    beside = render(set_by("helm install next"), "next")
    moved = render(set_by("helm upgrade epitaxy"))
    labels, spec = worker_of(beside)
    _, then = worker_of(moved)
    for name in ("EPITAXY_PREDICTION_REDIS_URL", "EPITAXY_PREDICTION_REDIS_PASSWORD"):
        assert env_of(spec)[name] == env_of(then)[name]
    claims = [[v["persistentVolumeClaim"]["claimName"] for v in s["volumes"] if "persistentVolumeClaim" in v]
              for s in (spec, then)]  # fmt: skip
    assert claims == [["weights-2"], ["weights-2"]]

    policy = yaml.safe_load(re.findall(r"<<'END'\n(.+?)END", SUBSTRATE, re.S)[0])
    wanted = policy["spec"]["podSelector"]["matchLabels"].items()
    chosen = [name for name, found, _ in pod_specs(render({})) if wanted <= found.items()]
    assert chosen == ["StatefulSet/epitaxy-redis"]
    [rule] = policy["spec"]["ingress"]
    assert rule["from"][0]["podSelector"]["matchLabels"].items() <= labels.items()
    ports = [port["port"] for p in of_kind(beside, "NetworkPolicy") if p["metadata"]["name"] == "next-prediction"
             for egress in p["spec"]["egress"] for port in egress.get("ports", ())]  # fmt: skip
    assert rule["ports"][0]["port"] in ports


def test_the_old_cluster_answers_with_all_its_workers_until_the_new_one_is_ready() -> None:
    [service] = of_kind(render(set_by("helm upgrade epitaxy")), "RayService")
    assert service["spec"]["upgradeStrategy"]["type"] == "NewCluster"
    for group in service["spec"]["rayClusterConfig"]["workerGroupSpecs"]:
        probe = group["template"]["spec"]["containers"][0]["readinessProbe"]
        assert probe["httpGet"] == {"path": "/-/healthz", "port": "serve"}, (
            "the Service sends nothing before it is warm"
        )
    [before], [after] = (of_kind(render(values), "RayService") for values in ({}, set_by("helm upgrade epitaxy")))
    assert before["metadata"]["name"] == after["metadata"]["name"]


def test_every_command_that_it_names_exists() -> None:
    known = typer.main.get_command(app)
    for words in re.findall(r"`epitaxy ((?:[a-z-]+ ?)+)", TEXT):
        first, *more = words.split()
        command = known.commands[first]
        if more and isinstance(command, click.Group):
            assert more[0] in command.commands, words
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)
    named = {name for names in re.findall(r"[`\n]make ((?:[a-z-]+ ?)+)", TEXT) for name in names.split()}
    assert named
    assert named <= set(targets)
