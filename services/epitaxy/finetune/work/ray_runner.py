"""Jobs as detached Ray actors: they outlive this service, and Ray restarts an actor whose process was lost."""

import logging
import os
import threading
from collections.abc import Mapping
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util import list_named_actors

from epitaxy.chassis.errors import UnavailableError
from epitaxy.chassis.json_logs import configure_logging
from epitaxy.finetune.domain.job import FineTuneJob
from epitaxy.finetune.settings import FineTuneSettings
from epitaxy.registry.settings import RegistrySettings

logger = logging.getLogger(__name__)

NAMESPACE = "epitaxy-finetune"


class JobActor:
    """Begins its job as soon as it exists, so that a restarted actor needs no call."""

    def __init__(self, job_id: str, settings: Mapping[str, Any], registry: Mapping[str, Any]) -> None:
        self._job_id = job_id
        self._settings = FineTuneSettings(**settings)
        self._registry = RegistrySettings(**registry)
        threading.Thread(target=self._work, name="job", daemon=True).start()

    def _work(self) -> None:
        configure_logging(self._settings.log_level)
        try:
            self._run()
        except BaseException:
            logger.exception("the job's worker gives up", extra={"job": self._job_id})
        finally:
            # Frees its place. The result is in the store; if storing failed, the service begins the job again.
            ray.kill(ray.get_actor(self._job_id, namespace=NAMESPACE), no_restart=True)

    def _run(self) -> None:
        import torch  # noqa: PLC0415  # takes seconds, so only the worker imports it

        from epitaxy.finetune.work.composition import build_worker  # noqa: PLC0415

        torch.set_num_threads(self._settings.threads)
        build_worker(self._settings, self._registry)(self._job_id)


class RayJobRunner:
    """Implements JobRunner; connects at the first use and blocks meanwhile."""

    def __init__(self, settings: FineTuneSettings, registry: RegistrySettings) -> None:
        self._settings, self._registry = settings, registry
        self._lock = threading.Lock()

    def start(self, job: FineTuneJob) -> None:
        """Makes the job's actor, unless it is there. Raises UnavailableError while jobs are held."""
        if self._settings.is_held():
            raise UnavailableError("the cluster that works on jobs is about to be replaced: the job stays queued")
        self._connect()
        options = {
            "name": job.id,
            "namespace": NAMESPACE,
            "lifetime": "detached",
            "get_if_exists": True,
            "max_restarts": self._settings.max_attempts - 1,
            "num_cpus": self._settings.cpus_per_job,
            "num_gpus": self._settings.gpus_per_job if job.spec.budget.use_gpu else 0,
        }
        actor = ray.remote(JobActor).options(**options)
        try:
            actor.remote(job.id, _plain(self._settings), _plain(self._registry))
        except (RayError, ConnectionError, RuntimeError) as error:
            raise _unreachable() from error

    def stop(self, job_id: str) -> None:
        """Kills the job's actor."""
        self._connect()
        try:
            ray.kill(ray.get_actor(job_id, namespace=NAMESPACE), no_restart=True)
        except ValueError:  # there is none
            return
        except (RayError, ConnectionError, RuntimeError) as error:
            raise _unreachable() from error

    def running(self) -> frozenset[str]:
        """Names of actors that run, wait for a place or are being restarted."""
        self._connect()
        try:
            actors = list_named_actors(all_namespaces=True)
        except (RayError, ConnectionError, RuntimeError) as error:
            raise _unreachable() from error
        return frozenset(actor["name"] for actor in actors if actor["namespace"] == NAMESPACE)

    def close(self) -> None:
        """Disconnects from the cluster; detached actors stay."""
        with self._lock:
            if ray.is_initialized():
                ray.shutdown()

    def _connect(self) -> None:
        with self._lock:
            if ray.is_initialized():
                return
            try:
                self._init()
            except (RayError, ConnectionError, RuntimeError, ValueError) as error:
                logger.warning("no connection to Ray", exc_info=error)
                raise _unreachable() from error

    def _init(self) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        if self._settings.ray_address:
            ray.init(address=self._settings.ray_address, namespace=NAMESPACE, log_to_driver=False)
            return
        # A private node whose address nobody else gets; by default Ray would write a token below the home folder.
        os.environ.setdefault("RAY_AUTH_MODE", "disabled")
        ray.init(address="local", namespace=NAMESPACE, include_dashboard=False, log_to_driver=False)


def _plain(settings: FineTuneSettings | RegistrySettings) -> dict[str, Any]:
    """Settings as plain values, so that a worker's own environment does not add to them."""
    return settings.model_dump(mode="json")


def _unreachable() -> UnavailableError:
    return UnavailableError("the cluster that works on jobs does not answer: send it again")
