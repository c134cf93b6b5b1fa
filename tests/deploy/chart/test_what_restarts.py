"""docs/operate.md, "What restarts when": each row is tried on renders before and after the change that it names.

Of Ray it takes what KubeRay compares: a RayService's cluster without what it mutes (the Serve configuration, replicas
and bounds of groups, groups behind the others) makes a new cluster if it changes; the keeper's digest decides the same
for the training cluster.
"""

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from rendering import ROOT, Manifest, of_kind, ray_objects, render

from epitaxy.finetune.training_cluster.keeper import WantedCluster

GPU_WORKERS = {"gpuWorkers": {"enabled": True}}
ALL_PODS = {"gateway", "finetune", "campaigns", "mlflow", "postgres", "redis", "keeper", "upkeep"}


@dataclass(frozen=True)
class Change:
    """What an upgrade changes.

    Attributes:
        row: How the table's row begins.
        values: Laid over the defaults.
        told: What the second column has to say.
        restarts: Components whose pods start again, as `differences` names them.
        version: Of the chart.
    """

    row: str
    values: Mapping[str, Any]
    told: str
    restarts: frozenset[str]
    version: str = ""


def change(row: str, told: str, restarts: str, version: str = "", **values: Any) -> Change:
    return Change(row, values, told, frozenset(restarts.split()), version)


CHANGES = (
    change("the chart's version alone", "nothing", "", "9.9.9"),
    change("`prediction.arguments`", "to the running Serve", "serve-config",
           prediction={"arguments": {"max_sites": 40}}),
    change("`prediction.arguments`", "to the running Serve", "serve-config", prediction={"intakeReplicas": 7}),
    change("`prediction.arguments`", "to the running Serve", "serve-config",
           prediction={"autoscaling": {"enabled": True}}),
    change("image, resources, variables, weights", "second Ray cluster", "prediction",
           images={"prediction": {"tag": "0.2.0"}}),
    change("image, resources, variables, weights", "second Ray cluster", "prediction",
           prediction={"cpuWorkers": {"resources": {"limits": {"cpu": "5"}}}}),
    change("image, resources, variables, weights", "second Ray cluster", "prediction",
           prediction={"pod": {"env": [{"name": "A", "value": "b"}]}}),
    change("image, resources, variables, weights", "second Ray cluster", "prediction serve-config",
           prediction={"weightsClaim": "weights-2"}),
    change("`minReplicas`, `maxReplicas`", "in place", "training-bounds",
           training={"cpuWorkers": {"minReplicas": 1, "maxReplicas": 9}}),
    change("`minReplicas`, `maxReplicas`", "in place", "prediction-bounds",
           prediction={"cpuWorkers": {"minReplicas": 2, "maxReplicas": 9}}),
    change("a worker group behind the others", "in place", "prediction-bounds", prediction=GPU_WORKERS),
    change("`training.gpuWorkers`", "fine-tune API restarts", "training finetune", training=GPU_WORKERS),
    change("image, resources, variables of the training", "waits until no job runs", "training",
           images={"training": {"tag": "0.2.0"}}),
    change("image, resources, variables of the training", "waits until no job runs", "training",
           training={"pod": {"env": [{"name": "A", "value": "b"}]}}),
    change("gateway", "rolls", "gateway", gateway={"settings": {"MAX_SCREENS": "512"}}),
    change("fine-tune API, campaign service, MLflow", "one pod each", "finetune",
           finetune={"settings": {"THREADS": "2"}}),
    change("fine-tune API, campaign service, MLflow", "one pod each", "campaigns",
           images={"campaigns": {"tag": "0.2.0"}}),
    change("fine-tune API, campaign service, MLflow", "one pod each", "mlflow",
           images={"mlflow": {"tag": "v3.18.0-full"}}),
    change("the release's own Redis", "begins empty", "redis", redis={"maxMemory": "3gb"}),
    change("the release's own Postgres", "one pod each", "postgres", images={"postgres": {"tag": "17.3-alpine"}}),
    change("`images.api`", "gateway, fine-tune API and keeper", "gateway finetune keeper upkeep",
           images={"api": {"tag": "0.2.0"}}),
    change("`pods.*`", "everything",
           "gateway finetune campaigns mlflow postgres redis keeper upkeep prediction training",
           pods={"env": [{"name": "A", "value": "b"}]}),
    change("`networkPolicies`, `route`", "nothing", "",
           route={"enabled": True}, networkPolicies={"dnsPorts": [5353]}, observability={"rules": {"enabled": True}}),
    change("`ray.*`", "both Rays are replaced", "prediction training",
           ray={"autoscaler": {"resources": {"limits": {"cpu": "1"}}}}),
    change("`ray.*`", "fine-tune API restarts too", "prediction training finetune", ray={"tokenAuthentication": True}),
)  # fmt: skip


def rows() -> list[tuple[str, str]]:
    section = (ROOT / "docs" / "operate.md").read_text().partition("What restarts when:")[2].partition("\n\n- ")[0]
    found = re.findall(r"^\| (.+?) \| (.+) \|$", section, re.M)
    return [(first, second) for first, second in found if first != "what changed"]


def differences(before: list[Manifest], after: list[Manifest]) -> set[str]:
    """Components whose pods start again, and what changes without that."""
    found = {name for name in ALL_PODS if template(before, name) != template(after, name)}
    one, other = (of_kind(manifests, "RayService")[0]["spec"] for manifests in (before, after))
    if one["serveConfigV2"] != other["serveConfigV2"]:
        found.add("serve-config")
    if one["rayClusterConfig"] != other["rayClusterConfig"]:
        is_new = unmuted(one["rayClusterConfig"]) != unmuted(other["rayClusterConfig"], like=one["rayClusterConfig"])
        found.add("prediction" if is_new else "prediction-bounds")
    one, other = (next(m for m in ray_objects(ms) if m["kind"] == "RayCluster") for ms in (before, after))
    if one["spec"] != other["spec"]:
        found.add("training" if WantedCluster(one).digest != WantedCluster(other).digest else "training-bounds")
    return found


def template(manifests: list[Manifest], component: str) -> Any:
    """Of the pods of a Deployment, a StatefulSet or a CronJob."""
    [found] = [m["spec"] for m in of_kind(manifests, "Deployment", "StatefulSet", "CronJob")
               if m["metadata"]["name"] == f"epitaxy-{component}"]  # fmt: skip
    return found["jobTemplate"]["spec"]["template"] if "jobTemplate" in found else found["template"]


def unmuted(cluster: Manifest, like: Manifest | None = None) -> Manifest:
    """As KubeRay compares the cluster of a RayService (rayservice_controller.go): numbers of workers left aside, and
    groups behind those that there are."""
    spec = copy.deepcopy(cluster)
    length = len((like or cluster)["workerGroupSpecs"])
    spec["workerGroupSpecs"] = spec["workerGroupSpecs"][:length]
    for group in spec["workerGroupSpecs"]:
        for number in ("replicas", "minReplicas", "maxReplicas"):
            group.pop(number, None)
    return spec


@pytest.mark.parametrize("changed", CHANGES, ids=lambda changed: changed.row[:40].replace(" ", "-"))
def test_what_a_change_restarts_is_what_the_table_says(changed: Change) -> None:
    before, after = render({}), render(changed.values, chart_version=changed.version)
    assert differences(before, after) == changed.restarts
    told = [second for first, second in rows() if first.startswith(changed.row)]
    assert len(told) == 1, f"no row begins with {changed.row}"
    assert changed.told in told[0]


def test_every_row_of_the_table_is_tried() -> None:
    # These are no change of the release's own values.
    others = ("the KubeRay operator", "a Secret")
    untried = [first for first, _ in rows()
               if not first.startswith(others) and not any(first.startswith(c.row) for c in CHANGES)]  # fmt: skip
    assert untried == []
    assert len(rows()) > len(others)
