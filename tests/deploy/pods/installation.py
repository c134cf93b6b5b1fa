"""A release of the chart whose pods run in a sandbox: Secrets as the hook makes them, Services as names of addresses.

What a cluster has and this has not: MLflow's server, whose image is not ours (the registry writes to the same Postgres,
and to a volume), the autoscalers (they ask an API server: the prediction service has its worker from the start, and
jobs run on the training cluster's head), network policies, and limits of memory and cores.
"""

import json
import os
import secrets
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from containers import Cluster
from ray_node import STARTED, appended, start_command
from rendering import Manifest, combined, of_kind, pod_specs, profile, ray_objects, ray_spec, render
from sandbox import Pod, Sandbox, patience, run

from epitaxy.gateway.secrets.bootstrap import BootstrapPlan, DatabaseSecret, bootstrap

_HERE = Path(__file__).parent
_REGISTRY = "/var/lib/registry"
# Names of Services, and the pods behind them.
NUMBERS = {"redis": 10, "postgres": 11, "prediction-head": 20, "prediction-cpu": 21, "training-head": 22,
           "finetune": 30, "campaigns": 31, "gateway": 40, "test": 50, "tenant": 51}  # fmt: skip
SERVICES = {
    "redis": "redis",
    "postgres": "postgres",
    "prediction-grpc": "prediction-cpu",
    "prediction-head-svc": "prediction-head",
    "training-head-svc": "training-head",
    "finetune": "finetune",
    "campaigns": "campaigns",
    "gateway": "gateway",
}
VALUES: dict[str, Any] = {
    "mlflow": {"enabled": False, "externalUri": "http://no-server-of-mlflow.invalid"},
    "pods": {
        "volumes": [{"name": "registry", "persistentVolumeClaim": {"claimName": "registry"}}],
        "volumeMounts": [{"name": "registry", "mountPath": _REGISTRY}],
        "env": [
            {"name": "EPITAXY_REGISTRY_ARTIFACT_ROOT", "value": f"file://{_REGISTRY}"},
            {"name": "EPITAXY_REGISTRY_TRACKING_URI",
             "valueFrom": {"secretKeyRef": {"name": "epitaxy-database", "key": "mlflow-url"}}},
        ],
    },
}  # fmt: skip
# What the entrypoint of Postgres' image does, with Debian's programs.
_POSTGRES = """
set -e; export PATH=$(ls -d /usr/lib/postgresql/*/bin | tail -1):$PATH
if [ ! -e "$PGDATA/PG_VERSION" ]; then
  printf %s "$POSTGRES_PASSWORD" > /var/run/postgresql/password
  initdb -D "$PGDATA" -U "$POSTGRES_USER" --pwfile=/var/run/postgresql/password --auth=scram-sha-256 \\
    --encoding=UTF8 --locale=C --no-sync >/dev/null
  echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
  sed -i 's/^local.*/local all all trust/' "$PGDATA/pg_hba.conf"
  pg_ctl -D "$PGDATA" -w -o "-k /var/run/postgresql -c listen_addresses=" start >/dev/null
  createdb -h /var/run/postgresql -U "$POSTGRES_USER" "$POSTGRES_DB"
  for file in /docker-entrypoint-initdb.d/*.sql; do
    psql -q -h /var/run/postgresql -U "$POSTGRES_USER" -f "$file" "$POSTGRES_DB"
  done
  pg_ctl -D "$PGDATA" -w stop >/dev/null
fi
exec postgres -D "$PGDATA" -k /var/run/postgresql -c listen_addresses='*' -c fsync=off
"""


class SecretsInMemory:
    """What the bootstrap hook makes."""

    def __init__(self) -> None:
        self.made: dict[str, dict[str, str]] = {}

    def get(self, name: str) -> Mapping[str, str] | None:
        return self.made.get(name)

    def create(self, name: str, content: Mapping[str, str]) -> bool:
        return self.made.setdefault(name, dict(content)) == dict(content)


def bootstrapped() -> dict[str, dict[str, str]]:
    """Secrets of a new installation, with a password for Redis that a URL would have to encode."""
    store = SecretsInMemory()
    store.create("epitaxy-redis", {"password": f"p/{secrets.token_hex(8)}@:%"})
    plan = BootstrapPlan("default", "epitaxy-tenants", "epitaxy-test-key", [("epitaxy-gateway-secret", "secret")],
                         DatabaseSecret("epitaxy-database", "epitaxy-postgres:5432"))  # fmt: skip
    list(bootstrap(plan, store))
    # MLflow's own image brings psycopg2, for which the URL is made; here our registry opens it, with psycopg 3.
    database = store.made["epitaxy-database"]
    database["mlflow-url"] = database["mlflow-url"].replace("postgresql://", "postgresql+psycopg://", 1)
    return store.made


@dataclass
class Installation:
    """The release and its pods."""

    sandbox: Sandbox
    manifests: list[Manifest]
    cluster: Cluster

    @classmethod
    def prepare(cls, folder: Path) -> "Installation":
        """Renders the smallest profile and makes what its pods refer to."""
        manifests = render(combined(profile("minimal"), VALUES))
        stores = ("registry", "epitaxy-finetune", "epitaxy-campaigns", "epitaxy-postgres")
        claims = {name: folder / "claims" / name for name in stores}
        for name, path in claims.items():
            path.mkdir(parents=True)
            owner = 70 if name == "epitaxy-postgres" else 10001  # as fsGroup makes a new volume
            shutil.chown(path, owner, owner)
        maps = {m["metadata"]["name"]: m["data"] for m in of_kind(manifests, "ConfigMap")}
        sandbox = Sandbox(folder)
        sandbox.hosts = {f"epitaxy-{name}": sandbox.address(NUMBERS[pod]) for name, pod in SERVICES.items()}
        return cls(sandbox, manifests, Cluster(bootstrapped(), maps, claims, folder / "files"))

    def start_stores(self) -> None:
        self._start("redis", "StatefulSet/epitaxy-redis")
        self._start("postgres", "StatefulSet/epitaxy-postgres", command=["sh", "-c", _POSTGRES])

    def start_prediction(self) -> None:
        """Head and worker of the prediction service."""
        [service] = of_kind(self.manifests, "RayService")
        [worker] = ray_spec(service)["workerGroupSpecs"]
        self._start_node(service, "head", ray_spec(service)["headGroupSpec"])
        self._start_node(service, "cpu", worker, "epitaxy-prediction-head-svc")

    def start_training(self) -> None:
        """One node, the head's pod with the cores of a worker: no autoscaler brings one."""
        [cluster] = [m for m in ray_objects(self.manifests) if m["kind"] == "RayCluster"]
        [worker] = ray_spec(cluster)["workerGroupSpecs"]
        cores = str(worker["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"])
        head = ray_spec(cluster)["headGroupSpec"]
        self._start_node(cluster, "head", {**head, "rayStartParams": {**head["rayStartParams"], "num-cpus": cores}})

    def _start_node(self, manifest: Manifest, name: str, group: Manifest, head: str = "") -> None:
        """A node that has registered, within its startup probe's time. Before that it may listen, and yet give up.

        `ray start` gives up if its raylet has not registered after 30 seconds, which cannot be set; KubeRay makes such
        a pod again.
        """
        spec, cluster = ray_spec(manifest), manifest["metadata"]["name"]
        component = manifest["metadata"]["labels"]["app.kubernetes.io/component"]
        changes = {"command": start_command(spec, group, head), "env": appended(spec, cluster, name, head)}
        probe = group["template"]["spec"]["containers"][0]["startupProbe"]
        limit = time.monotonic() + patience(probe["periodSeconds"] * probe["failureThreshold"])
        while time.monotonic() < limit:
            pod = self._start(f"{component}-{name}", f"{manifest['kind']}/{cluster}/{name}", **changes)
            while pod.process.poll() is None and time.monotonic() < limit:
                if STARTED in pod.text():
                    return
                time.sleep(0.5)
        raise AssertionError(self.texts())

    def start_services(self) -> None:
        self._start("finetune", "Deployment/epitaxy-finetune")
        self._start("campaigns", "Deployment/epitaxy-campaigns")
        self._start("gateway", "Deployment/epitaxy-gateway")

    def migrate(self) -> list[Pod]:
        """The containers in front of the fine-tune service and of campaigns."""
        # Their first attempts could only fail, each after the imports of a whole service.
        assert self.await_probes(["postgres"], ["livenessProbe"], patience(60)) == {}, self.texts()
        return [self._migrate("finetune", 100), self._migrate("campaigns", 150)]

    def _migrate(self, name: str, first: int) -> Pod:
        """One of them, again until the database answers, as the kubelet does."""
        pod = self.spec(f"Deployment/epitaxy-{name}")
        [container] = pod["initContainers"]
        limit = time.monotonic() + patience(90)
        for attempt in range(50):
            plan = self.cluster.plan(f"migrate-{name}-{attempt}", pod, container)
            done = self.sandbox.start(f"migrate-{name}-{attempt}", first + attempt, plan)
            if done.wait(patience(60)) == 0:
                return done
            assert time.monotonic() < limit, done.text()
        raise AssertionError(done.text())

    def deploy(self) -> None:
        """Gives Serve its configuration, as KubeRay does through the head's dashboard."""
        [service] = of_kind(self.manifests, "RayService")
        config = json.dumps(yaml.safe_load(service["spec"]["serveConfigV2"]))
        url = f"http://{self.sandbox.address(NUMBERS['prediction-head'])}:8265/api/serve/applications/"
        code = (
            "import sys, urllib.request as r; r.urlopen(r.Request(sys.argv[1], sys.stdin.buffer.read(), "
            "{'Content-Type': 'application/json'}, method='PUT'), timeout=60)"
        )
        done = run(self.sandbox.on_the_node(sys.executable, "-c", code, url), 90, input=config)
        assert done.returncode == 0, done.stderr + self.texts()

    def await_probes(self, pods: list[str], kinds: list[str], seconds: float) -> dict[str, str]:
        """Asks the probes of pods, as the kubelet would; faults by name, empty if none is left."""
        asked = {}
        for name in pods:
            place, container = self._containers[name]
            for kind in kinds:
                probe = _with_numbers(container[kind], container["ports"])
                if "exec" not in probe:
                    asked[f"{place} {kind}"] = (self.sandbox.address(NUMBERS[name]), probe)
        command = self.sandbox.on_the_node(sys.executable, str(_HERE / "kubelet.py"), str(seconds))
        done = run(command, seconds + 30, input=json.dumps(asked), env={**os.environ, "GRPC_VERBOSITY": "NONE"})
        assert done.returncode == 0, done.stderr
        faults: dict[str, str] = json.loads(done.stdout)
        return faults

    def spec(self, place: str) -> Manifest:
        [found] = [spec for name, _, spec in pod_specs(self.manifests) if name == place]
        return found

    def run_test_pod(self, name: str, script: str = "") -> Pod:
        """The pod of "helm test", or another script in its place."""
        command = ["python", "-c", script] if script else None
        return self._start(name, "Pod/epitaxy-test-prediction", command=command)

    def texts(self) -> str:
        """The end of every log, for whoever looks for what went wrong."""
        return "".join(f"\n==== {pod.name}\n{pod.text()[-3000:]}" for pod in self.sandbox.pods)

    def _start(self, name: str, place: str, **changes: Any) -> Pod:
        pod = self.spec(place)
        [container] = pod["containers"]
        self._containers[name] = (place, container)
        return self.sandbox.start(name, NUMBERS[name], self.cluster.plan(name, pod, container, **changes))

    def __post_init__(self) -> None:
        self._containers: dict[str, tuple[str, Manifest]] = {}
        self.migrated: list[str] = []


def _with_numbers(probe: Manifest, ports: list[Manifest]) -> Manifest:
    """With numbers in place of the names of ports."""
    numbers = {port["name"]: port["containerPort"] for port in ports}
    return {
        key: {**value, "port": numbers.get(value["port"], value["port"])}
        if isinstance(value, dict) and "port" in value
        else value
        for key, value in probe.items()
    }
