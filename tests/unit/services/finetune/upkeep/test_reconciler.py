from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from epitaxy.chassis.errors import UnavailableError
from epitaxy.finetune.domain.job import JobState
from epitaxy.finetune.metrics import FineTuneMetrics
from epitaxy.finetune.upkeep.reconciler import Reconciler

NOW = datetime(2026, 1, 2, tzinfo=UTC)


class Cluster:
    """A runner that remembers what it was told; jobs run as long as a test lets them."""

    def __init__(self):
        self.alive, self.started, self.stopped, self.is_lost = set(), [], [], False

    def start(self, job):
        self.started.append(job.id)

    def stop(self, job_id):
        self.stopped.append(job_id)
        self.alive.discard(job_id)

    def running(self):
        if self.is_lost:
            raise UnavailableError("gone")
        return frozenset(self.alive)


@pytest.fixture
def cluster():
    return Cluster()


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def look(store, cluster, registry):
    """One look, some seconds after the jobs of these tests were made."""
    clock = [NOW]
    reconciler = Reconciler(store, cluster, FineTuneMetrics(registry), 3, 10.0, now=lambda: clock[0])

    def at(seconds=5.0):
        clock[0] = NOW + timedelta(seconds=seconds)
        reconciler()

    at.is_able = reconciler.is_able
    return at


def add(store, job):
    store.create(job, None, lambda usage: None)


def test_a_job_with_a_worker_is_left_alone(store, cluster, look, new_job):
    add(store, new_job().begun(NOW, 3))
    cluster.alive.add("ft-1")
    look()
    assert (cluster.started, cluster.stopped) == ([], [])


def test_a_job_just_made_is_given_time_to_get_its_worker(store, cluster, look, new_job):
    add(store, new_job())
    look(1.0)
    assert cluster.started == []
    look(3.0)
    assert cluster.started == ["ft-1"]


def test_a_job_whose_workers_die_before_their_first_word_fails_in_the_end(store, cluster, look, new_job):
    add(store, new_job())
    for second in range(5, 10):
        look(second)
    assert cluster.started == ["ft-1"] * 3
    job = store.get("acme", "ft-1")
    assert (job.state, job.failure.reason) == (JobState.FAILED, "WORKER_LOST")


def test_a_job_far_beyond_its_budget_is_ended_with_its_remedy(store, cluster, look, new_job, registry):
    add(store, new_job().begun(NOW, 3))
    cluster.alive.add("ft-1")
    look(160.0)
    assert store.get("acme", "ft-1").state is JobState.AUDITING
    look(161.0)
    job = store.get("acme", "ft-1")
    assert (job.failure.reason, cluster.stopped) == ("OVER_BUDGET", ["ft-1"])
    assert "give it more time" in job.failure.message
    look(162.0)
    assert registry.get_sample_value("epitaxy_finetune_failures_total", {"reason": "OVER_BUDGET"}) == 1


def test_ends_are_counted_once_and_states_as_they_are(store, look, new_job, registry):
    look(0.0)
    add(store, new_job("ft-1"))
    add(store, new_job("ft-2"))
    store.change("ft-1", lambda job: job.cancelled(NOW + timedelta(seconds=7)))
    look(1.0)
    look(1.5)
    name = "epitaxy_finetune_job_seconds_count"
    assert registry.get_sample_value(name, {"state": "CANCELLED"}) == 1
    assert registry.get_sample_value("epitaxy_finetune_active_jobs", {"state": "PENDING"}) == 1


def test_without_its_cluster_the_service_is_not_able(cluster, look):
    assert look.is_able()
    cluster.is_lost = True
    assert not look.is_able()
    with pytest.raises(UnavailableError, match="gone"):
        look()


def test_held_jobs_wait_without_using_up_their_attempts(store, cluster, registry, new_job):
    add(store, new_job())
    held = [True]
    now = [NOW]
    metrics = FineTuneMetrics(registry)
    reconciler = Reconciler(store, cluster, metrics, 3, 10.0, now=lambda: now[0], is_held=lambda: held[0])
    for second in range(5, 15):
        now[0] = NOW + timedelta(seconds=second)
        reconciler()
    assert cluster.started == []
    held[0] = False
    reconciler()
    assert cluster.started == ["ft-1"]
    assert store.get("acme", "ft-1").state is JobState.PENDING
