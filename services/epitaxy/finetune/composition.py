"""What the service and its workers build alike from the settings."""

import importlib
from typing import Any

from epitaxy.database.tables import Database
from epitaxy.finetune.settings import FineTuneSettings
from epitaxy.finetune.store.files import FolderJobFiles
from epitaxy.finetune.store.jobs import SqlJobStore
from epitaxy.finetune.work.worker import JobWorker
from epitaxy.registry.mlflow_registry import MlflowRegistry
from epitaxy.registry.settings import RegistrySettings


def job_files(settings: FineTuneSettings) -> FolderJobFiles:
    """Files of jobs."""
    return FolderJobFiles(settings.home / "jobs")


def build_worker(settings: FineTuneSettings, registry: RegistrySettings) -> JobWorker:
    """The work on one job, for a worker."""
    return JobWorker(
        SqlJobStore(Database(settings.store_url)),
        job_files(settings),
        MlflowRegistry(registry),
        _imported(settings.transfer)(settings),
        settings.max_attempts,
    )


def _imported(path: str) -> Any:
    module, _, function = path.partition(":")
    return getattr(importlib.import_module(module), function)
