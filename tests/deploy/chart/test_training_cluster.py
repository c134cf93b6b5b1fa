"""The training cluster over an upgrade: the chart's own manifest, arguments and Roles, and a store with real jobs."""

import argparse
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cases import on_every_case
from cluster_api_server import NAMESPACE, TOKEN, ClusterApiServer
from rendering import of_kind, pod_specs, render

from epitaxy.chassis.errors import UnavailableError
from epitaxy.chassis.kubernetes_api import KubernetesApi
from epitaxy.database.tables import Database
from epitaxy.finetune.domain.job import FineTuneJob
from epitaxy.finetune.domain.spec import Budget, FineTuneSpec, LabelColumn
from epitaxy.finetune.settings import FineTuneSettings
from epitaxy.finetune.store.jobs import SqlJobStore
from epitaxy.finetune.training_cluster import keeper as keeper_module
from epitaxy.finetune.training_cluster.commands import add_commands, look, remove_all
from epitaxy.finetune.training_cluster.keeper import SETTLE, Turn
from epitaxy.finetune.training_cluster.kubernetes import DIGEST

CLUSTER, HOLD = "apis/ray.io/v1/rayclusters/epitaxy-training", "api/v1/configmaps/epitaxy-training-hold"
NEW_IMAGE = {"images": {"training": {"tag": "0.2.0"}}}
MORE_WORKERS = {"training": {"cpuWorkers": {"minReplicas": 1, "maxReplicas": 9}}}


def rights_of(account: str, values=None):
    """What the Role of an account of the chart says, as the API server asks it."""
    [role] = [role for role in of_kind(render(values or {}), "Role") if role["metadata"]["name"] == account]

    def may(verb: str, resource: str, name: str) -> bool:
        rules = [rule for rule in role["rules"] if verb in rule["verbs"] and resource in rule["resources"]]
        return any(not rule.get("resourceNames") or name in rule["resourceNames"] for rule in rules)

    return may


def container_of(workload: str):
    [spec] = [spec for name, _, spec in pod_specs(render({})) if name == workload]
    [container] = spec["containers"]
    return container


@pytest.fixture
def api_server():
    running = ClusterApiServer(rights_of("epitaxy-keeper"))
    yield running
    running.stop()


@pytest.fixture
def api(api_server):
    return KubernetesApi(api_server.url, lambda: TOKEN, NAMESPACE)


@pytest.fixture
def store(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'jobs.db'}")
    yield SqlJobStore(database)
    database.close()


class Installation:
    """One release: what `helm upgrade` changes, and the keeper's looks with a clock of their own."""

    def __init__(self, api, store, folder: Path, monkeypatch) -> None:
        self._api, self._store, self._folder = api, store, folder
        self._manifest = folder / "cluster.yaml"
        given = [argument.split("=", 1) for argument in container_of("Deployment/epitaxy-keeper")["args"][1:]]
        names = {key: folder / Path(value).name if value.startswith("/") else value for key, value in given}
        parser = argparse.ArgumentParser()
        add_commands(parser.add_subparsers(dest="command"))
        self.arguments = parser.parse_args(["keep-cluster", *(f"{key}={value}" for key, value in names.items())])
        self.time = datetime(2026, 1, 2, tzinfo=UTC)
        monkeypatch.setattr(keeper_module, "datetime", argparse.Namespace(now=lambda _: self.time))

    def upgrade(self, values) -> None:
        [held] = [m for m in of_kind(render(values), "ConfigMap") if "cluster.yaml" in m["data"]]
        self._manifest.write_text(held["data"]["cluster.yaml"])

    def look(self, after: timedelta = timedelta(seconds=30)) -> Turn | None:
        self.time += after
        return look(self.arguments, self._api, self._store)


@pytest.fixture
def installation(api, store, tmp_path, monkeypatch):
    made = Installation(api, store, tmp_path, monkeypatch)
    made.upgrade({})
    return made


def add_job(store, job_id="ft-1") -> FineTuneJob:
    spec = FineTuneSpec("my-tc", "critical_temperature", "K", LabelColumn("tc_k"), Budget(100.0))
    return store.create(FineTuneJob(job_id, "acme", spec, datetime.now(UTC), 12, 12), None, lambda usage: None)


def begin(store, job_id="ft-1") -> None:
    store.change(job_id, lambda job: job.begun(datetime.now(UTC), 3))


def as_the_autoscaler(api, replicas: int) -> None:
    """Ray's KubeRay node provider writes these two, by JSON patch."""
    place = "/spec/workerGroupSpecs/0"
    assert api.patch(CLUSTER, [
        {"op": "replace", "path": f"{place}/replicas", "value": replicas},
        {"op": "replace", "path": f"{place}/scaleStrategy", "value": {"workersToDelete": ["a-pod"]}},
    ])  # fmt: skip


def workers(api_server):
    return api_server.objects[CLUSTER]["spec"]["workerGroupSpecs"][0]


@on_every_case
def test_it_is_no_object_of_the_release_in_any_profile(manifests) -> None:
    assert not of_kind(manifests, "RayCluster"), "Helm would own what the autoscaler writes"
    assert len([m for m in of_kind(manifests, "ConfigMap") if "cluster.yaml" in m["data"]]) == 1


def test_an_absent_cluster_is_made_with_the_digest_of_its_values(installation, api_server) -> None:
    assert installation.look() is Turn.MADE
    made = api_server.objects[CLUSTER]
    assert made["spec"] == yaml.safe_load((installation._manifest).read_text())["spec"]
    assert len(made["metadata"]["annotations"][DIGEST]) == 64
    assert installation.look() is Turn.KEPT
    assert installation.arguments.alive.with_name("alive.ready").exists()


def test_what_the_autoscaler_wrote_outlives_an_upgrade_of_the_bounds(installation, api, api_server) -> None:
    installation.look()
    as_the_autoscaler(api, 3)
    assert installation.look() is Turn.KEPT, "its numbers are no difference"
    installation.upgrade(MORE_WORKERS)
    assert installation.look() is Turn.RESIZED
    assert (workers(api_server)["minReplicas"], workers(api_server)["maxReplicas"]) == (1, 9)
    assert workers(api_server)["replicas"] == 3
    assert workers(api_server)["scaleStrategy"] == {"workersToDelete": ["a-pod"]}


def test_a_running_job_keeps_its_cluster_until_it_has_ended(installation, api, api_server, store) -> None:
    installation.look()
    add_job(store)
    begin(store)
    as_the_autoscaler(api, 1)
    installation.upgrade(NEW_IMAGE)
    assert installation.look() is Turn.WAITS_FOR_THE_QUEUE
    assert [installation.look(SETTLE) for _ in range(20)] == [Turn.WAITS_FOR_JOBS] * 20
    assert workers(api_server)["replicas"] == 1, "nobody took its worker"
    assert HOLD in api_server.objects, "new jobs wait"
    assert store.get("acme", "ft-1").attempt == 1

    store.change("ft-1", lambda job: job.cancelled(datetime.now(UTC)))
    assert installation.look() is Turn.REMOVED
    assert installation.look() is Turn.MADE
    assert api_server.objects[CLUSTER]["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0]["image"] == (
        "epitaxy/training:0.2.0"
    )
    assert HOLD not in api_server.objects, "and begin"


def test_new_jobs_are_held_before_the_cluster_is_judged_idle(installation, api_server, store) -> None:
    installation.look()
    installation.upgrade(NEW_IMAGE)
    add_job(store)  # waits in its queue: it is begun on the new cluster
    assert installation.look() is Turn.WAITS_FOR_THE_QUEUE
    assert installation.look(SETTLE) is Turn.REMOVED


def test_a_cluster_that_is_going_is_awaited(installation, api_server) -> None:
    installation.look()
    api_server.objects[CLUSTER]["metadata"]["finalizers"] = ["ray.io/gcs-ft-redis-cleanup-finalizer"]
    installation.upgrade(NEW_IMAGE)
    installation.look()
    assert installation.look(SETTLE) is Turn.REMOVED
    assert installation.look() is Turn.WAITS_FOR_THE_END
    api_server.finish(CLUSTER)
    assert installation.look() is Turn.MADE


def test_an_upgrade_taken_back_leaves_the_cluster_and_lets_jobs_begin(installation, api_server) -> None:
    installation.look()
    installation.upgrade(NEW_IMAGE)
    installation.look()
    installation.upgrade({})
    assert installation.look() is Turn.KEPT
    assert HOLD not in api_server.objects


def test_a_chart_of_another_version_is_no_difference(installation, tmp_path) -> None:
    before = of_kind(render({}), "ConfigMap")
    after = of_kind(render({}, chart_version="9.9.9"), "ConfigMap")
    content = [[m["data"] for m in maps if "cluster.yaml" in m["data"]] for maps in (before, after)]
    assert content[0] == content[1]


def test_a_server_that_refuses_or_is_away_makes_the_keeper_unready_and_nothing_else(installation, api_server) -> None:
    installation.look()
    api_server.may = lambda verb, resource, name: False
    assert installation.look() is None
    assert not installation.arguments.alive.with_name("alive.ready").exists()
    api_server.may = rights_of("epitaxy-keeper")
    assert installation.look() is Turn.KEPT


def test_the_service_holds_jobs_by_the_file_that_the_keeper_makes() -> None:
    [spec] = [spec for name, _, spec in pod_specs(render({})) if name == "Deployment/epitaxy-finetune"]
    env = {entry["name"]: entry.get("value") for entry in spec["containers"][0]["env"]}
    file = Path(env["EPITAXY_FINETUNE_HOLD_FILE"])
    [mount] = [m for m in spec["containers"][0]["volumeMounts"] if m["mountPath"] == str(file.parent)]
    [volume] = [v for v in spec["volumes"] if v["name"] == mount["name"]]
    assert volume["configMap"] == {"name": HOLD.rpartition("/")[2], "optional": True}
    assert "subPath" not in mount, "a file mounted by subPath never changes"
    assert file.name == "hold"


def test_held_settings_say_so(tmp_path) -> None:
    settings = FineTuneSettings(hold_file=tmp_path / "hold")
    assert not settings.is_held()
    (tmp_path / "hold").touch()
    assert settings.is_held()
    assert not FineTuneSettings().is_held()


def test_an_uninstallation_ends_the_keeper_then_both_rays_and_awaits_each(api_server, api) -> None:
    api_server.may = rights_of("epitaxy-uninstall")
    paths = container_of("Job/epitaxy-uninstall")["args"][1:]
    for path in paths:
        finalizers = ["ray.io/gcs-ft-redis-cleanup-finalizer"] if "ray.io" in path else []
        api_server.objects[path] = {"metadata": {"name": path.rpartition("/")[2], "finalizers": finalizers}}
    gone: list[str] = []

    def wait(_: float) -> None:
        for path in [path for path, held in api_server.objects.items() if "deletionTimestamp" in held["metadata"]]:
            gone.append(path)
            api_server.finish(path)

    remove_all(api, paths, 5.0, wait)
    assert not api_server.objects
    assert [path.split("/")[-2] for path in paths] == ["deployments", "rayservices", "rayclusters", "configmaps"]
    assert gone == [path for path in paths if "ray.io" in path]
    remove_all(api, paths, 5.0, wait)  # again does no harm


def test_an_uninstallation_says_what_does_not_go(api_server, api) -> None:
    api_server.may = rights_of("epitaxy-uninstall")
    api_server.objects[CLUSTER] = {"metadata": {"name": "epitaxy-training", "finalizers": ["x"]}}
    with pytest.raises(UnavailableError, match="epitaxy-training is still there: see its finalizers"):
        remove_all(api, [CLUSTER], 0.0, lambda _: None)


def test_the_roles_give_nothing_beyond_names_of_the_release() -> None:
    for account in ("epitaxy-keeper", "epitaxy-uninstall"):
        may = rights_of(account)
        assert not may("get", "secrets", "epitaxy-database")
        assert not may("delete", "rayclusters", "of-another")
        assert not may("delete", "deployments", "epitaxy-gateway")
    rules = json.dumps([role["rules"] for role in of_kind(render({}), "Role")])
    assert "*" not in rules
    assert "list" not in rules
