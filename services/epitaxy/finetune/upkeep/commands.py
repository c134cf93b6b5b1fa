"""Commands for operators: ``migrate``, ``prune`` and ``verify-log``."""

import argparse
import json
import sys
from collections import Counter
from dataclasses import asdict, fields

import epitaxy.database.measurement_tables  # noqa: F401  # its tables are in the same database
from epitaxy.chassis.errors import FailedPreconditionError
from epitaxy.database.tables import Database
from epitaxy.finetune.settings import FineTuneSettings
from epitaxy.finetune.store.files import FolderJobFiles
from epitaxy.finetune.store.jobs import SqlJobStore
from epitaxy.finetune.store.ledger import SqlLedger
from epitaxy.finetune.upkeep.pruning import Pruner
from epitaxy.finetune.upkeep.retention import Retention
from epitaxy.registry.mlflow_registry import MlflowRegistry
from epitaxy.registry.settings import RegistrySettings


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds all of them to a parser."""
    commands.add_parser("migrate", help="create or upgrade the tables of the job store; safe to repeat")
    commands.add_parser("verify-log", help="check the seals of the audit log; exit code 1 if a line was changed")
    prune = commands.add_parser(
        "prune", help="remove old files and versions; prints one line of JSON for each, then the sums"
    )
    prune.add_argument("--dry-run", action="store_true", help="print what would be removed, and remove nothing")
    for field in fields(Retention):
        prune.add_argument(
            f"--{field.name}-days", type=_days, default=field.default, help=f"keep {field.name} (%(default)g days)"
        )


def run(arguments: argparse.Namespace, settings: FineTuneSettings, registry: RegistrySettings) -> None:
    """Runs the command that was parsed. Raises UnavailableError, FailedPreconditionError."""
    database = Database(settings.store_url)
    try:
        match arguments.command:
            case "migrate":
                _migrate(database)
            case "verify-log":
                _verify_log(database)
            case _:
                _prune(arguments, database, settings, registry)
    finally:
        database.close()


def _migrate(database: Database) -> None:
    done = database.migrate()
    _write({"schema_before": done.before, "schema": done.after})


def _verify_log(database: Database) -> None:
    """Raises FailedPreconditionError if a line was changed or removed behind the triggers."""
    if not SqlLedger(database).is_intact():
        raise FailedPreconditionError(
            "the audit log was changed: a line does not follow from those before it; compare it with a backup",
            reason="LOG_CHANGED",
        )
    _write({"is_intact": True})


def _prune(
    arguments: argparse.Namespace, database: Database, settings: FineTuneSettings, registry: RegistrySettings
) -> None:
    days = {field.name: getattr(arguments, f"{field.name}_days") for field in fields(Retention)}
    pruner = Pruner(
        SqlJobStore(database),
        SqlLedger(database),
        FolderJobFiles(settings.jobs_folder),
        MlflowRegistry(registry),
        Retention(**days),
    )
    counts: Counter[str] = Counter()
    n_bytes = 0
    for pruned in pruner(dry_run=arguments.dry_run):
        _write(asdict(pruned))
        counts[pruned.kind.value] += 1
        n_bytes += pruned.n_bytes
    _write({"removed": not arguments.dry_run, "n_bytes": n_bytes, **dict(sorted(counts.items()))})


def _days(text: str) -> float:
    days = float(text)
    if not days >= 0:
        raise argparse.ArgumentTypeError("must be 0 or more")
    return days


def _write(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
