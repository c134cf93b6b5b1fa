"""A campaign as its log tells it: a fold over events, which changes by `apply` alone."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import singledispatchmethod
from typing import Any

from epitaxy.campaigns.domain.events import (
    CandidatesAdded,
    Closed,
    Corrected,
    Created,
    Event,
    Excluded,
    FileRead,
    ObjectivesChanged,
    Paused,
    PoolCounts,
    PoolFailed,
    PoolReady,
    Promoted,
    Reading,
    Recommended,
    Released,
    Reported,
    ResultStatus,
    Resumed,
    Ticket,
)
from epitaxy.campaigns.domain.spec import CampaignSpec, Constraint, Objective, PoolFile


class CampaignState(StrEnum):
    """Where a campaign stands."""

    COLLECTING = "COLLECTING"
    PREPARING = "PREPARING"
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    CLOSED = "CLOSED"
    FAILED = "FAILED"


class TicketState(StrEnum):
    """Where a ticket stands."""

    PENDING = "PENDING"
    MEASURED = "MEASURED"
    FAILED = "FAILED"
    ABANDONED = "ABANDONED"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"

    @property
    def is_charged(self) -> bool:
        """Whether the budget pays for it."""
        return self in (TicketState.PENDING, TicketState.MEASURED, TicketState.FAILED)


@dataclass(frozen=True, slots=True)
class HeldTicket:
    """A ticket with its state and its batch."""

    ticket: Ticket
    batch: int
    state: TicketState = TicketState.PENDING


@dataclass(frozen=True, slots=True)
class HeldReading:
    """A result with its place in the log.

    Attributes:
        sequence: Number of the event that brought it.
        is_retracted: Whether it counts no more.
        correction: What was said when it was retracted or replaced; empty: it was not.
        n_batches: Batches that had been recommended before.
    """

    reading: Reading
    sequence: int
    at: datetime
    n_batches: int
    is_retracted: bool = False
    correction: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as it was recommended, with the time and number of its event."""

    recommended: Recommended
    sequence: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of the pool: the first one, their number, and whether they are results from outside of it."""

    number: int
    start: int
    n_rows: int
    is_outside: bool = False


class CampaignRecord:
    """What a log says. Copies made by `fork` share nothing that changes.

    Attributes:
        readings: All results, in the order of the log, corrected ones too: a later one may replace an earlier one.
        by_row: Places of results in ``readings`` by row of the pool.
        tickets_of: Names of tickets by row of the pool, oldest first.
        excluded: Rows that their owner took out of the choice.
        planner: State of the planner after the last batch.
    """

    def __init__(self) -> None:
        self.spec: CampaignSpec | None = None
        self.file: PoolFile | None = None
        self.sequence = 0
        self.created_at = self.updated_at = datetime.min
        self.objectives: tuple[Objective, ...] = ()
        self.constraints: tuple[Constraint, ...] = ()
        self.chunks: list[Chunk] = []
        self.is_complete = False
        self.pool: PoolReady | None = None
        self.pool_counts = PoolCounts()
        self.pool_failure: PoolFailed | None = None
        self.excluded: set[int] = set()
        self.tickets: dict[str, HeldTicket] = {}
        self.tickets_of: dict[int, tuple[str, ...]] = {}
        self.readings: list[HeldReading] = []
        self.by_row: dict[int, tuple[int, ...]] = {}
        self.batches: list[Batch] = []
        self.units: dict[str, str] = {}
        self.planner: Mapping[str, Any] = {}
        self.promotions: list[Promoted] = []
        self.is_paused = self.is_closed = False

    @classmethod
    def of(cls, events: Iterable[Event]) -> "CampaignRecord":
        """The record of these events."""
        record = cls()
        for event in events:
            record.apply(event)
        return record

    def fork(self) -> "CampaignRecord":
        """An independent copy."""
        forked = copy(self)
        for name, value in vars(self).items():
            if isinstance(value, list | dict | set):
                setattr(forked, name, copy(value))
        return forked

    def apply(self, event: Event) -> None:
        """Adds the next event. Raises ValueError if one is missing between."""
        if event.sequence != self.sequence + 1:
            raise ValueError(f"event {event.sequence} after event {self.sequence}")
        self.sequence, self.updated_at = event.sequence, event.at
        self._happen(event.happening, event)

    @property
    def known_spec(self) -> CampaignSpec:
        """The specification. Raises ValueError before the first event."""
        if self.spec is None:
            raise ValueError("the log is empty")
        return self.spec

    @property
    def n_rows(self) -> int:
        """Rows of the pool, ready or not, those from outside included."""
        return self.chunks[-1].start + self.chunks[-1].n_rows if self.chunks else 0

    @property
    def n_outside(self) -> int:
        """Rows of results from outside of the pool."""
        return sum(chunk.n_rows for chunk in self.chunks if chunk.is_outside)

    @property
    def n_ready_rows(self) -> int:
        """Rows that can be used, from the first one on."""
        return 0 if self.pool is None else self.pool.n_rows

    @property
    def needs_preparation(self) -> bool:
        """Whether rows, or a file, wait for the featurizing."""
        if self.is_closed or self.pool_failure is not None:
            return False
        return (self.is_complete and self.n_ready_rows < self.n_rows) or self.is_file_waiting

    @property
    def is_file_waiting(self) -> bool:
        """Whether the pool's file is still to be read."""
        return self.file is not None and not self.is_complete

    @property
    def state(self) -> CampaignState:
        """Where it stands."""
        if self.is_closed:
            return CampaignState.CLOSED
        if self.pool_failure is not None or (self.pool is not None and not self.pool_counts.n_allowed):
            return CampaignState.FAILED
        if self.pool is not None:
            return CampaignState.PAUSED if self.is_paused else CampaignState.ACTIVE
        return CampaignState.PREPARING if self.is_complete or self.file else CampaignState.COLLECTING

    def is_outside(self, row: int) -> bool:
        """Whether a row came with a result and is none of the pool's."""
        return any(chunk.is_outside and chunk.start <= row < chunk.start + chunk.n_rows for chunk in self.chunks)

    def pending(self) -> list[HeldTicket]:
        """Tickets without a result, oldest first."""
        return [held for held in self.tickets.values() if held.state is TicketState.PENDING]

    def expired(self, now: datetime) -> tuple[str, ...]:
        """Pending tickets whose lease has ended."""
        return tuple(held.ticket.ticket for held in self.pending() if held.ticket.expires_at <= now)

    def counted(self) -> list[HeldReading]:
        """Results that count, in the order of the log."""
        return [held for held in self.readings if not held.is_retracted]

    def measured(self) -> list[HeldReading]:
        """Results with values that count."""
        return [held for held in self.counted() if held.reading.status is ResultStatus.MEASURED]

    def failed_rows(self) -> list[int]:
        """Row of each failure that counts."""
        return [held.reading.row for held in self.counted() if held.reading.status is ResultStatus.FAILED]

    def settled_rows(self) -> set[int]:
        """Rows with a result that counts."""
        return {held.reading.row for held in self.counted()}

    def label_counts(self) -> dict[str, int]:
        """Number of values by property."""
        counts: dict[str, int] = defaultdict(int)
        for held in self.measured():
            for name in held.reading.values:
                counts[name] += 1
        return dict(counts)

    def spent(self) -> float:
        """What the budget has paid for: candidates, or cost where the budget is one."""
        is_cost = self.spec is not None and self.spec.budget is not None and self.spec.budget.is_cost
        charged = [held.ticket.cost for held in self.tickets.values() if held.state.is_charged]
        charged += [held.reading.cost for held in self.counted() if not held.reading.ticket and held.n_batches]
        return sum(charged) if is_cost else float(len(charged))

    def left(self) -> float | None:
        """What is left of the budget; None without one."""
        budget = self.known_spec.budget
        return None if budget is None else max(0.0, budget.limit - self.spent())

    @singledispatchmethod
    def _happen(self, happening: object, event: Event) -> None:
        """What an entry changes, by its kind; entries of other kinds change nothing."""

    @_happen.register
    def _(self, created: Created, event: Event) -> None:
        self.spec, self.file, self.created_at = created.spec, created.file, event.at
        self._aim(created.spec.objectives, created.spec.constraints)

    @_happen.register
    def _(self, added: CandidatesAdded, event: Event) -> None:
        self._add_rows(added.chunk, added.n_rows)
        self.is_complete = self.is_complete or added.is_last
        self.pool_failure = None

    @_happen.register
    def _(self, read: FileRead, event: Event) -> None:
        self.is_complete = True
        for number, start in enumerate(range(0, read.n_rows, read.chunk_rows)):
            self._add_rows(number, min(read.chunk_rows, read.n_rows - start))

    @_happen.register
    def _(self, ready: PoolReady, event: Event) -> None:
        self.pool, self.pool_counts, self.pool_failure = ready, ready.counts, None

    @_happen.register
    def _(self, failed: PoolFailed, event: Event) -> None:
        self.pool_failure = failed

    @_happen.register
    def _(self, excluded: Excluded, event: Event) -> None:
        change = self.excluded.difference_update if excluded.is_undone else self.excluded.update
        change(excluded.rows)

    @_happen.register
    def _(self, recommended: Recommended, event: Event) -> None:
        self.batches.append(Batch(recommended, event.sequence, event.at))
        self.planner = recommended.planner
        for ticket in recommended.tickets:
            self.tickets[ticket.ticket] = HeldTicket(ticket, recommended.number)
            self.tickets_of[ticket.row] = (*self.tickets_of.get(ticket.row, ()), ticket.ticket)

    @_happen.register
    def _(self, reported: Reported, event: Event) -> None:
        if reported.n_rows:
            self._add_rows(reported.chunk, reported.n_rows, is_outside=True)
        for reading in reported.readings:
            self.add(reading, event)

    @_happen.register
    def _(self, corrected: Corrected, event: Event) -> None:
        for fix in corrected.fixes:
            before = self.readings[fix.place].reading
            self._retract(fix.place, fix.reason or "corrected")
            if fix.reading is not None:
                self._reopen(before.ticket)
                self.add(fix.reading, event)
            elif before.ticket and not self._has_result(before.ticket):
                # Nothing is measured any more, and nobody is at work on it.
                self.tickets[before.ticket] = replace(self.tickets[before.ticket], state=TicketState.RELEASED)

    @_happen.register
    def _(self, released: Released, event: Event) -> None:
        state = TicketState.EXPIRED if released.cause == "expired" else TicketState.RELEASED
        for name in released.tickets:
            self._settle(name, state)

    @_happen.register
    def _(self, changed: ObjectivesChanged, event: Event) -> None:
        self._aim(changed.objectives, changed.constraints)
        self.pool_counts = changed.counts or self.pool_counts

    @_happen.register
    def _(self, paused: Paused, event: Event) -> None:
        self.is_paused = True

    @_happen.register
    def _(self, resumed: Resumed, event: Event) -> None:
        self.is_paused = False

    @_happen.register
    def _(self, closed: Closed, event: Event) -> None:
        self.is_closed = True
        for name in closed.released:
            self._settle(name, TicketState.RELEASED)

    @_happen.register
    def _(self, promoted: Promoted, event: Event) -> None:
        self.promotions.append(promoted)

    def add(self, reading: Reading, event: Event) -> None:
        """Adds one result and settles its ticket."""
        self.by_row[reading.row] = (*self.by_row.get(reading.row, ()), len(self.readings))
        self.readings.append(HeldReading(reading, event.sequence, event.at, len(self.batches)))
        for name, measured in reading.values.items():
            self.units.setdefault(name, measured.unit)
        if reading.ticket:
            self._settle(reading.ticket, TicketState(reading.status.value))
        if reading.status is ResultStatus.ABANDONED:
            self._retract(len(self.readings) - 1, "")

    def _aim(self, objectives: Sequence[Objective], constraints: Sequence[Constraint]) -> None:
        self.objectives, self.constraints = tuple(objectives), tuple(constraints)
        self.units.update({entry.property: entry.unit for entry in objectives})

    def _add_rows(self, number: int, n_rows: int, *, is_outside: bool = False) -> None:
        if n_rows:
            self.chunks.append(Chunk(number, self.n_rows, n_rows, is_outside))

    def _settle(self, name: str, state: TicketState) -> None:
        held = self.tickets[name]
        # A value stays a value if the same ticket is reported once more, as a repeat of the measurement.
        if held.state is not TicketState.MEASURED:
            self.tickets[name] = replace(held, state=state)

    def _reopen(self, ticket: str) -> None:
        if ticket:
            self.tickets[ticket] = replace(self.tickets[ticket], state=TicketState.PENDING)

    def _has_result(self, ticket: str) -> bool:
        return any(held.reading.ticket == ticket for held in self.counted())

    def _retract(self, place: int, correction: str) -> None:
        self.readings[place] = replace(self.readings[place], is_retracted=True, correction=correction)
