"""Jobs, log and labels that the last build with schema version 1 wrote still open: its files lie beside this one."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

import epitaxy.database.measurement_tables  # noqa: F401  # its tables are in the same database
from epitaxy.database.documents import FORMAT, NewerDocumentError
from epitaxy.database.schema import STEPS, Migration
from epitaxy.database.tables import Database
from epitaxy.finetune.domain.job import Failure, JobState, Progress, Verdict
from epitaxy.finetune.domain.promotion import AuditAction, standing_champions
from epitaxy.finetune.domain.spec import Transform
from epitaxy.finetune.ports import RequestKey
from epitaxy.finetune.store.jobs import SqlJobStore
from epitaxy.finetune.store.label_file import decode_labels
from epitaxy.finetune.store.ledger import SqlLedger
from epitaxy.measurements.store import SqlMeasurementStore
from epitaxy_models.errors import InvalidStructureError
from epitaxy_models.heads.property import Fidelity
from epitaxy_models.structures import Structure

STORED = Path(__file__).parent / "stored_by_schema_1"


def job_id(number: int) -> str:
    return f"ft-{number:032x}"


@pytest.fixture
def old(tmp_path):
    shutil.copy(STORED / "jobs.db", tmp_path / "jobs.db")
    database = Database(f"sqlite:///{tmp_path / 'jobs.db'}")
    yield database
    database.close()


def test_its_tables_are_upgraded_once(old):
    assert old.migrate() == Migration(1, max(STEPS))
    assert old.migrate() == Migration(max(STEPS), max(STEPS))


def test_its_jobs_open_in_every_state(old):
    store = SqlJobStore(old)
    jobs = {job.id: job for job in store.page("acme", "", 50, None)}
    states = ["PENDING", "TRAINING", "SUCCEEDED", "SUCCEEDED", "FAILED", "CANCELLED"]
    assert {job_id(number): JobState(state) for number, state in enumerate(states, 1)} == {
        name: job.state for name, job in jobs.items()
    }
    assert jobs[job_id(2)].progress == Progress(0.5, "fold 3 of 5", {"mae_k": 2.25}, 90.5)
    assert jobs[job_id(5)].failure == Failure("TOO_FEW_LABELS", "9 of 12 rows are usable, 10 are needed")
    done = jobs[job_id(3)]
    assert (done.spec.transform, done.spec.low_fidelity[0].fidelity) == (Transform.LOG1P, Fidelity.PBE)
    assert (done.result.verdict, done.result.cross_validated_mae["block_gp"]) == (Verdict.HELPS, 1.5)
    assert store.find_request("acme", RequestKey("first", "a" * 64)).id == job_id(1)
    assert store.of_version("acme", "my-gap", "2").result.verdict is Verdict.HURTS


def test_its_jobs_go_on(old):
    store = SqlJobStore(old)
    before = store.events(job_id(2), 0, 50)
    assert [event.state for event in before] == [JobState.PENDING, JobState.AUDITING, JobState.TRAINING]
    store.change(job_id(2), lambda job: job.progressed(1, JobState.EVALUATING, Progress(0.9)))
    assert [event.state for event in store.events(job_id(2), 3, 50)] == [JobState.EVALUATING]
    assert stored(old, "jobs", job_id(2))["format"] == FORMAT
    assert "format" not in stored(old, "jobs", job_id(1))
    assert store.get("acme", job_id(2)).progress == Progress(0.9)


def test_its_log_is_intact_and_is_continued(old):
    ledger = SqlLedger(old)
    assert ledger.is_intact()
    history = ledger.history("acme", "my-gap")
    assert [entry.action for entry in history] == [AuditAction.PROMOTE, AuditAction.POLICY, AuditAction.OVERRIDE]
    assert [entry.version for entry in standing_champions(history)] == ["1", "2"]
    assert ledger.history("globex", "my-gap") == []
    ledger.append(history[0])
    assert ledger.is_intact()


def test_its_measurements_open(old):
    (health,) = SqlMeasurementStore(old).health("acme", "acme/my-gap", "1")
    assert (health.unit, health.n_total, health.window.n_inside) == ("eV", 1, 1)


def test_its_labels_open():
    table = decode_labels((STORED / "labels.parquet").read_bytes())
    assert list(table.ids) == [f"row{number}" for number in range(5)]
    np.testing.assert_array_equal(table.values["gap_ev"], [1.0, np.nan, 3.0, 4.0, 5.0])
    outcomes = [structure for _, structure in table.read_structures()]
    assert [type(outcome) for outcome in outcomes] == [*[Structure] * 4, InvalidStructureError]
    assert outcomes[3].atomic_numbers.tolist() == [11, 17]


@pytest.mark.parametrize("table", ["jobs", "events", "audit"])
def test_a_newer_document_is_refused_with_what_to_do(old, table):
    SqlLedger(old).append(SqlLedger(old).entries("acme")[0])
    newer = f"json_set(document, '$.format', {FORMAT + 1})"
    with old.writing() as connection:
        connection.execute(text("DROP TRIGGER audit_no_update"))
        connection.execute(text(f"UPDATE {table} SET document = {newer}"))
    reads = {
        "jobs": lambda: SqlJobStore(old).page("acme", "", 5, None),
        "events": lambda: SqlJobStore(old).events(job_id(2), 0, 5),
        "audit": lambda: SqlLedger(old).entries("acme"),
    }
    with pytest.raises(NewerDocumentError, match=f"has format {FORMAT + 1} and this release reads {FORMAT}") as error:
        reads[table]()
    assert error.value.reason == "NEWER_DOCUMENT"


def stored(database, table, name):
    with database.reading() as connection:
        return json.loads(connection.execute(text(f"SELECT document FROM {table} WHERE id = '{name}'")).scalar_one())
