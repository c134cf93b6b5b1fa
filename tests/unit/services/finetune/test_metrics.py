"""Metrics of jobs: the first of a kind is seen by a rate, and the last day is there after a restart."""

from datetime import UTC, datetime, timedelta

from prometheus_client import CollectorRegistry

from epitaxy.chassis.errors import UnavailableError
from epitaxy.database.tables import Database
from epitaxy.finetune.metrics import FineTuneMetrics, RecentJobs
from epitaxy.finetune.store.jobs import SqlJobStore


def test_counters_begin_at_zero_for_what_is_known_beforehand():
    registry = CollectorRegistry()
    FineTuneMetrics(registry)
    value = registry.get_sample_value
    assert value("epitaxy_finetune_verdicts_total", {"verdict": "HURTS", "strategy": "block_gp"}) == 0
    assert value("epitaxy_finetune_failures_total", {"reason": "TOO_FEW_LABELS"}) == 0
    assert value("epitaxy_finetune_job_seconds_count", {"state": "FAILED"}) == 0


def test_a_substrate_that_no_champion_stands_on_any_more_is_no_longer_told():
    registry = CollectorRegistry()
    metrics = FineTuneMetrics(registry)
    metrics.count_champions({"substrate-mp:4": 3, "substrate-mp:5": 1})
    metrics.count_champions({"substrate-mp:5": 4})
    labels = [{"substrate": f"substrate-mp:{version}"} for version in (4, 5)]
    told = [registry.get_sample_value("epitaxy_finetune_champions", label) for label in labels]
    assert told == [None, 4]


def test_the_jobs_of_a_day_are_told_by_tenant_and_model_whoever_counted_them(tmp_path, new_job, monkeypatch):
    database = Database(f"sqlite:///{tmp_path / 'jobs.db'}")
    store = SqlJobStore(database)
    now = datetime.now(UTC)
    for job_id, days in (("ft-1", 0.5), ("ft-2", 0.6), ("ft-old", 2)):
        store.create(new_job(job_id).cancelled(now - timedelta(days)), None, lambda usage: None)
    registry = CollectorRegistry()
    RecentJobs(registry, store)
    labels = {"tenant": "acme", "model": "acme/my-tc", "state": "CANCELLED"}
    assert registry.get_sample_value("epitaxy_finetune_day_jobs", labels) == 2

    def silent(*_):
        raise UnavailableError("the job store does not answer")

    monkeypatch.setattr(SqlJobStore, "ended_by_model", silent)
    assert registry.get_sample_value("epitaxy_finetune_day_jobs", labels) == 2, "what it said last"
    database.close()
