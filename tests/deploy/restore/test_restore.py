"""The commands of docs/operate.md back up an installation and bring it back: jobs, audit log, models, tenants."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "unit" / "services" / "finetune"))

from postgres_process import PostgresProcess

from epitaxy.chassis.api_keys import KeyHash, new_api_key
from epitaxy.chassis.model_names import ModelName
from epitaxy.chassis.tenants import TenantDirectory
from epitaxy.database.tables import Database
from epitaxy.finetune.domain.job import FineTuneJob
from epitaxy.finetune.domain.promotion import AuditAction, AuditEntry
from epitaxy.finetune.domain.spec import Budget, FineTuneSpec, LabelColumn
from epitaxy.finetune.store.jobs import SqlJobStore
from epitaxy.finetune.store.ledger import SqlLedger
from epitaxy.registry.mlflow_registry import MlflowRegistry
from epitaxy.registry.settings import RegistrySettings

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "operate.md").read_text()
NOW = datetime(2026, 1, 2, tzinfo=UTC)
MODEL = ModelName("acme", "my-tc")
PROGRAMS = ("pg_dump", "pg_restore", "tar", "bash")
SECRETS = ("epitaxy-tenants", "epitaxy-database", "epitaxy-gateway-secret", "epitaxy-redis")


def blocks(section: str) -> list[str]:
    """Commands of a section of operate.md, block by block."""
    text = TEXT.partition(f"## {section}\n")[2].partition("\n## ")[0]
    return re.findall(r"```\n(.+?)```", text, re.S)


@dataclass
class Installation:
    """Stores of a release: two databases, the volumes, the Secrets."""

    state: Path
    postgres: PostgresProcess
    socket: Path

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://epitaxy@/{database}?host={self.socket}"

    def begin(self) -> None:
        """Empty, as after an install."""
        for database in ("epitaxy", "mlflow"):
            self.postgres.new_database(database)
        for folder in ("mlflow", "finetune", "campaigns", "secrets"):
            (self.state / folder).mkdir(parents=True, exist_ok=True)

    def lose_everything(self) -> None:
        for database in ("epitaxy", "mlflow"):
            command = ["dropdb", "--force", "-h", str(self.socket), "-U", "epitaxy", database]
            subprocess.run(command, check=True, capture_output=True)
        shutil.rmtree(self.state)

    def registry(self, copies: Path) -> MlflowRegistry:
        files = (self.state / "mlflow").as_uri()
        return MlflowRegistry(RegistrySettings(folder=copies, tracking_uri=self.url("mlflow"), artifact_root=files))

    def run(self, commands: str, folder: Path) -> None:
        """As an operator pastes them, with a kubectl that runs here what it would run in a pod."""
        path = f"{Path(__file__).parent}:{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "STATE": str(self.state), "PGHOST": str(self.socket)}
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], cwd=folder, env=environment,
                              capture_output=True, text=True, check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr


@pytest.fixture
def installation() -> Iterator[Installation]:
    if not PostgresProcess.is_installed() or not all(map(shutil.which, PROGRAMS)):
        pytest.skip("Postgres is not installed")
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        running = PostgresProcess(Path(folder))
        # Own folder: what of a cluster is a volume.
        with tempfile.TemporaryDirectory(prefix="state-") as state:
            made = Installation(Path(state) / "volumes", running, Path(folder))
            made.begin()
            yield made
        running.process.send_signal(signal.SIGINT)  # MLflow keeps its connections, for which SIGTERM would wait
        running.stop()


def job(name: str) -> FineTuneJob:
    spec = FineTuneSpec("my-tc", "critical_temperature", "K", LabelColumn("tc_k"), Budget(100.0))
    return FineTuneJob(name, "acme", spec, NOW, 12, 12)


def work(installation: Installation, scratch: Path) -> str:
    """A tenant with a key, a job, its labels, a promotion, a model; returns the key."""
    key = new_api_key()
    for name in SECRETS:
        (installation.state / "secrets" / name).write_text("password\n")
    tenants = f'{{"acme": {{"key_hashes": ["{KeyHash.of(key)}"]}}}}'
    (installation.state / "secrets" / "epitaxy-tenants").write_text(tenants)
    database = Database(installation.url("epitaxy"))
    SqlJobStore(database).create(job("ft-1"), None, lambda usage: None)
    SqlLedger(database).append(AuditEntry(NOW, "acme", "r1", AuditAction.PROMOTE, "my-tc", "1", "sha256:0"))
    database.close()
    (installation.state / "finetune" / "labels.parquet").write_bytes(b"labels of ft-1")
    (installation.state / "campaigns" / "block-0.npy").write_bytes(b"features of c-1")
    model = scratch / "model"
    model.mkdir()
    (model / "card.json").write_text('{"name": "one"}')
    (model / "model.safetensors").write_bytes(b"one")
    registry = installation.registry(scratch / "copies-1")
    registry.promote(MODEL, registry.register(MODEL, model).version)
    return key


def test_what_was_lost_is_back_after_the_commands_of_the_manual(installation: Installation, tmp_path: Path) -> None:
    key = work(installation, tmp_path)
    dump, restore = blocks("Back up and restore")
    backup = tmp_path / "backup"
    backup.mkdir()
    installation.run(dump, backup)
    assert {path.name for path in backup.iterdir()} == {
        "epitaxy.dump", "mlflow.dump", "models.tgz", "jobs.tgz", "pools.tgz", "secrets.yaml",
    }  # fmt: skip

    installation.lose_everything()
    installation.begin()
    assert not list(installation.state.rglob("*.*"))
    installation.run(restore, backup)

    database = Database(installation.url("epitaxy"))
    assert SqlJobStore(database).get("acme", "ft-1").id == "ft-1"
    assert SqlLedger(database).is_intact()
    assert [entry.request_id for entry in SqlLedger(database).entries("acme")] == ["r1"]
    database.close()
    assert (installation.state / "finetune" / "labels.parquet").read_bytes() == b"labels of ft-1"
    assert (installation.state / "campaigns" / "block-0.npy").read_bytes() == b"features of c-1"
    registry = installation.registry(tmp_path / "copies-3")
    folder = registry.fetch(registry.find(MODEL, alias="champion"))  # refused if a file is not what its digest says
    assert (folder / "model.safetensors").read_bytes() == b"one"
    tenants = TenantDirectory.from_file(installation.state / "secrets" / "epitaxy-tenants")
    assert tenants.authenticate(key) == "acme"


def test_writers_are_away_while_the_databases_are_restored() -> None:
    lines = blocks("Back up and restore")[1].splitlines()
    away, back = (next(n for n, line in enumerate(lines) if f"--replicas={count}" in line) for count in (0, 1))
    restored = next(n for n, line in enumerate(lines) if "pg_restore" in line)
    assert away < restored < back
