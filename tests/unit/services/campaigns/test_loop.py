"""Batches: replay, repeats, leases, budgets, callers at once, and a process that dies between."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from campaign_rig import TENANT, CampaignRig, answered, candidates, measured, spec, truth

from epitaxy.campaigns.domain.record import CampaignRecord, CampaignState, TicketState
from epitaxy.campaigns.domain.spec import Budget, Goal, Objective, Start
from epitaxy.campaigns.ports import RequestKey
from epitaxy.chassis.errors import FailedPreconditionError, InvalidRequestError, NotFoundError, QuotaExceededError


def number(ticket) -> int:
    return int(ticket.id[1:])


def run_rounds(rig: CampaignRig, n_rounds: int, n: int = 12) -> None:
    """Rounds of twelve: from the second on a model chooses."""
    for _ in range(n_rounds):
        batch = rig.recommend(n=n)
        rig.report(*[answered(ticket.ticket, truth(number(ticket))) for ticket in batch.tickets])


def test_a_replay_of_the_log_makes_the_same_choices(rig: CampaignRig) -> None:
    rig.ready()
    run_rounds(rig, 3)
    book = rig.shelf.find(TENANT, "one")
    batches = [batch.recommended for batch in book.record.batches]
    assert any(ticket.predictions for batch in batches for ticket in batch.tickets)
    events = rig.log.events(book.key.id)
    other = rig.again().shelf.find(TENANT, "one")
    for batch in batches:
        record = CampaignRecord.of(event for event in events if event.sequence <= batch.based_on)
        plan = other.planner_of(book.record).plan(record, batch.n_wanted)
        assert [choice.candidate for choice in plan.choices] == [ticket.row for ticket in batch.tickets]
        assert plan.state == batch.planner


def test_the_loop_finds_the_best_candidate(rig: CampaignRig) -> None:
    rig.ready()
    run_rounds(rig, 2)
    tried = {number(held.ticket) for held in rig.record().tickets.values()}
    assert 60 in tried
    assert len(tried) == 24
    view = rig.campaigns.get(TENANT, "one")
    assert view.outlook is not None
    assert view.outlook.best[0][1] in {"c59", "c60", "c61"}


def test_every_prediction_is_in_the_log_before_its_result(rig: CampaignRig) -> None:
    rig.ready()
    run_rounds(rig, 2)
    record = rig.record()
    predicted = [held for held in record.tickets.values() if held.ticket.predictions]
    assert predicted
    for held in predicted:
        batch = record.batches[held.batch - 1]
        first = min(record.readings[place].sequence for place in record.by_row[held.ticket.row])
        assert batch.sequence < first


def test_a_repeated_request_gets_the_same_batch_and_another_content_is_refused(rig: CampaignRig) -> None:
    rig.ready()
    first = rig.recommend(request="r1")
    assert rig.recommend(request="r1") == first
    assert rig.again().recommend(request="r1") == first
    assert len(rig.record().batches) == 1
    with pytest.raises(FailedPreconditionError, match="used for another request"):
        rig.recommend(n=9, request="r1")


def test_a_process_that_dies_loses_nothing_and_gives_no_ticket_twice(rig: CampaignRig) -> None:
    rig.ready()
    run_rounds(rig, 1)
    batch = rig.recommend()
    before = rig.record()
    after = rig.again()  # nothing of the first process is told that it ends
    assert vars(after.record()) == vars(before)
    more = after.recommend()
    assert not {ticket.id for ticket in more.tickets} & {ticket.id for ticket in batch.tickets}
    # The first process sees what the second one wrote.
    assert {ticket.ticket for ticket in more.tickets} <= set(rig.record().tickets)


def test_callers_at_once_get_disjoint_batches_from_two_processes(rig: CampaignRig) -> None:
    rig.ready()
    run_rounds(rig, 1)
    rigs = [rig, rig.again(), rig.again()]
    with ThreadPoolExecutor(3) as pool:
        batches = list(pool.map(lambda one: one.recommend(), rigs))
    ids = [ticket.id for batch in batches for ticket in batch.tickets]
    assert len(ids) == len(set(ids)) == 12
    record = rigs[2].record()
    assert sorted(batch.recommended.number for batch in record.batches) == [1, 2, 3, 4]
    assert len(record.pending()) == 12


def test_reports_at_once_are_all_kept(rig: CampaignRig) -> None:
    rig.ready()
    batch = rig.recommend(n=12)
    rigs = [rig, rig.again(), rig.again()]
    parts = [batch.tickets[start::3] for start in range(3)]

    def report(one: CampaignRig, tickets) -> None:
        for ticket in tickets:
            assert one.report(answered(ticket.ticket, truth(number(ticket))))[0][0] == "RECORDED"

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(report, rigs, parts))
    record = rig.record()
    assert len(record.measured()) == 12
    assert not record.pending()


def test_a_report_does_not_wait_for_a_batch_that_is_being_chosen(rig: CampaignRig, monkeypatch) -> None:
    rig.ready()
    batch = rig.recommend()
    book = rig.shelf.find(TENANT, "one")
    planner = book.planner_of(book.record)
    plan = planner.plan

    def slow(record, n_wanted):
        chosen = plan(record, n_wanted)
        if record.sequence == batch_sequence:
            rig.report(answered(batch.tickets[0].ticket, 1.0))
        return chosen

    batch_sequence = book.record.sequence
    monkeypatch.setattr(planner, "plan", slow)
    second = rig.recommend()
    # The choice stands on what was known before: a replay needs that number.
    assert second.based_on == batch_sequence
    assert rig.record().sequence == batch_sequence + 2


def test_a_batch_that_lost_its_candidates_meanwhile_is_chosen_again(rig: CampaignRig, monkeypatch) -> None:
    rig.ready()
    book = rig.shelf.find(TENANT, "one")
    planner = book.planner_of(book.record)
    plan, lost = planner.plan, []

    def overtaken(record, n_wanted):
        chosen = plan(record, n_wanted)
        if not lost:
            lost.append(chosen.choices[0].candidate)
            rig.report(measured(f"c{lost[0]}", 1.0))
        return chosen

    monkeypatch.setattr(planner, "plan", overtaken)
    batch = rig.recommend()
    assert lost
    assert lost[0] not in {ticket.row for ticket in batch.tickets}


def test_a_lease_ends_by_the_clock_and_its_candidate_is_open_again(rig: CampaignRig) -> None:
    rig.ready(lease_seconds=60.0, start=Start.HEAD)
    first = rig.recommend()
    rig.clock.pass_seconds(59)
    assert rig.campaigns.get(TENANT, "one").record.pending()
    rig.clock.pass_seconds(2)
    view = rig.campaigns.get(TENANT, "one")
    assert not view.record.pending()
    assert view.n_open == 100
    assert {held.state for held in view.record.tickets.values()} == {TicketState.EXPIRED}
    assert {event.happening.kind for event in rig.log.events(view.key.id)} >= {"released"}
    assert rig.report(answered(first.tickets[0].ticket, 3.0)) == [("RECORDED_LATE", "")]
    assert len(rig.record().measured()) == 1


def test_a_budget_by_number_cuts_the_batch_and_then_refuses(rig: CampaignRig) -> None:
    rig.ready(budget=Budget(6.0))
    rig.report(measured("c5", 1.0))  # known before the first batch: costs nothing
    assert len(rig.recommend().tickets) == 4
    second = rig.recommend()
    assert len(second.tickets) == 2
    assert "budget leaves 2" in second.notes[0]
    with pytest.raises(FailedPreconditionError, match="budget of 6 is used up") as refused:
        rig.recommend()
    assert refused.value.reason == "BUDGET_EXHAUSTED"
    rig.campaigns.release(TENANT, "one", [second.tickets[0].ticket], None)
    assert len(rig.recommend().tickets) == 1


def test_a_budget_by_cost_takes_what_it_can_pay_for(rig: CampaignRig) -> None:
    rig.campaigns.create(TENANT, spec(budget=Budget(10.0, is_cost=True)), None, None)
    dear, cheap = candidates(range(10), cost=8.0), candidates(range(10, 20), cost=3.0)
    rig.campaigns.add_candidates(TENANT, "one", [*dear, *cheap], None, is_last=True)
    rig.prepare()
    costs = [ticket.cost for ticket in rig.recommend(n=1).tickets]
    while rig.record().left() >= 3:
        costs += [ticket.cost for ticket in rig.recommend(n=1).tickets]
    assert 7 < sum(costs) <= 10
    assert rig.record().spent() == sum(costs)
    with pytest.raises(FailedPreconditionError, match="which is what the budget leaves") as refused:
        rig.recommend()
    assert refused.value.reason == "NO_CANDIDATE_LEFT"


def test_states_refuse_a_batch_with_their_reason(rig: CampaignRig) -> None:
    rig.campaigns.create(TENANT, spec(), None, None)
    with pytest.raises(FailedPreconditionError, match="still being added") as refused:
        rig.recommend()
    assert refused.value.reason == "POOL_NOT_READY"
    rig.campaigns.add_candidates(TENANT, "one", candidates(range(6)), None, is_last=True)
    with pytest.raises(FailedPreconditionError, match="being prepared"):
        rig.recommend()
    rig.prepare()
    rig.campaigns.pause(TENANT, "one", None)
    with pytest.raises(FailedPreconditionError, match="resume it") as refused:
        rig.recommend()
    assert refused.value.reason == "CAMPAIGN_PAUSED"
    assert rig.report(measured("c1", 1.0)) == [("RECORDED", "")]
    rig.campaigns.resume(TENANT, "one", None)
    assert len(rig.recommend(n=50).tickets) == 5
    with pytest.raises(FailedPreconditionError, match="measured, pending or excluded") as refused:
        rig.recommend()
    assert refused.value.reason == "NO_CANDIDATE_LEFT"
    assert rig.campaigns.close(TENANT, "one", None).record.state is CampaignState.CLOSED
    assert not rig.record().pending()
    for act in (rig.recommend, lambda: rig.report(measured("c1", 1.0))):
        with pytest.raises(FailedPreconditionError, match="closed") as refused:
            act()
        assert refused.value.reason == "CAMPAIGN_CLOSED"


def test_tenants_see_their_own_campaigns_alone(rig: CampaignRig) -> None:
    rig.ready(range(6))
    with pytest.raises(NotFoundError, match="no such campaign") as foreign:
        rig.campaigns.get("globex", "one")
    with pytest.raises(NotFoundError, match="no such campaign") as absent:
        rig.campaigns.get("globex", "two")
    assert foreign.value.message == absent.value.message
    assert rig.campaigns.page("globex", 10, None) == []
    assert [view.key.name for view, _ in rig.campaigns.page(TENANT, 10, None)] == ["one"]


def test_names_are_unique_creation_is_repeatable_and_quotas_hold(rig: CampaignRig) -> None:
    rig.quota = rig.quota.model_copy(update={"max_campaigns": 2, "max_candidates": 5})
    key = RequestKey("r", "d")
    first = rig.campaigns.create(TENANT, spec(), None, key)
    assert rig.campaigns.create(TENANT, spec(), None, key).key == first.key
    with pytest.raises(FailedPreconditionError, match="already"):
        rig.campaigns.create(TENANT, spec(), None, None)
    rig.campaigns.create("globex", spec(), None, None)
    rig.campaigns.create(TENANT, spec("two"), None, None)
    with pytest.raises(QuotaExceededError, match="close or delete"):
        rig.campaigns.create(TENANT, spec("three"), None, None)
    with pytest.raises(QuotaExceededError, match="quota is 5"):
        rig.campaigns.add_candidates(TENANT, "one", candidates(range(6)), None, is_last=True)
    with pytest.raises(InvalidRequestError, match="must be true"):
        rig.campaigns.delete(TENANT, "two", confirm=False)
    rig.campaigns.delete(TENANT, "two", confirm=True)
    rig.campaigns.create(TENANT, spec("two"), None, None)


def test_objectives_change_midway_and_the_log_says_when(rig: CampaignRig) -> None:
    rig.ready()
    run_rounds(rig, 1)
    lowest = (Objective("gap", "eV", Goal.MINIMIZE),)
    view = rig.campaigns.change_objectives(TENANT, "one", lowest, (), None)
    assert view.record.objectives == lowest
    assert "objectives_changed" in rig.observer.kinds
    run_rounds(rig, 1, n=4)
    late = [number(held.ticket) for held in rig.record().tickets.values() if held.batch > 1]
    assert min(truth(one) for one in late) < 0
    with pytest.raises(InvalidRequestError, match="kept in eV already"):
        rig.campaigns.change_objectives(TENANT, "one", (Objective("gap", "meV", Goal.MINIMIZE),), (), None)


def test_excluded_candidates_are_not_chosen_until_they_are_put_back(rig: CampaignRig) -> None:
    rig.ready(range(8))
    ids = [f"c{at}" for at in range(6)]
    excluded, view = rig.campaigns.exclude(TENANT, "one", [*ids, "nobody"], "toxic", None, is_undone=False)
    assert excluded.unknown_ids == ("nobody",)
    assert view.n_open == 2
    assert {ticket.id for ticket in rig.recommend(n=8).tickets} == {"c6", "c7"}
    _, view = rig.campaigns.exclude(TENANT, "one", ["c0"], "", None, is_undone=True)
    assert view.n_open == 1
