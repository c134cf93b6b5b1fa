"""What becomes of results: each kind of report ends in a clear outcome."""

import math

import pytest
from campaign_rig import TENANT, CampaignRig, answered, candidates, crystal, measured, spec

from epitaxy.campaigns.domain.candidates import Candidate
from epitaxy.campaigns.domain.events import ResultStatus
from epitaxy.campaigns.domain.record import TicketState
from epitaxy.campaigns.domain.reporting import GivenResult, GivenValue
from epitaxy.campaigns.domain.spec import Constraint, Goal, Objective, Start
from epitaxy.campaigns.pool.cells import packed_form
from epitaxy.campaigns.reporting import Correction, Sample
from epitaxy.chassis.errors import FailedPreconditionError, InvalidRequestError

RECORDED, REPEATED, LATE = ("RECORDED", ""), ("REPEATED", ""), ("RECORDED_LATE", "")


@pytest.fixture
def batch(rig: CampaignRig):
    rig.ready(range(12), start=Start.RANDOM)
    return rig.recommend().tickets


def failed(ticket: str, **fields) -> Sample:
    return Sample(GivenResult(ticket=ticket, status=ResultStatus.FAILED, **fields))


def abandoned(ticket: str) -> Sample:
    return Sample(GivenResult(ticket=ticket, status=ResultStatus.ABANDONED))


def refused(reason: str) -> tuple[str, str]:
    return "REFUSED", reason


def state(rig: CampaignRig, ticket) -> TicketState:
    return rig.record().tickets[ticket.ticket].state


def test_a_result_is_kept_once_and_a_contradiction_is_refused(rig: CampaignRig, batch) -> None:
    one, two, three, _ = batch
    assert rig.report(answered(one.ticket, 1.0), answered(one.ticket, 1.0)) == [RECORDED, REPEATED]
    assert rig.report(answered(one.ticket, 2.0)) == [refused("RESULT_CONFLICT")]
    assert rig.report(failed(one.ticket)) == [refused("RESULT_CONFLICT")]
    assert rig.report(abandoned(one.ticket)) == [refused("RESULT_CONFLICT")]
    assert rig.report(answered(one.ticket, 2.0, measurement_id="again")) == [RECORDED]
    assert rig.report(measured(one.id, 1.0), measured(one.id, 3.0)) == [REPEATED, refused("RESULT_CONFLICT")]
    assert rig.report(measured(two.id, 4.0)) == [RECORDED]  # by id: it answers the pending ticket
    assert state(rig, two) is TicketState.MEASURED
    assert rig.report(failed(three.ticket), failed(three.ticket)) == [RECORDED, REPEATED]
    assert rig.report(answered(three.ticket, 1.0)) == [refused("RESULT_CONFLICT")]
    record = rig.record()
    assert len(record.measured()) == 3
    assert record.failed_rows() == [three.row]
    assert len(record.pending()) == 1


def test_abandoned_released_and_expired_tickets_take_a_late_result(rig: CampaignRig, batch) -> None:
    one, two, three, four = batch
    assert rig.report(abandoned(one.ticket), abandoned(one.ticket)) == [RECORDED, REPEATED]
    released = rig.campaigns.release(TENANT, "one", [two.ticket, "tk-none"], None)
    assert (released.tickets, released.ignored) == ((two.ticket,), ("tk-none",))
    rig.clock.pass_seconds(15 * 24 * 3600)
    late = [answered(ticket.ticket, float(at)) for at, ticket in enumerate((one, two, three))]
    assert rig.report(*late) == [LATE, LATE, LATE]
    assert state(rig, four) is TicketState.EXPIRED
    assert rig.campaigns.get(TENANT, "one").n_open == 9
    assert rig.campaigns.release(TENANT, "one", [], None).tickets == ()


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (GivenResult(ticket="tk-none"), "UNKNOWN_TICKET"),
        (GivenResult(), "UNKNOWN_CANDIDATE"),
        (GivenResult(id="nobody", values=(GivenValue("gap", "eV", 1.0),)), "UNKNOWN_CANDIDATE"),
        (GivenResult(id="c1", values=(GivenValue("gap", "meV", 1.0),)), "WRONG_UNIT"),
        (GivenResult(id="c1", values=(GivenValue("gap", "", 1.0),)), "WRONG_UNIT"),
        (GivenResult(id="c1", values=(GivenValue("gap", "eV", math.nan),)), "NOT_FINITE"),
        (GivenResult(id="c1", values=(GivenValue("gap", "eV", math.inf),)), "NOT_FINITE"),
        (GivenResult(id="c1", values=(GivenValue("gap", "eV", 1.0, -1.0),)), "INVALID_STD"),
        (GivenResult(id="c1", values=(GivenValue("hardness", "GPa", 1.0),)), "UNKNOWN_PROPERTY"),
        (GivenResult(id="c1", values=(GivenValue("gap", "eV", 1.0), GivenValue("gap", "eV", 2.0))), "RESULT_CONFLICT"),
        (GivenResult(id="c1"), "NO_VALUES"),
        (
            GivenResult(id="c1", status=ResultStatus.FAILED, values=(GivenValue("gap", "eV", 1.0),)),
            "UNEXPECTED_VALUES",
        ),
        (GivenResult(id="c11", status=ResultStatus.ABANDONED), "UNKNOWN_TICKET"),
    ],
)
def test_a_wrong_result_is_refused_alone_with_its_reason(rig: CampaignRig, given: GivenResult, reason: str) -> None:
    rig.ready(range(12))
    assert rig.report(Sample(given), measured("c2", 1.0)) == [refused(reason), RECORDED]
    assert [held.reading.id for held in rig.record().measured()] == ["c2"]


def test_a_ticket_with_another_candidates_id_is_refused(rig: CampaignRig, batch) -> None:
    wrong = Sample(GivenResult(ticket=batch[0].ticket, id=batch[1].id, values=(GivenValue("gap", "eV", 1.0),)))
    assert rig.report(wrong) == [refused("TICKET_MISMATCH")]


def test_a_repeated_report_counts_once_and_another_content_is_refused(rig: CampaignRig, batch) -> None:
    first = rig.report(answered(batch[0].ticket, 1.0), request="r1")
    assert rig.again().report(answered(batch[0].ticket, 1.0), request="r1") == first
    with pytest.raises(FailedPreconditionError, match="used for another request"):
        rig.report(answered(batch[1].ticket, 1.0), request="r1", digest="other")
    with pytest.raises(InvalidRequestError, match="at most 1000"):
        rig.report(*[measured("c1", 1.0)] * 1001)


def test_objectives_may_be_measured_one_after_the_other(rig: CampaignRig) -> None:
    two = (Objective("gap", "eV", Goal.MAXIMIZE), Objective("cost_of_use", "1", Goal.MINIMIZE))
    rig.ready(range(12), objectives=two, constraints=(Constraint("hull", True, 0.1),))
    ticket = rig.recommend().tickets[0]
    assert rig.report(answered(ticket.ticket, 1.0)) == [RECORDED]
    both = (GivenValue("gap", "eV", 1.0), GivenValue("cost_of_use", "1", 2.0), GivenValue("hull", "eV/atom", 0.05))
    assert rig.report(Sample(GivenResult(ticket=ticket.ticket, values=both))) == [RECORDED]
    assert rig.record().label_counts() == {"gap": 1, "cost_of_use": 1, "hull": 1}
    # A limit has no unit: the first result gives it one.
    other = Sample(GivenResult(id="c11", values=(GivenValue("hull", "meV/atom", 50.0),)))
    assert rig.report(other) == [refused("WRONG_UNIT")]


def test_labels_are_taken_in_before_the_pool_is_ready(rig: CampaignRig) -> None:
    rig.campaigns.create(TENANT, spec(), None, None)
    rig.campaigns.add_candidates(TENANT, "one", candidates(range(6)), None, is_last=False)
    outside = Candidate("mine", packed_form(crystal(300)))
    known = Sample(GivenResult(id="mine", values=(GivenValue("gap", "eV", 9.0),)), outside)
    assert rig.report(measured("c3", 1.0), known, measured("c9", 1.0)) == [
        RECORDED,
        RECORDED,
        refused("UNKNOWN_CANDIDATE"),
    ]
    rig.campaigns.add_candidates(TENANT, "one", candidates(range(6, 12)), None, is_last=True)
    rig.prepare()
    assert rig.report(measured("c9", 1.0), measured("mine", 9.0)) == [RECORDED, REPEATED]
    view = rig.campaigns.get(TENANT, "one")
    assert view.record.pool is not None
    assert (view.record.pool.n_ready, view.n_open) == (12, 10)
    ids = {ticket.id for ticket in rig.recommend(n=12).tickets}
    assert ids == {f"c{at}" for at in range(12)} - {"c3", "c9"}
    again = rig.again()
    assert again.record().n_outside == 1
    assert again.report(measured("mine", 9.0)) == [REPEATED]


def test_a_sample_from_outside_informs_the_choice_and_a_broken_one_is_refused(rig: CampaignRig) -> None:
    rig.ready(range(12))
    sample = Candidate("mine", packed_form(crystal(400)))
    given = GivenResult(id="mine", values=(GivenValue("gap", "eV", 9.0),))
    broken = GivenResult(
        id="bad", values=(GivenValue("gap", "eV", 9.0),), fault=("UNREADABLE", "the text is not a structure")
    )
    wrong = GivenResult(id="bad", values=(GivenValue("gap", "K", 9.0),))
    assert rig.report(
        Sample(given, sample),
        Sample(given, sample),
        Sample(broken, Candidate("bad", b"", fault=broken.fault)),
        Sample(wrong, Candidate("bad", packed_form(crystal(401)))),
    ) == [RECORDED, REPEATED, refused("UNREADABLE"), refused("WRONG_UNIT")]
    rig.prepare()
    record = rig.record()
    book = rig.shelf.find(TENANT, "one")
    known = book.planner_of(record)._knowledge(record)
    assert known.candidates.tolist() == [12]
    assert not known.allowed[12]


def test_corrections_keep_both_and_reopen_what_is_left_without_a_result(rig: CampaignRig, batch) -> None:
    one, two, three, _ = batch
    rig.report(answered(one.ticket, 1.0), answered(two.ticket, 2.0), failed(three.ticket))
    right = GivenResult(values=(GivenValue("gap", "eV", 1.5),))
    wrong = GivenResult(values=(GivenValue("gap", "K", 1.5),))
    corrected, _ = rig.reporting.correct(
        TENANT,
        "one",
        [
            Correction(one.ticket, "", "", "typo", right),
            Correction("", two.id, "", "broken sample"),
            Correction(three.ticket, "", "", "unit", wrong),
            Correction("tk-none", "", "", ""),
        ],
        None,
    )
    assert [(told.outcome.value, told.reason) for told in corrected.told] == [
        RECORDED,
        RECORDED,
        refused("WRONG_UNIT"),
        refused("NOTHING_TO_CORRECT"),
    ]
    record = rig.again().record()
    assert [held.reading.values["gap"].value for held in record.measured()] == [1.5]
    assert len(record.readings) == 4
    assert [held.correction for held in record.readings if held.is_retracted] == ["typo", "broken sample"]
    assert state(rig, one) is TicketState.MEASURED
    assert state(rig, two) is TicketState.RELEASED
    assert rig.campaigns.get(TENANT, "one").n_open == 9
    assert rig.report(answered(two.ticket, 7.0)) == [LATE]
