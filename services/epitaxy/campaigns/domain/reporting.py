"""What becomes of each reported result: a rule a line, in the order in which they are checked."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from epitaxy.campaigns.domain.events import Event, Measured, Outcome, Reading, ResultStatus, Told
from epitaxy.campaigns.domain.record import CampaignRecord, HeldTicket, TicketState

_CLOSED_TICKETS = (TicketState.RELEASED, TicketState.EXPIRED, TicketState.ABANDONED)


@dataclass(frozen=True, slots=True)
class GivenValue:
    """One value as it was reported."""

    property: str
    unit: str
    value: float
    std: float = 0.0


@dataclass(frozen=True, slots=True)
class GivenResult:
    """One result as it was reported.

    Attributes:
        new_row: Row of the sample if its structure came with it; None: it came without.
        fault: Why its structure cannot be read: reason and message; empty: it can.
    """

    ticket: str = ""
    id: str = ""
    status: ResultStatus = ResultStatus.MEASURED
    values: tuple[GivenValue, ...] = ()
    measurement_id: str = ""
    note: str = ""
    new_row: int | None = None
    fault: tuple[str, str] | None = None


class PoolLookup(Protocol):
    """Finds candidates."""

    def row_of(self, candidate_id: str) -> int | None:
        """The row of an id; None if the pool does not have it."""

    def unusable(self, row: int) -> str:
        """Why a candidate cannot be used; empty if it can, or if that is not known yet."""

    def cost_of(self, row: int) -> float:
        """What measuring it costs; 1 where nobody said."""


class RefusalError(Exception):
    """One result is not kept."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason, self.message = reason, message


@dataclass(slots=True)
class Judge:
    """Judges results one after the other, each in the light of those before it.

    Attributes:
        record: A fork of the campaign's record, which the judge changes.
        event: The event that will hold the results: only its number and time are read.
        pool: Finds candidates.
    """

    record: CampaignRecord
    event: Event
    pool: PoolLookup
    readings: list[Reading] = field(default_factory=list)
    new_ids: dict[str, int] = field(default_factory=dict)

    def report(self, given: GivenResult) -> Told:
        """Takes one result in, or says why not."""
        try:
            return self._take_in(given)
        except RefusalError as refusal:
            return Told(given.ticket, given.id, Outcome.REFUSED, refusal.reason, refusal.message)

    def reading_of(self, given: GivenResult, row: int, name: str, ticket: str, *, is_late: bool = False) -> Reading:
        """The result, checked. Raises RefusalError."""
        values = checked_values(given, self.record.units, self._properties())
        cost = self.pool.cost_of(row)
        return Reading(row, name, given.status, values, ticket, given.measurement_id, given.note, is_late, cost)

    def _take_in(self, given: GivenResult) -> Told:
        held, row, name = self._sample(given)
        ticket = held.ticket.ticket if held else ""
        is_late = held is not None and held.state in _CLOSED_TICKETS
        reading = self.reading_of(given, row, name, ticket, is_late=is_late)
        if given.status is ResultStatus.ABANDONED:
            return self._abandon(given, held, reading)
        outcome = None if not given.ticket and self._is_known(reading) else self._against_known(reading)
        if outcome is None:
            return Told(ticket, name, Outcome.REPEATED)
        self._keep(outcome)
        return Told(ticket, name, Outcome.RECORDED_LATE if is_late else Outcome.RECORDED)

    def _sample(self, given: GivenResult) -> tuple[HeldTicket | None, int, str]:
        """Ticket, row and id of the sample. Raises RefusalError."""
        if given.ticket:
            held = self.record.tickets.get(given.ticket)
            if held is None:
                raise RefusalError("UNKNOWN_TICKET", "the campaign never gave that ticket: look at its batches")
            if given.id and given.id != held.ticket.id:
                text = f"the ticket is of {held.ticket.id}, and the result names {given.id}: correct one of them"
                raise RefusalError("TICKET_MISMATCH", text)
            return held, held.ticket.row, held.ticket.id
        row = self._row(given)
        reason = self.pool.unusable(row)
        if reason:
            raise RefusalError("UNUSABLE_CANDIDATE", f"{given.id} is in the pool and cannot be used: {reason}")
        return self._ticket_of(row), row, given.id

    def _row(self, given: GivenResult) -> int:
        if not given.id:
            raise RefusalError("UNKNOWN_CANDIDATE", "the result names neither a ticket nor a candidate")
        row = self.new_ids.get(given.id)
        row = self.pool.row_of(given.id) if row is None else row
        if row is not None:
            return row
        if given.fault is not None:
            raise RefusalError(*given.fault)
        if given.new_row is None:
            text = f"the pool has no {given.id[:80]!r}: send its structure with the result to take it in"
            raise RefusalError("UNKNOWN_CANDIDATE", text)
        self.new_ids[given.id] = given.new_row
        return given.new_row

    def _ticket_of(self, row: int) -> HeldTicket | None:
        """The ticket that a result by id answers: the oldest that is pending, else the last one without a result."""
        held = [self.record.tickets[name] for name in self.record.tickets_of.get(row, ())]
        pending = next((entry for entry in held if entry.state is TicketState.PENDING), None)
        return pending or (held[-1] if held else None)

    def _properties(self) -> set[str]:
        wanted = {entry.property for entry in self.record.objectives}
        return wanted | {entry.property for entry in self.record.constraints} | set(self.record.units)

    def _abandon(self, given: GivenResult, held: HeldTicket | None, reading: Reading) -> Told:
        if held is None:
            raise RefusalError("UNKNOWN_TICKET", f"{reading.id} has no ticket that could be given back")
        name = held.ticket.ticket
        if held.state in (TicketState.MEASURED, TicketState.FAILED):
            raise RefusalError("RESULT_CONFLICT", f"{reading.id} has a result already: retract it first")
        if held.state is not TicketState.PENDING:
            return Told(name, reading.id, Outcome.REPEATED)
        self._keep(reading)
        return Told(name, reading.id, Outcome.RECORDED)

    def _is_known(self, new: Reading) -> bool:
        """Whether a result by id was reported before as it is, whatever ticket it answered."""
        held = [self.record.readings[place] for place in self.record.by_row.get(new.row, ())]
        mark = (new.status, new.measurement_id, new.values)
        return any(
            not entry.is_retracted
            and (entry.reading.status, entry.reading.measurement_id, entry.reading.values) == mark
            for entry in held
        )

    def _against_known(self, new: Reading) -> Reading | None:
        """What is new of a reading; None if nothing is. Raises RefusalError for a contradiction."""
        places = self.record.by_row.get(new.row, ())
        held = [self.record.readings[place] for place in places]
        same = [
            entry.reading
            for entry in held
            if not entry.is_retracted
            and (entry.reading.ticket, entry.reading.measurement_id) == (new.ticket, new.measurement_id)
        ]
        known: dict[str, Measured] = {}
        for entry in same:
            if entry.status is not new.status:
                text = f"{new.id} was reported as {entry.status.lower()} and now as {new.status.lower()}: correct one"
                raise RefusalError("RESULT_CONFLICT", text)
            known |= entry.values
        if not same:
            return new
        for name, value in new.values.items():
            if name in known and known[name] != value:
                text = (
                    f"{new.id}: {name} is known with {known[name].value:.10g}, and {value.value:.10g} is reported: "
                    "give a repeated measurement a measurement_id of its own, or correct the first"
                )
                raise RefusalError("RESULT_CONFLICT", text)
        fresh = {name: value for name, value in new.values.items() if name not in known}
        if not fresh:
            return None
        return replace(new, values=fresh)

    def _keep(self, reading: Reading) -> None:
        self.readings.append(reading)
        self.record.add(reading, self.event)


def checked_values(given: GivenResult, units: Mapping[str, str], properties: set[str]) -> dict[str, Measured]:
    """Values by property. Raises RefusalError."""
    if given.status is not ResultStatus.MEASURED:
        if given.values:
            text = f"a sample that is {given.status.lower()} has no values: leave them out, or report it as measured"
            raise RefusalError("UNEXPECTED_VALUES", text)
        return {}
    if not given.values:
        raise RefusalError("NO_VALUES", "a measured sample needs a value: report it as failed if there is none")
    _check_names(given.values, properties)
    for entry in given.values:
        _check_value(entry, units.get(entry.property))
    return {entry.property: Measured(entry.value, entry.std, entry.unit) for entry in given.values}


def _check_names(values: Sequence[GivenValue], properties: set[str]) -> None:
    names = [entry.property for entry in values]
    unknown = sorted(set(names) - properties)
    if unknown:
        text = f"the campaign knows no {', '.join(unknown)[:120]}; it asks for {', '.join(sorted(properties))}"
        raise RefusalError("UNKNOWN_PROPERTY", text)
    if len(set(names)) < len(names):
        raise RefusalError("RESULT_CONFLICT", "the result names a property twice: report one value of each")


def _check_value(entry: GivenValue, unit: str | None) -> None:
    if unit is not None and entry.unit != unit:
        text = f"{entry.property} is measured in {unit}, and the result is in {entry.unit or 'no unit'}: convert it"
        raise RefusalError("WRONG_UNIT", text)
    if not math.isfinite(entry.value):
        raise RefusalError("NOT_FINITE", f"{entry.property} is {entry.value}: report the sample as failed instead")
    if not (math.isfinite(entry.std) and entry.std >= 0):
        raise RefusalError("INVALID_STD", f"{entry.property} has a standard deviation of {entry.std}")
