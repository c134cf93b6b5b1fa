"""The use cases of results: take in, correct."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from epitaxy.campaigns.books import Book, Shelf
from epitaxy.campaigns.campaigns import check_open, new_chunk
from epitaxy.campaigns.domain.candidates import Candidate
from epitaxy.campaigns.domain.events import Corrected, Event, Fix, Outcome, Reported, Told
from epitaxy.campaigns.domain.record import CampaignRecord
from epitaxy.campaigns.domain.reporting import GivenResult, Judge, RefusalError
from epitaxy.campaigns.ports import RequestKey
from epitaxy.chassis.errors import FailedPreconditionError, InvalidRequestError

MAX_RESULTS = 1000
_T = TypeVar("_T", Reported, Corrected)


@dataclass(frozen=True, slots=True)
class Sample:
    """One result of a request, with the sample itself if its structure came with it."""

    given: GivenResult
    candidate: Candidate | None = None


@dataclass(frozen=True, slots=True)
class Correction:
    """One correction of a request; without a result it is a retraction."""

    ticket: str
    id: str
    measurement_id: str
    reason: str
    result: GivenResult | None = None


@dataclass(frozen=True, slots=True)
class Reporting:
    """Results of campaigns. Every method blocks, and is safe for threads."""

    shelf: Shelf
    kick: Callable[[], None]

    def report(
        self, tenant: str, name: str, samples: Sequence[Sample], request: RequestKey | None
    ) -> tuple[Reported, Book]:
        """Takes results in, each with an outcome of its own. Raises FailedPreconditionError for a closed campaign."""
        _check_number("results", len(samples))
        book = self.shelf.find(tenant, name)
        event = self.shelf.change(book, request, lambda record: self._reported(book, record, samples))
        self.kick()
        return _of(event, Reported), book

    def correct(
        self, tenant: str, name: str, corrections: Sequence[Correction], request: RequestKey | None
    ) -> tuple[Corrected, Book]:
        """Retracts or replaces results; the log keeps both."""
        _check_number("corrections", len(corrections))
        book = self.shelf.find(tenant, name)
        event = self.shelf.change(book, request, lambda record: self._corrected(book, record, corrections))
        return _of(event, Corrected), book

    def _reported(self, book: Book, record: CampaignRecord, samples: Sequence[Sample]) -> Reported:
        check_open(record)
        if record.is_file_waiting:
            raise FailedPreconditionError(
                "the pool's file is being read: report when the campaign is ACTIVE", reason="POOL_NOT_READY"
            )
        book.pool.follow(record)
        judge = self._judge(book, record)
        told: list[Told] = []
        new: list[Candidate] = []
        for sample in samples:
            given = sample.given
            if sample.candidate is not None and sample.candidate.fault is None:
                given = replace(given, new_row=record.n_rows + len(new))
            n_new = len(judge.new_ids)
            told.append(judge.report(given))
            if len(judge.new_ids) > n_new and sample.candidate is not None:
                if told[-1].outcome is Outcome.REFUSED:
                    del judge.new_ids[given.id]
                else:
                    new.append(sample.candidate)
        number = new_chunk() if new else -1
        if new:
            book.pool.files.write(number, new)
        return Reported(tuple(told), tuple(judge.readings), number, len(new))

    def _corrected(self, book: Book, record: CampaignRecord, corrections: Sequence[Correction]) -> Corrected:
        check_open(record)
        book.pool.follow(record)
        told, fixes = [], []
        taken: set[int] = set()
        for correction in corrections:
            try:
                places = _places(record, book, correction, taken)
                fixes += _fixes(self._judge(book, record), record, correction, places)
                taken |= set(places)
                told.append(Told(correction.ticket, correction.id, Outcome.RECORDED))
            except RefusalError as refusal:
                told.append(Told(correction.ticket, correction.id, Outcome.REFUSED, refusal.reason, refusal.message))
        return Corrected(tuple(told), tuple(fixes))

    def _judge(self, book: Book, record: CampaignRecord) -> Judge:
        placeholder = Event(record.sequence + 1, self.shelf.clock(), Reported((), ()))
        return Judge(record.fork(), placeholder, book.pool)


def _places(record: CampaignRecord, book: Book, correction: Correction, taken: set[int]) -> list[int]:
    """Places of the results that a correction means. Raises RefusalError if there are none."""
    row = book.pool.row_of(correction.id) if correction.id else None
    found = [
        place
        for place, held in enumerate(record.readings)
        if not held.is_retracted
        and place not in taken
        and held.reading.measurement_id == correction.measurement_id
        and (held.reading.ticket == correction.ticket if correction.ticket else held.reading.row == row)
    ]
    if not found:
        what = correction.ticket or correction.id or "a result that is not named"
        text = f"the campaign holds no result of {what[:80]}: look at its results"
        raise RefusalError("NOTHING_TO_CORRECT", text)
    return found


def _fixes(judge: Judge, record: CampaignRecord, correction: Correction, places: Sequence[int]) -> list[Fix]:
    """Retractions of all, and the right result in place of the first. Raises RefusalError for a wrong result."""
    first = record.readings[places[0]].reading
    right = None
    if correction.result is not None:
        given = replace(correction.result, measurement_id=correction.result.measurement_id or first.measurement_id)
        right = judge.reading_of(given, first.row, first.id, first.ticket, is_late=first.is_late)
    # The replacement comes last: a ticket ends as its result says.
    reason = correction.reason[:500] or ("corrected" if right else "retracted")
    return [*(Fix(place, reason) for place in places[1:]), Fix(places[0], reason, right)]


def _check_number(field: str, number: int) -> None:
    if number > MAX_RESULTS:
        raise InvalidRequestError.of_field(field, f"has {number} entries, at most {MAX_RESULTS} are allowed")


def _of(event: Event | None, kind: type[_T]) -> _T:
    if event is None or not isinstance(event.happening, kind):
        raise TypeError(f"{event} is no {kind.__name__}")
    return event.happening
