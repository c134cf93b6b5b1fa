"""The log in a database: sqlite and Postgres keep one contract."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from campaign_rig import CampaignRig, answered, spec

from epitaxy.campaigns.books import summary_of
from epitaxy.campaigns.domain.events import Created, Event, Paused, Resumed
from epitaxy.campaigns.domain.record import CampaignRecord
from epitaxy.campaigns.ports import CampaignKey, ConflictError, RequestKey
from epitaxy.campaigns.store.log import SqlCampaignLog
from epitaxy.chassis.errors import FailedPreconditionError, NotFoundError, QuotaExceededError
from epitaxy.database.tables import Database

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'campaigns.db'}"
    return request.getfixturevalue("postgres").new_database(f"c{uuid4().hex}")


@pytest.fixture
def log(url: str):
    database = Database(url)
    yield SqlCampaignLog(database)
    database.close()


def any_number(held: int) -> None:
    return None


def make(log: SqlCampaignLog, name: str = "one", tenant: str = "acme", request=None, at=NOW, check=any_number):
    key = CampaignKey(uuid4().hex, tenant, name)
    event = Event(1, at, Created(spec(name)))
    return log.create(key, event, summary_of(CampaignRecord.of([event])), request, check)


def append(log: SqlCampaignLog, key: CampaignKey, sequence: int, happening, request=None) -> None:
    record = CampaignRecord.of(log.events(key.id))
    log.append(key, Event(sequence, NOW, happening), summary_of(record), request)


def test_two_processes_cannot_both_write_one_number(log) -> None:
    key = make(log)
    append(log, key, 2, Paused())
    with pytest.raises(ConflictError):
        append(log, key, 2, Resumed())
    with pytest.raises(ConflictError):
        append(log, key, 4, Resumed())
    outcomes = []

    def write(_: int) -> None:
        try:
            append(log, key, 3, Resumed())
            outcomes.append("written")
        except ConflictError:
            outcomes.append("conflict")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert sorted(outcomes) == ["conflict"] * 3 + ["written"]
    assert [event.sequence for event in log.events(key.id)] == [1, 2, 3]
    assert [event.sequence for event in log.events(key.id, 2)] == [3]


def test_requests_are_remembered_with_their_entry(log) -> None:
    created = RequestKey("r1", "d1")
    key = make(log, request=created)
    assert make(log, "other", request=created) == key
    assert log.find_creation("acme", created) == key
    assert log.find_creation("globex", created) is None
    with pytest.raises(FailedPreconditionError, match="used for another request"):
        log.find_creation("acme", RequestKey("r1", "d2"))
    append(log, key, 2, Paused(), RequestKey("r1", "d3"))  # ids of one campaign are its own
    assert log.find_request(key, RequestKey("r1", "d3")) == 2
    assert log.find_request(key, RequestKey("r2", "d3")) is None
    with pytest.raises(FailedPreconditionError, match="used for another request"):
        log.find_request(key, RequestKey("r1", "d4"))


def test_names_belong_to_their_tenant_and_a_deleted_one_is_free(log) -> None:
    key, foreign = make(log, request=RequestKey("r1", "d1")), make(log, tenant="globex")
    with pytest.raises(FailedPreconditionError, match="already"):
        make(log)
    assert log.find("globex", "one") == foreign
    log.delete(key)
    for absent in (lambda: log.find("acme", "one"), lambda: log.events(key.id), lambda: append_to_deleted(log, key)):
        with pytest.raises(NotFoundError, match="no such campaign"):
            absent()
    assert make(log, request=RequestKey("r1", "d2")) != key
    assert log.find("globex", "one") == foreign


def append_to_deleted(log: SqlCampaignLog, key: CampaignKey) -> None:
    event = Event(2, NOW, Paused())
    log.append(key, event, summary_of(CampaignRecord.of([Event(1, NOW, Created(spec()))])))


def test_pages_are_the_latest_first_and_quotas_see_open_campaigns(log) -> None:
    keys = [make(log, f"c{at}", at=NOW + timedelta(seconds=at)) for at in range(5)]
    first = log.page("acme", 2, None)
    assert [key for key, _ in first] == keys[4:2:-1]
    assert [key for key, _ in log.page("acme", 9, first[-1][1])] == keys[2::-1]
    assert log.page("globex", 9, None) == []
    counted = []
    make(log, "c9", check=counted.append)
    assert counted == [5]

    def refuse(held: int) -> None:
        raise QuotaExceededError("too many")

    with pytest.raises(QuotaExceededError, match="too many"):
        make(log, "c10", check=refuse)
    with pytest.raises(NotFoundError, match="no such campaign"):
        log.find("acme", "c10")
    assert len(log.summaries()) == 6


def test_the_whole_loop_runs_on_it_and_reads_back(url: str, tmp_path: Path) -> None:
    rig = CampaignRig(tmp_path, url)
    rig.ready(range(12))
    batch = rig.recommend(request="r1")
    rig.report(*[answered(ticket.ticket, 1.0, measurement_id="m") for ticket in batch.tickets])
    other = rig.again()
    assert other.recommend(request="r1") == batch
    assert vars(other.record()) == vars(rig.record())
    assert [summary.n_pending for _, summary in rig.log.summaries()] == [0]
    assert list(rig.log.waiting()) == []
    for one in (rig, other):
        one.close()
