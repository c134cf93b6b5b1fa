"""Composition root of a worker's process."""

import importlib

from epitaxy.database.tables import Database
from epitaxy.finetune.ports import Transfer
from epitaxy.finetune.settings import FineTuneSettings
from epitaxy.finetune.store.files import FolderJobFiles
from epitaxy.finetune.store.jobs import SqlJobStore
from epitaxy.finetune.work.worker import JobWorker
from epitaxy.registry.mlflow_registry import MlflowRegistry
from epitaxy.registry.settings import RegistrySettings


def build_worker(settings: FineTuneSettings, registry: RegistrySettings) -> JobWorker:
    """What works on one job, in a worker's process."""
    return JobWorker(
        SqlJobStore(Database(settings.store_url)),
        FolderJobFiles(settings.jobs_folder),
        MlflowRegistry(registry),
        _build_transfer(settings),
        settings.max_attempts,
    )


def _build_transfer(settings: FineTuneSettings) -> Transfer:
    """The shipped pipeline, or the one that the settings name instead."""
    if settings.transfer:
        module, _, function = settings.transfer.partition(":")
        return getattr(importlib.import_module(module), function)(settings)  # type: ignore[no-any-return]  # by name
    # Imported here: it loads torch, which the service itself never needs.
    from epitaxy.finetune.work.pipeline import build_transfer  # noqa: PLC0415

    return build_transfer(settings)
