"""A small campaign service over grpc.aio that keeps what it is told: first come, first recommended, with a budget.

Ids of candidates steer it: ``bad*`` is refused. A pool needs two questions to become ready. The rules of the real
service are tested with it; this one shows what goes over the wire.
"""

import asyncio
import json
import math
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import small_server

from epitaxy.api.campaigns.v1 import campaigns_pb2 as pb
from epitaxy.api.campaigns.v1 import campaigns_pb2_grpc
from epitaxy.api.common.v1 import structure_pb2
from epitaxy.chassis.errors import FailedPreconditionError, NotFoundError, UnavailableError
from epitaxy.chassis.interceptors import ErrorScope, RequestContextScope

PAGE = b"<!doctype html><title>report</title>"


@dataclass
class Seen:
    """What was asked, and what is to go wrong."""

    requests: list[Any] = field(default_factory=list)
    drops_left: int = 0
    """Calls that are done, and their answers lost."""

    def of(self, kind: type) -> list[Any]:
        return [request for request in self.requests if isinstance(request, kind)]


@dataclass
class Kept:
    """One campaign."""

    campaign: pb.Campaign
    candidates: list[pb.Candidate] = field(default_factory=list)
    tickets: dict[str, str] = field(default_factory=dict)
    results: dict[str, pb.Result] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    questions_left: int = 2


class SmallCampaigns(campaigns_pb2_grpc.CampaignServiceServicer):
    def __init__(self, seen: Seen) -> None:
        self._seen, self._kept = seen, dict[str, Kept]()

    async def CreateCampaign(self, request: Any, context: Any) -> Any:
        self._note(request)
        known = self._kept.get(request.spec.name)
        if known is not None and request.request_id not in known.answers:
            raise FailedPreconditionError(f"a campaign {request.spec.name} exists", reason="CAMPAIGN_EXISTS")
        if known is None:
            campaign = pb.Campaign(spec=request.spec, state=pb.CAMPAIGN_STATE_COLLECTING)
            known = self._kept[request.spec.name] = Kept(campaign, answers={request.request_id: None})
        return self._answer(pb.CreateCampaignResponse(campaign=known.campaign))

    async def AddCandidates(self, request: Any, context: Any) -> Any:
        self._note(request)
        kept = self._of(request.name)
        outcomes = []
        if request.request_id not in kept.answers:
            kept.answers[request.request_id] = None
            for candidate in request.candidates:
                if candidate.id.startswith("bad"):
                    error = structure_pb2.ItemError(reason="PARTIAL_OCCUPANCY", message="order the sites")
                    outcomes.append(pb.CandidateOutcome(id=candidate.id, error=error))
                else:
                    kept.candidates.append(candidate)
            if request.is_last:
                kept.campaign.state = pb.CAMPAIGN_STATE_PREPARING
            kept.campaign.pool.n_candidates = len(kept.candidates)
        return self._answer(pb.AddCandidatesResponse(outcomes=outcomes, n_candidates=len(kept.candidates)))

    async def GetCampaign(self, request: Any, context: Any) -> Any:
        kept = self._of(request.name)
        self._prepare(kept)
        return pb.GetCampaignResponse(campaign=kept.campaign)

    async def ListCampaigns(self, request: Any, context: Any) -> Any:
        kept = list(reversed(self._kept.values()))
        start = int(request.page_token or 0)
        token = str(start + 1) if start + 1 < len(kept) else ""
        return pb.ListCampaignsResponse(campaigns=[kept[start].campaign] if kept else [], next_page_token=token)

    async def Recommend(self, request: Any, context: Any) -> Any:
        self._note(request)
        kept = self._of(request.name)
        if kept.campaign.state == pb.CAMPAIGN_STATE_PAUSED:
            raise FailedPreconditionError("the campaign is paused: resume it", reason="CAMPAIGN_PAUSED")
        if request.request_id not in kept.answers:
            kept.answers[request.request_id] = self._batch(kept, request.batch_size)
        return self._answer(kept.answers[request.request_id])

    async def ReportResults(self, request: Any, context: Any) -> Any:
        self._note(request)
        kept = self._of(request.name)
        outcomes = [self._take(kept, result) for result in request.results]
        kept.campaign.n_results = len(kept.results)
        measured = {name: result.values[0].value for name, result in kept.results.items() if result.values}
        if measured:
            name = max(measured, key=measured.__getitem__)
            values = {kept.campaign.spec.objectives[0].property: measured[name]}
            del kept.campaign.best[:]
            kept.campaign.best.add(id=name, formula="NaCl", values=values, measured=values)
        return self._answer(pb.ReportResultsResponse(outcomes=outcomes, campaign=kept.campaign))

    async def CorrectResults(self, request: Any, context: Any) -> Any:
        self._note(request)
        kept = self._of(request.name)
        outcomes = [
            pb.ResultOutcome(id=one.id, ticket=one.ticket, outcome=pb.REPORT_OUTCOME_RECORDED)
            for one in request.corrections
        ]
        return pb.CorrectResultsResponse(outcomes=outcomes, campaign=kept.campaign)

    async def ReleaseTickets(self, request: Any, context: Any) -> Any:
        self._note(request)
        kept = self._of(request.name)
        asked = list(request.tickets) or list(kept.tickets)
        released = [ticket for ticket in asked if kept.tickets.pop(ticket, None)]
        return pb.ReleaseTicketsResponse(released=released, ignored=[one for one in asked if one not in released])

    async def ExcludeCandidates(self, request: Any, context: Any) -> Any:
        self._note(request)
        kept = self._of(request.name)
        known = {candidate.id for candidate in kept.candidates}
        unknown = [one for one in request.ids if one not in known]
        return pb.ExcludeCandidatesResponse(unknown_ids=unknown, campaign=kept.campaign)

    async def ChangeObjectives(self, request: Any, context: Any) -> Any:
        kept = self._of(request.name)
        spec = kept.campaign.spec
        del spec.objectives[:], spec.constraints[:]
        spec.objectives.extend(request.objectives)
        spec.constraints.extend(request.constraints)
        return pb.ChangeObjectivesResponse(campaign=kept.campaign)

    async def WatchCampaign(self, request: Any, context: Any) -> Any:
        kept = self._of(request.name)
        for sequence in range(request.after_sequence + 1, 4):
            event = pb.CampaignEvent(sequence=sequence, kind="reported", message=f"result {sequence}")
            yield pb.WatchCampaignResponse(event=event, campaign=kept.campaign)
            if self._seen.drops_left:
                self._seen.drops_left -= 1
                raise UnavailableError("going away")
        while kept.campaign.state != pb.CAMPAIGN_STATE_CLOSED:
            self._prepare(kept)
            yield pb.WatchCampaignResponse(campaign=kept.campaign)
            await asyncio.sleep(0.01)

    async def PauseCampaign(self, request: Any, context: Any) -> Any:
        return pb.PauseCampaignResponse(campaign=self._become(request.name, pb.CAMPAIGN_STATE_PAUSED))

    async def ResumeCampaign(self, request: Any, context: Any) -> Any:
        return pb.ResumeCampaignResponse(campaign=self._become(request.name, pb.CAMPAIGN_STATE_ACTIVE))

    async def CloseCampaign(self, request: Any, context: Any) -> Any:
        return pb.CloseCampaignResponse(campaign=self._become(request.name, pb.CAMPAIGN_STATE_CLOSED))

    async def ExportCampaign(self, request: Any, context: Any) -> Any:
        name = self._of(request.name).campaign.spec.name
        whole = PAGE if request.format == pb.EXPORT_FORMAT_HTML else json.dumps({"name": name}).encode()
        for start in range(0, len(whole), 8):
            yield pb.ExportCampaignResponse(chunk=whole[start : start + 8], total_bytes=len(whole))

    async def DeleteCampaign(self, request: Any, context: Any) -> Any:
        assert request.confirm
        del self._kept[self._of(request.name).campaign.spec.name]
        return pb.DeleteCampaignResponse()

    async def PromoteCampaign(self, request: Any, context: Any) -> Any:
        return pb.PromoteCampaignResponse(job_id="job-1", model_name=request.model_name or request.name)

    def _note(self, request: Any) -> None:
        self._seen.requests.append(request)

    def _answer(self, response: Any) -> Any:
        if self._seen.drops_left:
            self._seen.drops_left -= 1
            raise UnavailableError("going away")
        return response

    def _of(self, name: str) -> Kept:
        if name not in self._kept:
            raise NotFoundError(f"there is no campaign {name}", reason="UNKNOWN_CAMPAIGN")
        return self._kept[name]

    def _become(self, name: str, state: Any) -> pb.Campaign:
        self._of(name).campaign.state = state
        return self._of(name).campaign

    def _prepare(self, kept: Kept) -> None:
        if kept.campaign.state == pb.CAMPAIGN_STATE_PREPARING:
            kept.questions_left -= 1
            if kept.questions_left <= 0:
                kept.campaign.state = pb.CAMPAIGN_STATE_ACTIVE
                kept.campaign.pool.n_ready = len(kept.candidates)

    def _batch(self, kept: Kept, wanted: int) -> pb.RecommendResponse:
        spec = kept.campaign.spec
        n_left = spec.budget.n_candidates - len(kept.tickets) - len(kept.results) if spec.budget.n_candidates else 999
        if n_left <= 0:
            raise FailedPreconditionError("the budget of the campaign is used up", reason="BUDGET_EXHAUSTED")
        taken = {*kept.tickets.values(), *kept.results}
        chosen = [one for one in kept.candidates if one.id not in taken][: min(wanted or spec.batch_size, n_left)]
        response = pb.RecommendResponse(notes=["cut by the budget"] if n_left < (wanted or spec.batch_size) else [])
        for number, candidate in enumerate(chosen):
            ticket = f"t{len(kept.tickets) + 1}"
            kept.tickets[ticket] = candidate.id
            entry = response.batch.add(
                ticket=ticket, id=candidate.id, formula="NaCl", score=1.0 - number, reason="gain"
            )
            for goal in spec.objectives:
                entry.predictions.add(
                    property=goal.property, unit=goal.unit, value=1.5, lower=1.0, upper=2.0, coverage=0.9
                )
        return response

    def _take(self, kept: Kept, result: pb.Result) -> pb.ResultOutcome:
        name = kept.tickets.get(result.ticket) or result.id
        outcome = pb.ResultOutcome(ticket=result.ticket, id=name, outcome=pb.REPORT_OUTCOME_RECORDED)
        known = {candidate.id for candidate in kept.candidates}
        units = {goal.property: goal.unit for goal in kept.campaign.spec.objectives}
        if name not in known and not result.HasField("structure"):
            return _refused(outcome, "UNKNOWN_CANDIDATE", f"{name} is not in the pool: send its structure, too")
        if any(value.unit != units.get(value.property) for value in result.values):
            return _refused(outcome, "WRONG_UNIT", "convert the values")
        if not all(math.isfinite(value.value) for value in result.values):
            return _refused(outcome, "NOT_FINITE", "the value is not finite")
        if name in kept.results:
            outcome.outcome = pb.REPORT_OUTCOME_REPEATED
        kept.results[name] = result
        kept.tickets.pop(result.ticket, None)
        return outcome


def _refused(outcome: pb.ResultOutcome, reason: str, message: str) -> pb.ResultOutcome:
    outcome.outcome = pb.REPORT_OUTCOME_REFUSED
    outcome.error.reason, outcome.error.message = reason, message
    return outcome


@asynccontextmanager
async def serving(seen: Seen) -> AsyncIterator[str]:
    """Runs the server in this loop and gives its address."""
    server = grpc.aio.server(interceptors=[RequestContextScope(), ErrorScope()])
    campaigns_pb2_grpc.add_CampaignServiceServicer_to_server(SmallCampaigns(seen), server)  # type: ignore[no-untyped-call]  # generated
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


def serving_in_thread(seen: Seen) -> AbstractContextManager[str]:
    """Runs the server beside a blocking client and gives its address."""
    return small_server.in_thread(serving(seen))


def rows(count: int) -> list[dict[str, Any]]:
    """Candidates that differ, with costs, groups and a known column."""
    lattices = [[[3 + index / 1000, 0, 0], [0, 3, 0], [0, 0, 3]] for index in range(count)]
    structures = [{"lattice": lattice, "species": [11], "frac": [[0, 0, 0]]} for lattice in lattices]
    return [
        {"id": f"c{index}", "structure": structure, "price": 1.0 + index, "tray": f"T{index % 2}", "hull": 0.01 * index}
        for index, structure in enumerate(structures)
    ]
