from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
from sqlalchemy import text

from epitaxy.chassis.errors import FailedPreconditionError, NotFoundError, QuotaExceededError, UnavailableError
from epitaxy.database.tables import Database
from epitaxy.finetune.domain.job import JobState, Progress, Result, Verdict
from epitaxy.finetune.domain.promotion import AuditAction, AuditEntry, standing_champions
from epitaxy.finetune.domain.quotas import TenantQuota, check_usage
from epitaxy.finetune.ports import Cursor, RequestKey
from epitaxy.finetune.store.jobs import SqlJobStore

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def anything_goes(usage):
    return None


def finished(job, version="1"):
    result = Result(version, "sha256:0", Verdict.HELPS, "block_gp", {"block_gp": 1.5}, is_calibrated=True)
    return job.begun(NOW, 3).progressed(1, JobState.EVALUATING, Progress(1.0)).succeeded(1, result, NOW)


def test_a_job_reads_back_as_it_was_written(store, new_job):
    job = finished(new_job())
    store.create(job, None, anything_goes)
    assert store.get("acme", job.id) == job


def test_another_tenants_job_looks_like_none(store, new_job):
    store.create(new_job("ft-1"), None, anything_goes)
    with pytest.raises(NotFoundError, match="no such job") as foreign:
        store.get("globex", "ft-1")
    with pytest.raises(NotFoundError, match="no such job") as absent:
        store.get("globex", "ft-2")
    assert foreign.value.message == absent.value.message
    assert store.page("globex", "", 10, None) == []


def test_an_equal_request_finds_its_job_and_another_one_is_refused(store, new_job):
    key = RequestKey("r1", "digest")
    store.create(new_job("ft-1"), key, anything_goes)
    assert store.find_request("acme", key).id == "ft-1"
    assert store.create(new_job("ft-2"), key, anything_goes).id == "ft-1"
    with pytest.raises(NotFoundError, match="no such job"):
        store.get("acme", "ft-2")
    assert store.find_request("globex", key) is None
    with pytest.raises(FailedPreconditionError, match="used for another request"):
        store.find_request("acme", RequestKey("r1", "other"))


def test_jobs_created_at_once_keep_to_the_quota(store, new_job):
    quota = TenantQuota(max_active_jobs=3)
    turned_away = []

    def create(number):
        try:
            store.create(new_job(f"ft-{number}"), None, lambda usage: check_usage(quota, "acme", usage))
        except QuotaExceededError:
            turned_away.append(number)

    threads = [Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.active()) == 3
    assert len(turned_away) == 5


def test_pages_go_from_the_latest_to_the_first_without_gaps(store, new_job, spec):
    for number in range(7):
        # Three of each age, so that ties are cut by a page as well.
        store.create(new_job(f"ft-{number}", created_at=NOW + timedelta(seconds=number // 3)), None, anything_goes)
    other = replace(spec, model_name="other")
    store.create(new_job("ft-other", spec=other), None, anything_goes)
    seen, after = [], None
    while page := store.page("acme", "my-tc", 2, after):
        seen += [job.id for job in page]
        after = Cursor(page[-1].created_at, page[-1].id)
    assert seen == ["ft-6", "ft-5", "ft-4", "ft-3", "ft-2", "ft-1", "ft-0"]
    assert [job.id for job in store.page("acme", "other", 2, None)] == ["ft-other"]


def test_every_change_is_an_event_and_no_change_is_none(store, new_job):
    store.create(new_job(), None, anything_goes)
    store.change("ft-1", lambda job: job.begun(NOW, 3))
    store.change("ft-1", lambda job: job)
    store.change("ft-1", lambda job: job.progressed(1, JobState.TRAINING, Progress(0.5, "half", {"mae_k": 2.0})))
    events = store.events("ft-1", 0, 10)
    assert [(event.sequence, event.state) for event in events] == [
        (1, JobState.PENDING),
        (2, JobState.AUDITING),
        (3, JobState.TRAINING),
    ]
    assert events[-1].progress == Progress(0.5, "half", {"mae_k": 2.0})
    assert [event.sequence for event in store.events("ft-1", 2, 10)] == [3]


def test_a_refused_change_leaves_the_job_as_it_was(store, new_job):
    store.create(new_job(state=JobState.CANCELLED), None, anything_goes)
    with pytest.raises(FailedPreconditionError, match="cannot become"):
        store.change("ft-1", lambda job: job.begun(NOW, 3))
    assert store.get("acme", "ft-1").state is JobState.CANCELLED


def test_jobs_survive_the_process_that_wrote_them(store, database, database_url, new_job):
    store.create(new_job(), None, anything_goes)
    database.close()
    again = Database(database_url)
    assert SqlJobStore(again).get("acme", "ft-1") == new_job()
    again.close()


def test_deletion_takes_one_tenant_and_spares_the_others(store, new_job):
    key = RequestKey("r", "d")
    store.create(finished(new_job("ft-1")), key, anything_goes)
    store.create(finished(new_job("ft-2", "globex")), key, anything_goes)
    assert store.delete_tenant("acme") == 1
    assert store.page("acme", "", 10, None) == []
    assert store.events("ft-1", 0, 10) == []
    assert store.find_request("acme", key) is None
    assert store.of_version("acme", "my-tc", "1") is None
    assert store.of_version("globex", "my-tc", "1").id == "ft-2"
    assert store.find_request("globex", key).id == "ft-2"


def test_a_store_that_cannot_be_reached_is_unavailable_without_its_address(tmp_path, new_job):
    broken = SqlJobStore(Database(f"sqlite:///{tmp_path}"))  # a folder
    with pytest.raises(UnavailableError, match="the job store does not answer") as caught:
        broken.create(new_job(), None, anything_goes)
    assert str(tmp_path) not in caught.value.message


def entry(action=AuditAction.PROMOTE, tenant="acme", model="my-tc", version="1"):
    return AuditEntry(NOW, tenant, "r1", action, model, version, "sha256:0", "because")


def test_history_is_of_one_model_and_begins_after_the_last_deletion(ledger):
    ledger.append(entry(version="1"))
    ledger.append(entry(tenant="globex", version="7"))
    ledger.append(entry(AuditAction.DELETE_TENANT, model="", version=""))
    ledger.append(entry(version="2"))
    ledger.append(entry(model="other", version="9"))
    assert [line.version for line in ledger.history("acme", "my-tc")] == ["2"]
    assert [line.action for line in ledger.entries("acme")].count(AuditAction.DELETE_TENANT) == 1
    assert ledger.entries("globex") == [entry(tenant="globex", version="7")]


@pytest.mark.parametrize("statement", ["DELETE FROM audit", "UPDATE audit SET tenant = 'x'", "TRUNCATE audit"])
def test_the_database_refuses_to_change_the_audit_log(ledger, database, database_url, statement):
    if statement.startswith("TRUNCATE") and database_url.startswith("sqlite"):
        pytest.skip("sqlite knows no TRUNCATE")
    ledger.append(entry())
    with pytest.raises(UnavailableError, match="job store"), database.writing() as connection:
        connection.execute(text(statement))
    assert ledger.entries("acme") == [entry()]
    assert ledger.is_intact()


def test_pages_of_the_log_go_from_the_latest_to_the_first_and_are_of_one_tenant(ledger):
    for version in ("1", "2", "3"):
        ledger.append(entry(version=version))
        ledger.append(entry(tenant="globex", version=f"g{version}"))
    ledger.append(entry(AuditAction.POLICY, model="other", version=""))
    ledger.append(entry(AuditAction.DELETE_TENANT, model="", version=""))
    seen, before = [], None
    while page := ledger.page("acme", "", 2, before):
        seen += [numbered.entry for numbered in page]
        before = page[-1].sequence
    assert [line.version for line in seen] == ["", "", "3", "2", "1"]
    of_one = [numbered.entry for numbered in ledger.page("acme", "my-tc", 10, None)]
    assert [line.action for line in of_one] == [AuditAction.DELETE_TENANT, *[AuditAction.PROMOTE] * 3]
    assert ledger.page("nobody", "", 10, None) == []


def test_a_policy_in_between_leaves_the_champions_as_they_are(ledger):
    for action, version in ((AuditAction.PROMOTE, "1"), (AuditAction.POLICY, ""), (AuditAction.PROMOTE, "2")):
        ledger.append(entry(action, version=version))
    assert [line.version for line in standing_champions(ledger.history("acme", "my-tc"))] == ["1", "2"]


def test_a_line_changed_behind_the_triggers_breaks_the_chain(ledger, database):
    for version in ("1", "2", "3"):
        ledger.append(entry(version=version))
    with database.writing() as connection:
        on_sqlite = connection.dialect.name == "sqlite"
        connection.execute(text("DROP TRIGGER " + ("audit_no_update" if on_sqlite else "audit_append_only ON audit")))
        connection.execute(text("UPDATE audit SET document = replace(document, 'because', 'no') WHERE sequence = 2"))
    assert not ledger.is_intact()


def test_jobs_that_ended_are_counted_by_model_and_state(store, new_job):
    store.create(finished(new_job("ft-1")), None, anything_goes)
    store.create(finished(new_job("ft-2"), "2"), None, anything_goes)
    store.create(new_job("ft-3").cancelled(NOW), None, anything_goes)
    store.create(new_job("ft-4", "globex").cancelled(NOW), None, anything_goes)
    store.create(new_job("ft-5"), None, anything_goes)
    counted = [(jobs.tenant, jobs.state, jobs.count) for jobs in store.ended_by_model(NOW - timedelta(1), 10)]
    assert counted == [
        ("acme", JobState.SUCCEEDED, 2),
        ("acme", JobState.CANCELLED, 1),
        ("globex", JobState.CANCELLED, 1),
    ]
    assert len(store.ended_by_model(NOW - timedelta(1), 1)) == 1
    assert store.ended_by_model(NOW, 10) == []
