"""What docs/operate.md tells to do brings the jobs and the audit log back."""

import shutil
import subprocess
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import make_url

from epitaxy.database.tables import Database
from epitaxy.finetune.domain.promotion import AuditAction, AuditEntry
from epitaxy.finetune.store.jobs import SqlJobStore
from epitaxy.finetune.store.ledger import SqlLedger

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.skipif(not (shutil.which("pg_dump") and shutil.which("pg_restore")), reason="pg_dump is not installed")
def test_a_dump_restores_over_newer_rows_and_the_audit_log_is_intact(postgres, new_job, tmp_path) -> None:
    url = postgres.new_database(f"d{uuid4().hex}")
    database = Database(url)
    store, ledger = SqlJobStore(database), SqlLedger(database)
    store.create(new_job("ft-before"), None, lambda usage: None)
    ledger.append(AuditEntry(NOW, "acme", "r1", AuditAction.PROMOTE, "my-tc", "1", "sha256:0"))
    address = ["-h", make_url(url).query["host"], "-U", "epitaxy"]
    dump = tmp_path / "epitaxy.dump"
    subprocess.run(["pg_dump", *address, "-Fc", make_url(url).database, "-f", dump], check=True, capture_output=True)
    store.create(new_job("ft-after"), None, lambda usage: None)
    ledger.append(AuditEntry(NOW, "acme", "r2", AuditAction.ROLLBACK, "my-tc", "1", "sha256:0"))
    database.close()

    with dump.open("rb") as file:
        command = ["pg_restore", *address, "--clean", "--if-exists", "-d", make_url(url).database]
        subprocess.run(command, stdin=file, check=True, capture_output=True)

    database = Database(url)
    assert [job.id for job in SqlJobStore(database).page("acme", "", 10, None)] == ["ft-before"]
    assert [entry.request_id for entry in SqlLedger(database).entries("acme")] == ["r1"]
    SqlLedger(database).append(AuditEntry(NOW, "acme", "r3", AuditAction.PROMOTE, "my-tc", "2", "sha256:1"))
    assert SqlLedger(database).is_intact()
    database.close()
