"""The use cases of campaigns, each for one tenant."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from secrets import randbits, token_hex
from typing import TypeVar

from epitaxy.campaigns.books import Book, Shelf, summary_of
from epitaxy.campaigns.domain.candidates import Candidate, told_under
from epitaxy.campaigns.domain.events import (
    CandidatesAdded,
    Closed,
    Created,
    Event,
    Excluded,
    Happening,
    ObjectivesChanged,
    Outcome,
    Outlook,
    Paused,
    PoolCounts,
    Released,
    Resumed,
    Told,
)
from epitaxy.campaigns.domain.limits import CampaignQuota, check_campaigns, check_candidates
from epitaxy.campaigns.domain.record import CampaignRecord, CampaignState, TicketState
from epitaxy.campaigns.domain.spec import CampaignSpec, Constraint, Objective, PoolFile, check_objectives
from epitaxy.campaigns.pool.file_rows import check_suffix
from epitaxy.campaigns.pool.preparation import Progress
from epitaxy.campaigns.pool.rules import allowed_rows
from epitaxy.campaigns.pool.table import PoolTable
from epitaxy.campaigns.ports import CampaignKey, Cursor, RequestKey
from epitaxy.chassis.errors import FailedPreconditionError, InvalidRequestError
from epitaxy.rooted_files.opening import RootedFiles
from epitaxy_models.structures.elements import atomic_number_of

_T = TypeVar("_T")
MAX_CANDIDATES_A_CALL = 512
# Larger pools tell the outlook of their last batch: another one takes minutes.
_MOST_ROWS_FOR_OUTLOOK = 20_000
_CHUNK_BITS = 48
_DOMAIN = ("IN_DOMAIN", "BORDERLINE", "OUT_OF_DOMAIN")
_REVIEW = ("ACCEPT", "REVIEW", "REJECT")


@dataclass(frozen=True, slots=True)
class View:
    """A campaign as it is shown.

    Attributes:
        progress: Of a pool that is being prepared.
        outlook: What it knows of itself; None before the first batch or result.
    """

    key: CampaignKey
    record: CampaignRecord
    progress: Progress | None = None
    outlook: Outlook | None = None
    table: PoolTable | None = None

    @property
    def n_open(self) -> int:
        """Candidates that may be chosen now: what rules allow, less what is measured, pending or excluded."""
        record, table = self.record, self.table
        if table is None:
            return 0
        pending = {held.ticket.row for held in record.pending()}
        rows = [row for row in record.settled_rows() | pending | record.excluded if row < table.n_rows]
        measured = frozenset(entry.property for entry in record.objectives)
        allowed, _ = allowed_rows(table, record.known_spec.rules, record.constraints, measured)
        return int(allowed.sum()) - len({int(table.standing[row]) for row in rows if allowed[table.standing[row]]})

    def formula_of(self, row: int) -> str:
        """Formula of a row, with the conditions of its candidate; empty before it is featurized."""
        if self.table is None or row >= self.table.n_rows:
            return ""
        facts = self.table.row(row)
        return told_under(facts.formula, facts.conditions)


@dataclass(frozen=True, slots=True)
class Campaigns:
    """Campaigns of tenants. Every method blocks, is safe for threads, and raises NotFoundError for another's campaign.

    Attributes:
        progress_of: Progress of a pool that is being prepared, by campaign id.
        kick: Is called when there is a pool to prepare.
    """

    shelf: Shelf
    files: RootedFiles
    quota_of: Callable[[str], CampaignQuota]
    progress_of: Callable[[str], Progress | None]
    kick: Callable[[], None]

    def create(self, tenant: str, spec: CampaignSpec, file: PoolFile | None, request: RequestKey | None) -> View:
        """Creates a campaign with an empty pool, or finds the one of an equal request.

        Raises InvalidRequestError, PermissionDeniedError for a file that the tenant may not read, QuotaExceededError,
        FailedPreconditionError for a name that is taken.
        """
        known = self.shelf.log.find_creation(tenant, request) if request else None
        if known is not None:
            return self.view(self.shelf.open(known))
        _check_rules(spec)
        if file is not None:
            check_suffix(file.uri)
            self.files.check(tenant, file.uri)
        # 128 random bits: a campaign of a name that was used before has a pool of its own.
        key = CampaignKey(token_hex(16), tenant, spec.name)
        event = Event(1, self.shelf.clock(), Created(spec, file))
        quota = self.quota_of(tenant)
        key = self.shelf.log.create(
            key,
            event,
            summary_of(CampaignRecord.of([event])),
            request,
            lambda held: check_campaigns(quota, tenant, held),
        )
        self.shelf.observer.happened(event.happening)
        self.kick()
        return self.view(self.shelf.open(key))

    def get(self, tenant: str, name: str) -> View:
        """A campaign as it is now."""
        book = self.shelf.find(tenant, name)
        self.shelf.change(book, None, lambda _: None)  # notices leases that have ended
        return self.view(book)

    def page(self, tenant: str, size: int, after: Cursor | None) -> Sequence[tuple[View, Cursor]]:
        """Campaigns, the latest first; without a new outlook."""
        found = self.shelf.log.page(tenant, size, after)
        return [(self.view(self.shelf.open(key), is_brief=True), cursor) for key, cursor in found]

    def add_candidates(
        self, tenant: str, name: str, candidates: Sequence[Candidate], request: RequestKey | None, *, is_last: bool
    ) -> tuple[CandidatesAdded, CampaignRecord]:
        """Adds candidates to the pool; those with a fault, or an id that is known, are refused each by itself."""
        if len(candidates) > MAX_CANDIDATES_A_CALL:
            text = f"has {len(candidates)} entries, at most {MAX_CANDIDATES_A_CALL} are allowed"
            raise InvalidRequestError.of_field("candidates", text)
        book = self.shelf.find(tenant, name)

        def add(record: CampaignRecord) -> CandidatesAdded:
            check_open(record)
            _check_takes_candidates(record)
            book.pool.follow(record)
            kept, refused = _sorted_out(candidates, book)
            check_candidates(self.quota_of(tenant), tenant, record.n_rows + len(kept))
            if is_last and not record.n_rows and not kept:
                why = f": {refused[0].id!r}: {refused[0].message}" if refused else ""
                raise InvalidRequestError(f"the pool has no candidate{why}: add some", reason="EMPTY_POOL")
            number = new_chunk()
            if kept:
                book.pool.files.write(number, kept)
            return CandidatesAdded(number, len(kept), is_last, tuple(refused))

        added = _kind(self.shelf.change(book, request, add), CandidatesAdded)
        self.kick()
        return added, book.record

    def exclude(
        self, tenant: str, name: str, ids: Sequence[str], reason: str, request: RequestKey | None, *, is_undone: bool
    ) -> tuple[Excluded, View]:
        """Takes candidates out of the choice, or puts them back."""
        book = self.shelf.find(tenant, name)

        def exclude(record: CampaignRecord) -> Excluded:
            check_open(record)
            book.pool.follow(record)
            rows = {candidate: book.pool.row_of(candidate) for candidate in ids}
            unknown = tuple(candidate for candidate, row in rows.items() if row is None)
            known = tuple(row for row in rows.values() if row is not None)
            return Excluded(known, unknown, reason[:500], is_undone)

        excluded = _kind(self.shelf.change(book, request, exclude), Excluded)
        return excluded, self.view(book)

    def release(self, tenant: str, name: str, tickets: Sequence[str], request: RequestKey | None) -> Released:
        """Gives tickets back; all pending ones if none is named."""
        book = self.shelf.find(tenant, name)

        def release(record: CampaignRecord) -> Released:
            check_open(record)
            wanted = tuple(dict.fromkeys(tickets)) or tuple(held.ticket.ticket for held in record.pending())
            is_held = {
                ticket: ticket in record.tickets and record.tickets[ticket].state is TicketState.PENDING
                for ticket in wanted
            }
            given = tuple(ticket for ticket in wanted if is_held[ticket])
            return Released(given, "caller", tuple(ticket for ticket in wanted if not is_held[ticket]))

        return _kind(self.shelf.change(book, request, release), Released)

    def change_objectives(
        self,
        tenant: str,
        name: str,
        objectives: tuple[Objective, ...],
        constraints: tuple[Constraint, ...],
        request: RequestKey | None,
    ) -> View:
        """Replaces objectives and constraints from now on. Raises InvalidRequestError."""
        check_objectives(objectives)
        book = self.shelf.find(tenant, name)

        def change(record: CampaignRecord) -> ObjectivesChanged:
            check_open(record)
            for objective in objectives:
                unit = record.units.get(objective.property, objective.unit)
                if unit != objective.unit:
                    text = f"{objective.property} is kept in {unit} already: results cannot change their unit"
                    raise InvalidRequestError.of_field("objectives.unit", text)
            return ObjectivesChanged(objectives, constraints, _counts(book, record, objectives, constraints))

        self.shelf.change(book, request, change)
        return self.view(book)

    def pause(self, tenant: str, name: str, request: RequestKey | None) -> View:
        """Stops recommending; a paused campaign stays as it is."""
        return self._turn(tenant, name, request, lambda record: None if record.is_paused else Paused())

    def resume(self, tenant: str, name: str, request: RequestKey | None) -> View:
        """Goes on; a campaign that is not paused stays as it is."""
        return self._turn(tenant, name, request, lambda record: Resumed() if record.is_paused else None)

    def close(self, tenant: str, name: str, request: RequestKey | None) -> View:
        """Ends a campaign and gives pending tickets back; a closed one stays as it is."""
        book = self.shelf.find(tenant, name)

        def close(record: CampaignRecord) -> Closed | None:
            pending = tuple(held.ticket.ticket for held in record.pending())
            return None if record.is_closed else Closed(pending)

        self.shelf.change(book, request, close)
        return self.view(book)

    def delete(self, tenant: str, name: str, *, confirm: bool) -> None:
        """Removes a campaign, its pool and its log. Raises InvalidRequestError without confirmation."""
        if not confirm:
            raise InvalidRequestError.of_field("confirm", "must be true: nothing brings the campaign back")
        key = self.shelf.log.find(tenant, name)
        self.shelf.log.delete(key)
        self.shelf.forget(key)
        self.shelf.pools.delete(key)

    def events(self, tenant: str, name: str, after: int) -> tuple[Sequence[Event], View]:
        """Entries of the log after a number, and the campaign as it was just before they were read."""
        book = self.shelf.find(tenant, name)
        return self.shelf.log.events(book.key.id, after), self.view(book, is_brief=True)

    def view(self, book: Book, *, is_brief: bool = False) -> View:
        """A campaign as it is shown; brief: with the outlook of its last batch."""
        record = book.record
        outlook = self._last_outlook(record) if is_brief else self._outlook(book, record)
        with book.lock:
            book.pool.follow(record)
        return View(book.key, record, self.progress_of(book.key.id), outlook, book.pool.table)

    def _turn(
        self,
        tenant: str,
        name: str,
        request: RequestKey | None,
        happen: Callable[[CampaignRecord], Happening | None],
    ) -> View:
        book = self.shelf.find(tenant, name)

        def turn(record: CampaignRecord) -> Happening | None:
            check_open(record)
            return happen(record)

        self.shelf.change(book, request, turn)
        return self.view(book)

    def _last_outlook(self, record: CampaignRecord) -> Outlook | None:
        return record.batches[-1].recommended.outlook if record.batches else None

    def _outlook(self, book: Book, record: CampaignRecord) -> Outlook | None:
        """What is known now; of a large pool, of one that is busy or not active, what was known at the last batch."""
        last = self._last_outlook(record)
        mark = record.sequence
        if book.outlook is not None and book.outlook[0] == mark:
            return book.outlook[1]
        is_small = 0 < record.n_ready_rows <= _MOST_ROWS_FOR_OUTLOOK and bool(record.counted())
        if not is_small or record.state is not CampaignState.ACTIVE or not book.planning.acquire(blocking=False):
            return last
        try:
            book.outlook = (mark, book.planner_of(record).outlook(record))
        finally:
            book.planning.release()
        return book.outlook[1]


def check_open(record: CampaignRecord) -> None:
    """Raises FailedPreconditionError for a closed campaign."""
    if record.is_closed:
        raise FailedPreconditionError(
            "the campaign is closed: nothing is taken in any more; its record can be exported", reason="CAMPAIGN_CLOSED"
        )


def new_chunk() -> int:
    """Number of a new chunk of candidates: at random, because two processes may try to add one at the same time."""
    return randbits(_CHUNK_BITS)


def _check_takes_candidates(record: CampaignRecord) -> None:
    if record.is_file_waiting and record.pool_failure is None:
        raise FailedPreconditionError(
            "the pool's file is being read: add candidates when the campaign is ACTIVE", reason="POOL_NOT_READY"
        )


def _sorted_out(candidates: Sequence[Candidate], book: Book) -> tuple[list[Candidate], list[Told]]:
    """Candidates that are kept, and those that are not with their reasons."""
    kept: dict[str, Candidate] = {}
    refused = []
    for entry in candidates:
        if entry.fault is not None:
            refused.append(Told("", entry.id, Outcome.REFUSED, *entry.fault))
        elif entry.id in kept or book.pool.row_of(entry.id) is not None:
            text = "the pool has a candidate of that id: give each its own"
            refused.append(Told("", entry.id, Outcome.REFUSED, "DUPLICATE_ID", text))
        else:
            kept[entry.id] = entry
    return list(kept.values()), refused


def _counts(
    book: Book, record: CampaignRecord, objectives: tuple[Objective, ...], constraints: tuple[Constraint, ...]
) -> PoolCounts | None:
    book.pool.follow(record)
    if book.pool.table is None:
        return None
    measured = frozenset(entry.property for entry in objectives)
    return allowed_rows(book.pool.table, record.known_spec.rules, constraints, measured)[1]


def _check_rules(spec: CampaignSpec) -> None:
    """Raises InvalidRequestError for elements or verdicts that there are not."""
    rules = spec.rules
    for field, symbols in (
        ("allowed_elements", rules.allowed_elements),
        ("excluded_elements", rules.excluded_elements),
    ):
        unknown = [symbol for symbol in symbols if atomic_number_of(symbol) is None]
        if unknown:
            text = f"{', '.join(unknown)[:80]} is no symbol of an element"
            raise InvalidRequestError.of_field(f"spec.rules.{field}", text)
    for field, verdicts, known in (
        ("domain_verdicts", rules.domain_verdicts, _DOMAIN),
        ("review_verdicts", rules.review_verdicts, _REVIEW),
    ):
        strange = sorted(set(verdicts) - set(known))
        if strange:
            text = f"{', '.join(strange)[:80]} is no verdict; there are {', '.join(known)}"
            raise InvalidRequestError.of_field(f"spec.rules.{field}", text)


def _kind(event: Event | None, kind: type[_T]) -> _T:
    """What happened, if it is of that kind: the entry of a repeated request is."""
    if event is None or not isinstance(event.happening, kind):
        raise TypeError(f"{event} is no {kind.__name__}")
    return event.happening
