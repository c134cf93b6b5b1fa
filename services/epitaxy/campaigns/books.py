"""Campaigns in memory: a fold of each log, its pool and its planner, and the one way to add to a log."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter

from epitaxy.campaigns.domain.events import TRANSFERRED, Event, Happening, Outlook, Recommended, Released, Reported
from epitaxy.campaigns.domain.record import CampaignRecord
from epitaxy.campaigns.domain.scores import coverage_of
from epitaxy.campaigns.planning.planner import CampaignPlanner
from epitaxy.campaigns.pool.pools import Pool, Pools
from epitaxy.campaigns.ports import CampaignKey, CampaignLog, CampaignObserver, ConflictError, RequestKey, Summary
from epitaxy.chassis.errors import UnavailableError

_ATTEMPTS = 20


def utc_now() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


@dataclass(slots=True, eq=False)
class Book:
    """One campaign in memory. Who changes it holds ``lock``; ``record`` is replaced and never changed.

    Attributes:
        planning: Held while a batch is chosen: reports need not wait for it.
        outlook: The last one, with the number of the entry that it is of.
    """

    key: CampaignKey
    pool: Pool
    record: CampaignRecord = field(default_factory=CampaignRecord)
    lock: threading.RLock = field(default_factory=threading.RLock)
    planning: threading.Lock = field(default_factory=threading.Lock)
    planner: CampaignPlanner | None = None
    outlook: tuple[int, Outlook] | None = None

    def planner_of(self, record: CampaignRecord) -> CampaignPlanner:
        """The planner for the rows that a record has ready. Raises UnavailableError if there are none."""
        with self.lock:
            self.pool.follow(record)
            table = self.pool.table
        if table is None:
            raise UnavailableError("the pool is not ready: send it again")
        if self.planner is None or self.planner.table is not table:
            self.planner = CampaignPlanner(table)
        return self.planner


class Shelf:
    """Books by campaign, the latest used ones; implements `Records` of the preparation.

    Args:
        log: Logs of all campaigns.
        pools: Pools of all campaigns.
        observer: Is told what is added.
        capacity: Books in memory.
        clock: Tells the time.
    """

    def __init__(
        self,
        log: CampaignLog,
        pools: Pools,
        observer: CampaignObserver,
        capacity: int,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.log, self.pools, self.observer, self.clock = log, pools, observer, clock
        self._capacity, self._lock = capacity, threading.Lock()
        self._books: OrderedDict[str, Book] = OrderedDict()

    def find(self, tenant: str, name: str) -> Book:
        """The book of a campaign, up to the last entry. Raises NotFoundError."""
        return self.open(self.log.find(tenant, name))

    def open(self, key: CampaignKey) -> Book:
        """The book of a campaign, up to the last entry. Raises NotFoundError."""
        with self._lock:
            book = self._books.pop(key.id, None) or Book(key, self.pools.open(key))
            self._books[key.id] = book
            while len(self._books) > self._capacity:
                self._books.popitem(last=False)
        with book.lock:
            self._catch_up(book)
        return book

    def forget(self, key: CampaignKey) -> None:
        """Drops a book."""
        with self._lock:
            self._books.pop(key.id, None)

    def record(self, key: CampaignKey) -> CampaignRecord:
        """The record of a campaign as of now. Raises NotFoundError."""
        return self.open(key).record

    def waiting(self) -> list[CampaignKey]:
        """Campaigns whose pools have to be prepared."""
        return list(self.log.waiting())

    def add(self, key: CampaignKey, happening: Happening) -> None:
        """Adds an entry, whatever others add meanwhile."""
        self.change(self.open(key), None, lambda _: happening)

    def repeated(self, book: Book, request: RequestKey | None) -> Event | None:
        """The entry that an equal request brought. Raises FailedPreconditionError for a reused request id."""
        if request is None:
            return None
        sequence = self.log.find_request(book.key, request)
        return None if sequence is None else self.log.events(book.key.id, sequence - 1)[0]

    def change(
        self, book: Book, request: RequestKey | None, happen: Callable[[CampaignRecord], Happening | None]
    ) -> Event | None:
        """Adds what follows from the record, or finds what an equal request has added.

        ``happen`` gets the record up to the last entry; it is asked again if another process was faster, and may
        return None if there is nothing to add. Raises what it raises.
        """
        for _ in range(_ATTEMPTS):
            with book.lock:
                self._catch_up(book)
                known = self.repeated(book, request)
                if known is not None:
                    return known
                try:
                    self._expire(book)
                    happening = happen(book.record)
                    return None if happening is None else self._append(book, happening, request)
                except ConflictError:
                    self.observer.conflict()
        raise UnavailableError("another process writes to the campaign all the time: send it again")

    def _expire(self, book: Book) -> None:
        ended = book.record.expired(self.clock())
        if ended:
            self._append(book, Released(ended, "expired"), None)

    def _append(self, book: Book, happening: Happening, request: RequestKey | None) -> Event:
        event = Event(book.record.sequence + 1, self.clock(), happening)
        record = book.record.fork()
        record.apply(event)
        began = perf_counter()
        self.log.append(book.key, event, summary_of(record), request)
        self.observer.appended(perf_counter() - began)
        before, book.record = book.record, record
        self._tell(happening, before, record)
        return event

    def _tell(self, happening: Happening, before: CampaignRecord, after: CampaignRecord) -> None:
        self.observer.happened(happening)
        if isinstance(happening, Reported):
            (n_before, inside_before), (n_after, inside_after) = coverage_of(before), coverage_of(after)
            self.observer.scored(max(0, n_after - n_before), max(0, inside_after - inside_before))
        if isinstance(happening, Recommended):
            said = before.batches[-1].recommended.outlook.speaking if before.batches else {}
            for name, speaker in happening.outlook.speaking.items():
                if speaker != said.get(name, TRANSFERRED) and speaker != TRANSFERRED:
                    self.observer.fell_back(speaker)

    def _catch_up(self, book: Book) -> None:
        events = self.log.events(book.key.id, book.record.sequence)
        if events:
            record = book.record.fork()
            for event in events:
                record.apply(event)
            book.record = record


def summary_of(record: CampaignRecord) -> Summary:
    """What lists and scrapes read without a fold."""
    n_predicted, n_covered = coverage_of(record)
    pool = record.pool
    counts = {"waiting": record.n_rows - record.n_ready_rows if record.needs_preparation else 0}
    if pool is not None:
        counts |= {"ready": pool.n_ready, "refused": pool.n_refused, "copy": pool.n_copies}
    return Summary(record.state, record.needs_preparation, len(record.pending()), n_predicted, n_covered, counts)


def batch_of(event: Event) -> Recommended:
    """The batch of an entry that a recommendation brought."""
    if not isinstance(event.happening, Recommended):
        raise TypeError(f"{event.happening.kind} is no recommendation")
    return event.happening
