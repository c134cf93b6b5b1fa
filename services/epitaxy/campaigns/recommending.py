"""The use case of a recommendation: choose on a snapshot, then add the batch if it still holds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from secrets import token_hex
from time import perf_counter

from epitaxy.campaigns.books import Book, Shelf, batch_of
from epitaxy.campaigns.domain.events import Recommended, Ticket
from epitaxy.campaigns.domain.record import CampaignRecord, CampaignState
from epitaxy.campaigns.domain.spec import MAX_BATCH
from epitaxy.campaigns.planning.planner import CampaignPlanner, Plan
from epitaxy.campaigns.ports import RequestKey
from epitaxy.chassis.errors import FailedPreconditionError, InvalidRequestError, UnavailableError
from epitaxy_models.campaigns import Choice

_ATTEMPTS = 5
_NOT_NOW = {
    CampaignState.COLLECTING: ("POOL_NOT_READY", "candidates are still being added: send the last of them"),
    CampaignState.PREPARING: ("POOL_NOT_READY", "the pool is being prepared: wait until the campaign is ACTIVE"),
    CampaignState.PAUSED: ("CAMPAIGN_PAUSED", "the campaign is paused: resume it"),
    CampaignState.CLOSED: ("CAMPAIGN_CLOSED", "the campaign is closed: nothing is recommended any more"),
}


def check_can_recommend(record: CampaignRecord) -> None:
    """Raises FailedPreconditionError with the reason why there is no batch now."""
    state = record.state
    if state is CampaignState.FAILED:
        reason, message = failure_of(record) or ("CAMPAIGN_FAILED", "the campaign has failed")
        raise FailedPreconditionError(message, reason=reason)
    if state in _NOT_NOW:
        reason, message = _NOT_NOW[state]
        raise FailedPreconditionError(message, reason=reason)
    left = record.left()
    if left is not None and left <= 0:
        limit = record.known_spec.budget.limit if record.known_spec.budget else 0
        text = f"the budget of {limit:g} is used up: {record.spent():g} are spent on results and pending tickets"
        raise FailedPreconditionError(text, reason="BUDGET_EXHAUSTED")


def failure_of(record: CampaignRecord) -> tuple[str, str] | None:
    """Reason and message of a campaign that cannot go on."""
    if record.pool_failure is not None:
        return record.pool_failure.reason, record.pool_failure.message
    if record.state is not CampaignState.FAILED or record.pool is None:
        return None
    n_ready, counts = record.pool.n_ready, record.pool_counts
    rules = ", ".join(f"{name} leaves out {number}" for name, number in counts.left_out.items() if number)
    return "NO_CANDIDATE_ALLOWED", f"none of {n_ready} usable candidates meets all rules: {rules or 'none is usable'}"


@dataclass(slots=True)
class Recommending:
    """Batches of campaigns. Every method blocks, and is safe for threads.

    Attributes:
        observe_round: Is told the seconds of each round.
    """

    shelf: Shelf
    observe_round: Callable[[float], None] = field(default=lambda seconds: None)

    def recommend(
        self, book: Book, n_asked: int, worker: str, request: RequestKey | None
    ) -> tuple[Recommended, CampaignRecord]:
        """The next batch, or the one that an equal request got.

        Raises FailedPreconditionError if there is none now, InvalidRequestError for a batch that is too large.
        """
        if n_asked > MAX_BATCH:
            raise InvalidRequestError.of_field("batch_size", f"is {n_asked}, at most {MAX_BATCH} are allowed")
        known = self.shelf.repeated(book, request)
        if known is not None:
            return batch_of(known), book.record
        with book.planning:
            began = perf_counter()
            found = self._plan_and_add(book, n_asked, worker, request, began)
            self.observe_round(perf_counter() - began)
            return found

    def _plan_and_add(
        self, book: Book, n_asked: int, worker: str, request: RequestKey | None, began: float
    ) -> tuple[Recommended, CampaignRecord]:
        for _ in range(_ATTEMPTS):
            # Notices leases that have ended, so that the choice is made on the log alone.
            known = self.shelf.change(book, request, lambda _: None)
            if known is not None:
                return batch_of(known), book.record
            record = book.record
            check_can_recommend(record)
            wanted = n_asked or record.known_spec.batch_size
            n_wanted = min(wanted, _affordable(record))
            planner = book.planner_of(record)
            plan = planner.plan(record, n_wanted)
            draft = _draft(record, planner, plan, n_wanted, wanted, worker)
            event = self.shelf.change(book, request, partial(self._checked, draft, record, began))
            if event is not None:
                return batch_of(event), book.record
        raise UnavailableError("the campaign changes faster than batches are chosen: send it again")

    def _checked(
        self, draft: Recommended, planned_on: CampaignRecord, began: float, now: CampaignRecord
    ) -> Recommended | None:
        """The batch with tickets; None if what came meanwhile makes another choice necessary."""
        check_can_recommend(now)
        if now.sequence != planned_on.sequence:
            rows = {ticket.row for ticket in draft.tickets}
            busy = {held.ticket.row for held in now.pending()} | now.settled_rows() | now.excluded
            left = now.left()
            is_dear = left is not None and sum(_price(now, ticket) for ticket in draft.tickets) > left
            is_other = (now.objectives, now.constraints) != (planned_on.objectives, planned_on.constraints)
            if len(now.batches) != len(planned_on.batches) or rows & busy or is_dear or is_other:
                return None
        expires_at = self.shelf.clock() + timedelta(seconds=now.known_spec.lease_seconds)
        # 128 random bits: nobody guesses another's ticket, and the same choice made twice has two names.
        tickets = tuple(
            replace(ticket, ticket=f"tk-{token_hex(16)}", expires_at=expires_at) for ticket in draft.tickets
        )
        seconds = round(perf_counter() - began, 3)
        return replace(draft, tickets=tickets, number=len(now.batches) + 1, seconds=seconds)


def _affordable(record: CampaignRecord) -> int:
    """Candidates that a budget by number leaves; a budget by cost is kept when costs are known."""
    left, budget = record.left(), record.known_spec.budget
    if left is None or budget is None or budget.is_cost:
        return MAX_BATCH
    return int(left)


def _price(record: CampaignRecord, ticket: Ticket) -> float:
    budget = record.known_spec.budget
    return ticket.cost if budget is not None and budget.is_cost else 1.0


def _draft(
    record: CampaignRecord, planner: CampaignPlanner, plan: Plan, n_wanted: int, n_asked: int, worker: str
) -> Recommended:
    """The batch without names. Raises FailedPreconditionError if it is empty."""
    tickets = _paid(record, [_ticket(record, planner, choice) for choice in plan.choices])
    if not tickets:
        raise FailedPreconditionError(_nothing_left(record, planner), reason="NO_CANDIDATE_LEFT")
    notes = []
    if len(tickets) < n_asked:
        is_cut = n_wanted < n_asked or len(tickets) < len(plan.choices)
        why = f"the budget leaves {record.left():g}" if is_cut else "no other candidate is open"
        notes.append(f"{len(tickets)} candidates instead of {n_asked}: {why}")
    notes += [
        f"{name}: {speaker} speaks, not the transferred model"
        for name, speaker in plan.outlook.speaking.items()
        if speaker != "transferred"
    ]
    return Recommended(
        number=0,
        tickets=tickets,
        n_wanted=n_wanted,
        based_on=record.sequence,
        n_rows=planner.table.n_rows,
        notes=tuple(notes),
        worker=worker,
        outlook=plan.outlook,
        planner=plan.state,
    )


def _paid(record: CampaignRecord, tickets: Sequence[Ticket]) -> tuple[Ticket, ...]:
    """The tickets that the budget pays for, the best first; a dear one leaves room for cheaper ones after it."""
    left, paid = record.left(), []
    if left is None:
        return tuple(tickets)
    for ticket in tickets:
        price = _price(record, ticket)
        if price <= left:
            paid.append(ticket)
            left -= price
    return tuple(paid)


def _ticket(record: CampaignRecord, planner: CampaignPlanner, choice: Choice) -> Ticket:
    facts = planner.table.row(choice.candidate)
    return Ticket(
        ticket="",
        row=choice.candidate,
        id=facts.id,
        expires_at=record.updated_at,
        cost=facts.cost,
        formula=facts.formula,
        score=choice.score,
        reason=choice.reason,
        exploitation=choice.exploitation,
        success=choice.success,
        domain_verdict=facts.domain_verdict,
        domain_score=facts.domain_score,
        is_replicate=choice.candidate in record.settled_rows(),
        predictions=planner.predicted(record, choice),
        nearest=planner.neighbours(record, choice),
        blocks=dict(choice.blocks),
        record=tuple(prediction.as_json() for prediction in choice.predictions),
        conditions=dict(facts.conditions),
    )


def _nothing_left(record: CampaignRecord, planner: CampaignPlanner) -> str:
    n_open = record.pool_counts.n_allowed
    budget = record.known_spec.budget
    if budget is not None and budget.is_cost:
        return f"no open candidate costs {record.left():g} or less, which is what the budget leaves: close the campaign"
    return (
        f"all {n_open} candidates that the rules allow are measured, pending or excluded: add candidates, or close "
        "the campaign"
    )
