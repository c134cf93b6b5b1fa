"""``keep-cluster`` runs beside the service in a cluster; ``remove`` before an uninstallation."""

import argparse
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from epitaxy.chassis.errors import RetryLaterError, UnavailableError
from epitaxy.chassis.json_logs import configure_logging
from epitaxy.chassis.kubernetes_api import KubernetesApi
from epitaxy.database.tables import Database
from epitaxy.finetune.domain.job import JobState
from epitaxy.finetune.ports import JobStore
from epitaxy.finetune.settings import FineTuneSettings
from epitaxy.finetune.store.jobs import SqlJobStore
from epitaxy.finetune.training_cluster.keeper import Keeper, Turn, WantedCluster
from epitaxy.finetune.training_cluster.kubernetes import RayClusterHost
from epitaxy_models.errors import ConfigurationError

logger = logging.getLogger(__name__)

COMMANDS = frozenset({"keep-cluster", "remove"})


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds both to a parser."""
    keep = commands.add_parser("keep-cluster", help="make the training cluster, and replace it between jobs")
    keep.add_argument("--manifest", type=Path, required=True, help="file with the RayCluster; read at every look")
    keep.add_argument("--hold", required=True, help="ConfigMap that keeps new jobs in their queue")
    keep.add_argument("--alive", type=Path, required=True, help="file touched at every look; FILE.ready: it went well")
    keep.add_argument("--seconds", type=float, default=30.0, help="between two looks (default: 30)")
    remove = commands.add_parser("remove", help="delete objects one after the other, and wait until each is gone")
    remove.add_argument("objects", nargs="+", help="paths at the API server, such as apis/ray.io/v1/rayclusters/NAME")
    remove.add_argument("--patience", type=float, default=600.0, help="seconds for each (default: 600)")


def run(arguments: argparse.Namespace, settings: FineTuneSettings) -> None:
    """Runs the command that was parsed. Raises UnavailableError, ConfigurationError."""
    configure_logging(settings.log_level)
    api = KubernetesApi.of_this_pod()
    if arguments.command == "remove":
        remove_all(api, arguments.objects, arguments.patience)
    else:
        ended = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: ended.set())
        keep(arguments, api, settings, ended)


def keep(arguments: argparse.Namespace, api: KubernetesApi, settings: FineTuneSettings, ended: threading.Event) -> None:
    """Looks until it is told to end."""
    database = Database(settings.store_url)
    try:
        store = SqlJobStore(database)
        while not ended.is_set():
            look(arguments, api, store)
            ended.wait(arguments.seconds)
    finally:
        database.close()


def look(arguments: argparse.Namespace, api: KubernetesApi, store: JobStore) -> Turn | None:
    """One look, and its marks for the probes; None if something did not answer."""
    ready = arguments.alive.with_name(f"{arguments.alive.name}.ready")
    arguments.alive.touch()
    try:
        wanted = _wanted(arguments.manifest)
        host = RayClusterHost(api, wanted.manifest["metadata"]["name"], arguments.hold)
        turn = Keeper(host, lambda: _n_at_work(store))(wanted)
    except (RetryLaterError, ConfigurationError) as error:
        logger.warning("the training cluster is not looked after: %s", error)
        ready.unlink(missing_ok=True)
        return None
    ready.touch()
    logger.log(logging.DEBUG if turn is Turn.KEPT else logging.INFO, "training cluster: %s", turn)
    return turn


def remove_all(
    api: KubernetesApi, paths: Sequence[str], patience: float, wait: Callable[[float], None] = time.sleep
) -> None:
    """Deletes objects in their order. Raises UnavailableError if one does not go."""
    for path in paths:
        limit = time.monotonic() + patience
        while api.get(path) is not None:
            if time.monotonic() >= limit:
                raise UnavailableError(f"{path} is still there: see its finalizers and its events")
            api.delete(path)
            wait(2.0)
        sys.stdout.write(f"gone: {path}\n")


def _wanted(manifest: Path) -> WantedCluster:
    import yaml  # noqa: PLC0415  # comes with Ray, and only this command needs it

    try:
        return WantedCluster(yaml.safe_load(manifest.read_text()))
    except (OSError, yaml.YAMLError, RecursionError) as error:
        raise ConfigurationError(f"cannot read {manifest}: {error}") from error


def _n_at_work(store: JobStore) -> int:
    """Jobs that a worker has begun; those that wait are begun on the new cluster."""
    return sum(job.state is not JobState.PENDING for job in store.active())
