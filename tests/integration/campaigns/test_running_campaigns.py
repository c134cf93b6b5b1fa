"""Campaigns in the running product, behind the gateway: a loop, faults, and a service that is killed between."""

import json
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import grpc
import numpy as np
import pytest
from product import Product, eventually

from epitaxy.api.campaigns.v1 import campaigns_pb2 as pb
from epitaxy.api.campaigns.v1 import campaigns_pb2_grpc
from epitaxy.api.common.v1.structure_pb2 import StructureInput
from epitaxy.api.finetune.v1 import finetune_pb2, finetune_pb2_grpc
from epitaxy.campaigns.pool.cells import packed_form
from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.testing.equivalent_cells import scaled

pytestmark = pytest.mark.stack

N_CANDIDATES = 300


class Lab:
    """Calls a campaign as a robot does: what fails is sent again, with the same request id."""

    def __init__(self, target: str, name: str) -> None:
        self.stub: Any = campaigns_pb2_grpc.CampaignServiceStub(grpc.insecure_channel(target))
        self.name = name

    def call(self, method: str, request: Any, seconds: float = 60.0) -> Any:
        limit = time.monotonic() + seconds
        while True:
            try:
                return getattr(self.stub, method)(request, timeout=seconds)
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE or time.monotonic() > limit:
                    raise
                time.sleep(0.2)

    def create(self, **fields: Any) -> pb.Campaign:
        objective = pb.Objective(property="gap", unit="eV", goal=pb.GOAL_MAXIMIZE)
        spec = pb.CampaignSpec(name=self.name, objectives=[objective], batch_size=4, **fields)
        return self.call("CreateCampaign", pb.CreateCampaignRequest(request_id="create", spec=spec)).campaign

    def add(self, candidates: list[pb.Candidate]) -> None:
        request = pb.AddCandidatesRequest(name=self.name, request_id="add", candidates=candidates, is_last=True)
        assert not self.call("AddCandidates", request).outcomes

    def get(self) -> pb.Campaign:
        return self.call("GetCampaign", pb.GetCampaignRequest(name=self.name)).campaign

    def await_active(self) -> pb.Campaign:
        assert eventually(lambda: self.get().state == pb.CAMPAIGN_STATE_ACTIVE, seconds=90), self.get()
        return self.get()

    def recommend(self, request_id: str = "", n: int = 0) -> list[pb.Recommendation]:
        request = pb.RecommendRequest(name=self.name, request_id=request_id or uuid4().hex, batch_size=n)
        return list(self.call("Recommend", request).batch)

    def report(self, values: dict[str, float], request_id: str = "") -> list[int]:
        results = [
            pb.Result(ticket=ticket, values=[pb.MeasuredValue(property="gap", unit="eV", value=value)])
            for ticket, value in values.items()
        ]
        request = pb.ReportResultsRequest(name=self.name, request_id=request_id or uuid4().hex, results=results)
        return [outcome.outcome for outcome in self.call("ReportResults", request).outcomes]


def pool() -> dict[str, pb.Candidate]:
    """Bundled crystals, strained by a number, so that no two are one."""
    found = {}
    for number, crystal in enumerate(bundled_crystals()[:N_CANDIDATES]):
        structure = StructureInput.FromString(packed_form(scaled(crystal.structure, 1 + 0.0001 * number)))
        name = f"{crystal.identifier}-{number % 5}"
        found[name] = pb.Candidate(id=name, structure=structure)
    return found


def truth(recommendation: pb.Recommendation) -> float:
    """A property that the formula and the id decide."""
    letters = sum(map(ord, recommendation.formula)) % 17
    return letters / 4 + 0.1 * int(recommendation.id.rsplit("-", 1)[1])


@pytest.fixture
def lab(product: Product) -> Iterator[Lab]:
    made = Lab(product.target, f"c-{uuid4().hex[:8]}")
    yield made
    made.call("DeleteCampaign", pb.DeleteCampaignRequest(name=made.name, confirm=True))


def test_a_service_killed_at_any_moment_loses_nothing_and_three_robots_share_no_ticket(
    product: Product, lab: Lab
) -> None:
    lab.create(budget=pb.CampaignBudget(n_candidates=60))
    candidates = pool()
    lab.add(list(candidates.values()))
    product.signal_part("campaigns", signal.SIGKILL)  # while the pool is being prepared
    ready = lab.await_active()
    assert ready.pool.n_candidates == ready.pool.n_ready + ready.pool.n_refused + ready.pool.n_copies
    assert ready.pool.n_open == ready.pool.n_ready
    first = lab.recommend("first", n=12)
    before = lab.get()
    product.signal_part("campaigns", signal.SIGKILL)
    assert lab.recommend("first", n=12) == first
    assert lab.get() == before
    assert lab.report({one.ticket: truth(one) for one in first}, "report") == [pb.REPORT_OUTCOME_RECORDED] * 12
    assert lab.report({one.ticket: truth(one) for one in first}, "report") == [pb.REPORT_OUTCOME_RECORDED] * 12

    def robot(number: int) -> list[pb.Recommendation]:
        own = Lab(product.target, lab.name)
        mine = []
        for turn in range(2):
            batch = own.recommend(f"robot-{number}-{turn}")
            own.report({one.ticket: truth(one) for one in batch}, f"report-{number}-{turn}")
            mine += batch
        return mine

    with ThreadPoolExecutor(3) as threads:
        running = [threads.submit(robot, number) for number in range(3)]
        time.sleep(1.0)
        product.signal_part("campaigns", signal.SIGKILL)
        batches = [one for future in running for one in future.result()]
    tickets = [one.ticket for one in [*first, *batches]]
    assert len(set(tickets)) == len({one.id for one in [*first, *batches]}) == 36
    after = lab.get()
    # What was answered before is answered again as it was.
    assert lab.report({one.ticket: truth(one) for one in first}, "report") == [pb.REPORT_OUTCOME_RECORDED] * 12
    assert (after.n_results, after.n_pending, after.spent, after.left) == (36, 0, 36, 24)
    promoted = lab.call("PromoteCampaign", pb.PromoteCampaignRequest(name=lab.name, request_id="promote"))
    again = lab.call("PromoteCampaign", pb.PromoteCampaignRequest(name=lab.name, request_id="promote"))
    assert again == promoted
    jobs = finetune_pb2_grpc.FineTuneServiceStub(grpc.insecure_channel(product.target))
    job = jobs.CancelFineTuneJob(finetune_pb2.CancelFineTuneJobRequest(job_id=promoted.job_id), timeout=60).job
    assert (job.n_rows, job.n_labels, job.spec.unit, job.spec.model_name) == (36, 36, "eV", lab.name)
    # Results that came while a model spoke had a prediction on record before.
    assert after.outlook.n_predicted > 0
    assert any(one.predictions and one.nearest and one.blocks for one in batches)


def test_faults_end_in_their_reason_and_the_record_tells_all(lab: Lab) -> None:
    lab.create(budget=pb.CampaignBudget(n_candidates=4))
    broken = pb.Candidate(id="broken", structure=StructureInput(cif="data_x\n_cell_length_a oops\n"))
    lab.add([broken, *list(pool().values())[:40]])
    ready = lab.await_active()
    assert sum(ready.pool.refusals.values()) == ready.pool.n_refused >= 1
    batch = lab.recommend()
    assert lab.report({batch[0].ticket: np.nan, batch[1].ticket: 1.0, "tk-none": 1.0}) == [
        pb.REPORT_OUTCOME_REFUSED,
        pb.REPORT_OUTCOME_RECORDED,
        pb.REPORT_OUTCOME_REFUSED,
    ]
    with pytest.raises(grpc.RpcError, match="budget of 4 is used up"):
        lab.recommend()
    with pytest.raises(grpc.RpcError, match="no such campaign"):
        Lab.call(lab, "GetCampaign", pb.GetCampaignRequest(name="nobody-has-it"))
    events = list(lab.stub.WatchCampaign(pb.WatchCampaignRequest(name=lab.name), timeout=60)) if close(lab) else []
    assert [one.event.kind for one in events if one.HasField("event")][-2:] == ["reported", "closed"]
    pieces = list(lab.stub.ExportCampaign(pb.ExportCampaignRequest(name=lab.name), timeout=60))
    record = json.loads(b"".join(piece.chunk for piece in pieces))
    assert record["state"] == "CLOSED"
    assert [entry["id"] for entry in record["results"]] == [batch[1].id]
    assert any(entry["id"] == "broken" and entry["reason"] for entry in record["refused"])
    assert sum(len(piece.chunk) for piece in pieces) == pieces[0].total_bytes


def close(lab: Lab) -> bool:
    request = pb.CloseCampaignRequest(name=lab.name, request_id="close")
    return lab.call("CloseCampaign", request).campaign.state == pb.CAMPAIGN_STATE_CLOSED


def test_a_pool_of_alloys_under_conditions_goes_from_features_to_a_job(product: Product, lab: Lab) -> None:
    lab.create()
    shares = {
        f"Ni{100 - share}Al{share}@{celsius}": (share, celsius) for share in range(4, 44, 4) for celsius in (25, 800)
    }
    candidates = []
    for name in shares:
        formula, _, celsius = name.partition("@")
        structure = StructureInput(composition=formula)
        structure.conditions["t"].number, structure.conditions["t"].unit = float(celsius), "degC"
        candidates.append(pb.Candidate(id=name, structure=structure))
    candidates.append(pb.Candidate(id="chain", structure=StructureInput(polymer="*CC*")))
    lab.add(candidates)
    ready = lab.await_active()
    assert (ready.pool.n_ready, dict(ready.pool.refusals)) == (20, {"MIXED_KINDS": 1})
    for _ in range(3):
        batch = lab.recommend(n=4)
        assert all(one.conditions["t"].number == shares[one.id][1] for one in batch)
        lab.report({one.ticket: 10 - shares[one.id][0] / 10 - shares[one.id][1] / 400 for one in batch})
    assert any(name.startswith("condition/") for one in lab.recommend(n=1) for name in one.blocks)
    promoted = lab.call("PromoteCampaign", pb.PromoteCampaignRequest(name=lab.name, request_id="promote"))
    jobs = finetune_pb2_grpc.FineTuneServiceStub(grpc.insecure_channel(product.target))
    job = jobs.CancelFineTuneJob(finetune_pb2.CancelFineTuneJobRequest(job_id=promoted.job_id), timeout=60).job
    assert (job.n_labels, [(one.name, one.unit) for one in job.spec.conditions]) == (12, [("t", "degC")])
