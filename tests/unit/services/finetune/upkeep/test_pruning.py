"""What goes and what stays: real sqlite, real folders, a real registry; time is moved by the retention."""

import json
import os
import shutil
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from epitaxy.chassis.errors import FailedPreconditionError, NotFoundError
from epitaxy.chassis.model_names import ModelName
from epitaxy.database.tables import Database
from epitaxy.finetune.__main__ import main
from epitaxy.finetune.domain.job import JobState, Progress, Result, Verdict
from epitaxy.finetune.domain.promotion import AuditAction, AuditEntry
from epitaxy.finetune.store.files import FolderJobFiles
from epitaxy.finetune.store.jobs import SqlJobStore
from epitaxy.finetune.store.ledger import SqlLedger
from epitaxy.finetune.upkeep.pruning import Pruner
from epitaxy.finetune.upkeep.retention import Pruned, PrunedKind, Retention
from epitaxy.registry.mlflow_registry import MlflowRegistry
from epitaxy.registry.ports import Alias
from epitaxy.registry.settings import RegistrySettings

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow")
MODEL = ModelName("acme", "my-tc")
NOTHING_IS_YOUNG = Retention(0, 0, 0, 0)


@pytest.fixture
def registry_settings(tmp_path, empty_database) -> RegistrySettings:
    home = tmp_path / "registry"
    home.mkdir()
    shutil.copy(empty_database, home / "mlflow.db")
    return RegistrySettings(folder=home, tracking_uri="")


@pytest.fixture
def registry(registry_settings):
    return MlflowRegistry(registry_settings)


@pytest.fixture
def home(tmp_path):
    return tmp_path / "finetune"


@pytest.fixture
def files(home):
    return FolderJobFiles(home / "jobs")


@pytest.fixture
def database(home):
    opened = Database(f"sqlite:///{home / 'jobs.db'}")
    yield opened
    opened.close()


@pytest.fixture
def prune(database, files, registry):
    def run(retention=NOTHING_IS_YOUNG, *, dry_run=False):
        return list(
            Pruner(SqlJobStore(database), SqlLedger(database), files, registry, retention)(dry_run=dry_run)
        )  # fmt: skip

    return run


@pytest.fixture
def ended(database, files, new_job, table):
    """Makes a job that ended some days ago, with labels, reports and what a lost worker left."""

    def make(job_id: str, days: float, version: str = "") -> None:
        at = datetime.now(UTC) - timedelta(days=days)
        job = new_job(job_id).begun(at, 3)
        if version:
            result = Result(version, "sha256:0", Verdict.HELPS, "block_gp", {}, is_calibrated=True)
            job = job.progressed(1, JobState.EVALUATING, Progress(1.0)).succeeded(1, result, at)
        else:
            job = job.cancelled(at)
        SqlJobStore(database).create(job, None, lambda usage: None)
        files.save_labels("acme", job_id, table)
        files.save_report("acme", job_id, "json", b"{}")
        (files.model_folder("acme", job_id) / "half").write_bytes(b"12345")

    return make


@pytest.fixture
def versions(registry, tmp_path):
    """Registers this many versions of one model."""

    def make(count: int) -> None:
        for number in range(count):
            folder = tmp_path / f"v{number}"
            folder.mkdir()
            (folder / "card.json").write_text(json.dumps({"number": number}))
            registry.register(MODEL, folder)

    return make


def numbers(registry) -> set[str]:
    return {version.version for version in registry.versions(MODEL)}


def test_files_go_by_the_age_of_their_job_and_their_kind(prune, ended, files) -> None:
    for job_id, days in (("ft-new", 1), ("ft-old", 40), ("ft-older", 200)):
        ended(job_id, days)
    gone = {(found.kind, found.name) for found in prune(Retention(), dry_run=True)}
    assert gone == {
        (PrunedKind.LABELS, "acme/ft-old"),
        (PrunedKind.DRAFT, "acme/ft-old"),
        (PrunedKind.LABELS, "acme/ft-older"),
        (PrunedKind.DRAFT, "acme/ft-older"),
        (PrunedKind.REPORTS, "acme/ft-older"),
    }
    before = {(found.kind, found.job_id) for found in files.held()}
    assert len(before) == 9, "a dry run leaves everything"
    assert {(found.kind, found.name) for found in prune(Retention())} == gone
    left = {(found.kind.value, found.job_id) for found in files.held()}
    assert left == {(k, "ft-new") for k in ("labels", "reports", "draft")} | {("reports", "ft-old")}
    assert prune(Retention()) == []


def test_files_of_a_job_that_has_not_ended_stay(prune, database, files, new_job, table) -> None:
    SqlJobStore(database).create(new_job("ft-runs"), None, lambda usage: None)
    files.save_labels("acme", "ft-runs", table)
    assert prune() == []
    assert files.load_labels("acme", "ft-runs").n_rows == table.n_rows


def test_files_that_no_job_owns_go_once_they_are_old(prune, files, table, home) -> None:
    files.save_labels("acme", "ft-lost", table)
    assert prune(Retention()) == []
    old = time.time() - 31 * 86400
    os.utime(home / "jobs" / "acme" / "ft-lost" / "labels.parquet", (old, old))
    [gone] = prune(Retention())
    assert (gone.kind, gone.name) == (PrunedKind.LABELS, "acme/ft-lost")
    assert gone.n_bytes > 100
    assert not (home / "jobs" / "acme").exists()


def test_versions_that_serve_or_may_serve_again_stay(prune, versions, registry, database, ended) -> None:
    versions(6)
    for number in range(1, 7):
        ended(f"ft-{number}", 100, str(number))
    ledger = SqlLedger(database)
    for number in ("1", "3"):
        ledger.append(AuditEntry(datetime.now(UTC), "acme", "r", AuditAction.PROMOTE, "my-tc", number))
        registry.promote(MODEL, number)
    registry.set_alias(MODEL, Alias.CANDIDATE, "4")
    assert [found.name for found in prune(replace(NOTHING_IS_YOUNG, versions=1.0)) if found.kind == "version"] == []
    told = [found for found in prune(dry_run=True) if found.kind is PrunedKind.VERSION]
    assert told == [Pruned(PrunedKind.VERSION, f"acme/my-tc:{number}") for number in ("5", "2")]
    assert numbers(registry) == set("123456")
    assert [found for found in prune() if found.kind is PrunedKind.VERSION] == told
    logged = [(line.action, line.version) for line in ledger.entries("acme") if line.action is AuditAction.PRUNE]
    assert logged == [(AuditAction.PRUNE, "5"), (AuditAction.PRUNE, "2")], "and a dry run leaves no record"
    # Champion, the champion before it, candidate, the latest.
    assert numbers(registry) == set("1346")
    store = SqlJobStore(database)
    assert store.of_version("acme", "my-tc", "2") is None, "nothing promotes what is gone"
    assert store.get("acme", "ft-2").result.version == "2", "what the job made stays on record"
    seen = []
    store.create(replace(store.get("acme", "ft-1"), id="ft-next"), None, seen.append)
    assert seen[0].stored_models == 4, "what is gone no longer counts against the quota"


def test_files_of_a_pruned_version_are_gone_and_those_of_others_are_not(
    prune, versions, registry, registry_settings
) -> None:
    versions(2)
    cards = sorted((registry_settings.home / "artifacts").rglob("card.json"))
    assert len(cards) == 2
    assert [found.name for found in prune() if found.kind is PrunedKind.VERSION] == ["acme/my-tc:1"]
    [left] = (registry_settings.home / "artifacts").rglob("card.json")
    assert json.loads(left.read_text()) == {"number": 1}
    with pytest.raises(NotFoundError, match="has no 1"):
        registry.find(MODEL, version="1")


def test_a_version_that_an_alias_names_is_not_deleted(registry, versions) -> None:
    versions(1)
    registry.set_alias(MODEL, Alias.CANDIDATE, "1")
    with pytest.raises(FailedPreconditionError, match="is candidate: it stays"):
        registry.delete_version(registry.find(MODEL, version="1"))
    assert numbers(registry) == {"1"}


def test_local_copies_go_once_they_are_not_used(prune, registry, versions) -> None:
    versions(1)
    copy = registry.fetch(registry.find(MODEL, version="1"))
    assert [found for found in prune() if found.kind is PrunedKind.CACHE] == [], "it was used just now"
    old = time.time() - 31 * 86400
    os.utime(copy, (old, old))
    [gone] = [found for found in prune(Retention()) if found.kind is PrunedKind.CACHE]
    assert (gone.name, gone.n_bytes) == (f"acme/{copy.name}", len('{"number": 0}'))
    assert not copy.exists()


def test_the_command_names_what_goes_and_counts_it(ended, home, registry_settings, monkeypatch, capsys) -> None:
    ended("ft-old", 40)
    monkeypatch.setenv("EPITAXY_FINETUNE_FOLDER", str(home))
    monkeypatch.setenv("EPITAXY_REGISTRY_FOLDER", str(registry_settings.home))
    for arguments in (["--dry-run"], []):
        assert main(["prune", "--reports-days", "39", *arguments]) == 0
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert {line["kind"] for line in lines[:-1]} == {"labels", "reports", "draft"}
        n_bytes = sum(line["n_bytes"] for line in lines[:-1])
        counts = {"labels": 1, "reports": 1, "draft": 1}
        assert lines[-1] == {"removed": not arguments, "n_bytes": n_bytes} | counts
    assert main(["prune"]) == 0
    assert json.loads(capsys.readouterr().out) == {"removed": True, "n_bytes": 0}


def test_the_command_finds_a_line_of_the_log_that_was_changed(database, home, monkeypatch, capsys) -> None:
    monkeypatch.setenv("EPITAXY_FINETUNE_FOLDER", str(home))
    for version in ("1", "2"):
        entry = AuditEntry(datetime.now(UTC), "acme", "r", AuditAction.PROMOTE, "my-tc", version, reason="because")
        SqlLedger(database).append(entry)
    assert main(["verify-log"]) == 0
    assert json.loads(capsys.readouterr().out) == {"is_intact": True}
    with database.writing() as connection:
        connection.execute(text("DROP TRIGGER audit_no_delete"))
        connection.execute(text("DELETE FROM audit WHERE sequence = 1"))
    assert main(["verify-log"]) == 1
    assert "the audit log was changed" in capsys.readouterr().err


def test_the_command_says_what_keeps_it_from_working(home, monkeypatch, capsys) -> None:
    monkeypatch.setenv("EPITAXY_FINETUNE_DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:1/none")
    monkeypatch.setenv("EPITAXY_FINETUNE_FOLDER", str(home))
    assert main(["migrate"]) == 1
    assert "the job store does not answer" in capsys.readouterr().err
    monkeypatch.setenv("EPITAXY_FINETUNE_HOST", "0.0.0.0")
    assert main(["prune"]) == 2
