"""Requests out of protobuf: defaults, and what is refused before anything is done."""

import math

import numpy as np
import pytest
from campaign_rig import crystal

from epitaxy.api.campaigns.v1 import campaigns_pb2 as pb
from epitaxy.api.common.v1.structure_pb2 import KnownColumn, StructureInput
from epitaxy.campaigns import messages
from epitaxy.campaigns.domain.events import ResultStatus
from epitaxy.campaigns.domain.spec import DEFAULT_LEASE_SECONDS, Acquisition, Budget, Goal, Start
from epitaxy.campaigns.pool.cells import packed_form
from epitaxy.chassis.errors import InvalidRequestError

GAP = pb.Objective(property="band_gap_hse_eV", unit="eV", goal=pb.GOAL_MATCH, target=1.4)


def test_a_bare_specification_has_the_documented_defaults() -> None:
    spec = messages.spec_of(pb.CampaignSpec(name="one", objectives=[GAP]))
    assert (spec.batch_size, spec.start, spec.acquisition) == (5, Start.AUTO, Acquisition.AUTO)
    assert (spec.lease_seconds, spec.budget, spec.margin) == (DEFAULT_LEASE_SECONDS, None, None)
    assert (spec.objectives[0].goal, spec.objectives[0].target) == (Goal.MATCH, 1.4)
    cost = messages.spec_of(
        pb.CampaignSpec(name="one", objectives=[GAP], budget=pb.CampaignBudget(cost=2.5), margin=0.1)
    )
    assert (cost.budget, cost.margin) == (Budget(2.5, is_cost=True), 0.1)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "No Name"}, "lower-case"),
        ({"objectives": []}, "0 objectives; one to 3"),
        ({"objectives": [GAP, GAP]}, "name a property twice"),
        ({"objectives": [pb.Objective(property="gap", unit="eV")]}, "must be one of MAXIMIZE, MINIMIZE, MATCH, BAND"),
        ({"objectives": [pb.Objective(property="gap", goal=pb.GOAL_MAXIMIZE)]}, "needs a unit"),
        ({"objectives": [pb.Objective(property="gap", unit="eV", goal=pb.GOAL_BAND, low=2, high=1)]}, "holds nothing"),
        ({"objectives": [pb.Objective(property="gap", unit="eV", goal=pb.GOAL_MATCH, target=math.nan)]}, "not finite"),
        ({"objectives": [pb.Objective(property="gap", unit="eV", goal=99)]}, "must be one of"),
        ({"constraints": [pb.Constraint(property="hull", limit=math.inf)]}, "not finite"),
        ({"batch_size": 1001}, "between 1 and 1000"),
        ({"budget": pb.CampaignBudget(n_candidates=0)}, "more than 0"),
        ({"budget": pb.CampaignBudget(cost=-1)}, "more than 0"),
        ({"margin": -1.0}, "more than 0"),
    ],
)
def test_a_wrong_specification_is_refused_with_its_field(fields: dict, message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        messages.spec_of(pb.CampaignSpec(**({"name": "one", "objectives": [GAP]} | fields)))


def test_candidates_of_every_form_keep_what_is_known_of_them() -> None:
    packed = StructureInput.FromString(packed_form(crystal(1)))
    packed.packed.known_values.append(KnownColumn(name="price", values=np.array([4.0]).tobytes()))
    one = messages.candidate_of(pb.Candidate(id="a", structure=packed, cost=0))
    assert (one.fault, one.cost, dict(one.known)) == (None, 1.0, {"price": 4.0})
    text = StructureInput(cif="data_x", known_values={"price": 2.0, "other": math.nan})
    assert dict(messages.candidate_of(pb.Candidate(id="b", structure=text)).known) == {"price": 2.0}
    faults = [
        pb.Candidate(id="", structure=packed),
        pb.Candidate(id="a"),
        pb.Candidate(id="a", structure=packed, cost=-1),
        pb.Candidate(id="a", structure=StructureInput(cif="x", known_values={"p": math.inf})),
    ]
    reasons = [fault[0] for entry in faults if (fault := messages.candidate_of(entry).fault)]
    assert reasons == ["INVALID_ID", "EMPTY_STRUCTURE", "INVALID_COST", "INVALID_KNOWN_VALUE"]


def test_a_sample_with_a_broken_structure_has_a_fault_of_its_own() -> None:
    sample = messages.sample_of(pb.Result(id="a", structure=StructureInput(cif="data_x")))
    assert sample.given.status is ResultStatus.MEASURED
    assert sample.given.fault is not None
    assert sample.candidate is not None
    assert messages.sample_of(pb.Result(id="a")).candidate is None
    with pytest.raises(InvalidRequestError, match="either retract"):
        messages.correction_of(pb.Correction(id="a"))


def test_request_ids_tell_methods_and_contents_apart() -> None:
    pause, again = pb.PauseCampaignRequest(name="a", request_id="r"), pb.PauseCampaignRequest(name="a", request_id="r")
    resume = pb.ResumeCampaignRequest(name="a", request_id="r")
    assert messages.request_key(pause) == messages.request_key(again) != messages.request_key(resume)
    assert messages.request_key(pb.PauseCampaignRequest(name="a")) is None
    with pytest.raises(InvalidRequestError, match="at most 128"):
        messages.request_key(pb.PauseCampaignRequest(request_id="r" * 129))
