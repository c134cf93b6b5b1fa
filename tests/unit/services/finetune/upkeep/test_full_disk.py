"""What the disk's reserve is for: ends of jobs are recorded on a disk that is really full."""

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from epitaxy.database.tables import Database
from epitaxy.finetune.domain.job import JobState
from epitaxy.finetune.metrics import FineTuneMetrics
from epitaxy.finetune.store.files import FolderJobFiles
from epitaxy.finetune.store.jobs import SqlJobStore
from epitaxy.finetune.upkeep.reconciler import Reconciler

LATER = datetime(2026, 1, 2, tzinfo=UTC) + timedelta(minutes=1)


class DeadCluster:
    """A runner whose workers are gone."""

    def start(self, job):
        raise AssertionError("a job that used up its attempts must not begin again")

    def stop(self, job_id):
        pass

    def running(self):
        return frozenset()


@pytest.fixture
def files(small_disk):
    files = FolderJobFiles(small_disk.folder / "jobs")
    files.keep_reserve()
    return files


def test_the_reserve_does_not_take_back_what_it_freed_for_the_end_of_a_job(small_disk, files):
    small_disk.fill()
    files.make_room("acme", "ft-1")
    freed = small_disk.n_free
    assert freed > 1 << 20
    files.keep_reserve()
    assert small_disk.n_free == freed
    small_disk.make_room()
    files.keep_reserve()
    assert (small_disk.folder / "jobs" / ".reserve").exists()


def test_a_lost_job_is_ended_on_a_full_disk(small_disk, files, new_job):
    database = Database(f"sqlite:///{small_disk.folder / 'jobs.db'}")
    store = SqlJobStore(database)
    store.create(new_job().begun(LATER, 3), None, lambda usage: None)
    metrics = FineTuneMetrics(CollectorRegistry())
    reconciler = Reconciler(store, DeadCluster(), metrics, 1, 10.0, now=lambda: LATER, make_room=files.make_room)
    small_disk.fill()
    reconciler()
    assert store.get("acme", "ft-1").state is JobState.FAILED
    database.close()
