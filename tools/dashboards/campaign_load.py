"""A small campaign on a running stack: every outcome of a result that can be had without breaking anything."""

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc

from epitaxy.api.campaigns.v1 import campaigns_pb2 as pb
from epitaxy.api.campaigns.v1 import campaigns_pb2_grpc
from epitaxy.api.common.v1.structure_pb2 import StructureInput
from epitaxy_models.data.crystals import bundled_crystals, write_cifs

PROPERTY, UNIT = "volume_per_atom", "A^3"
BATCH = 8
MAX_ROUNDS = 8
N_CANDIDATES = 200
# Added in each round, so that features are asked for as long as the campaign works.
N_ADDED = 4
PREPARATION_SECONDS = 120.0
CALL_SECONDS = 120.0
_PAUSE_SECONDS = 1.0


@dataclass
class CampaignLoad:
    """A laboratory with one campaign over the bundled crystals, whose volumes it measures."""

    stub: campaigns_pb2_grpc.CampaignServiceStub
    name: str
    spare: list[pb.Candidate]

    @classmethod
    def begin(cls, target: str, folder: Path) -> "CampaignLoad":
        """Creates the campaign and waits until it recommends. Raises RuntimeError if it does not."""
        stub = campaigns_pb2_grpc.CampaignServiceStub(grpc.insecure_channel(target))
        candidates = _candidates(folder)
        load = cls(stub, f"volumes-{uuid.uuid4().hex[:8]}", candidates[N_CANDIDATES:])
        objective = pb.Objective(property=PROPERTY, unit=UNIT, goal=pb.GOAL_MAXIMIZE)
        spec = pb.CampaignSpec(name=load.name, objectives=[objective], batch_size=BATCH, start=pb.START_DIVERSE)
        stub.CreateCampaign(pb.CreateCampaignRequest(request_id=_new_id(), spec=spec), timeout=CALL_SECONDS)
        broken = pb.Candidate(id="broken", structure=StructureInput(id="broken", cif="data_nothing\n"))
        load._add([*candidates[:N_CANDIDATES], broken])
        load._await_active()
        return load

    def work(self, goes_on: Callable[[], bool]) -> int:
        """Rounds while it ``goes_on``, some at most; how many results were sent."""
        n_sent = 0
        for number in range(MAX_ROUNDS):
            if not goes_on():
                break
            request = pb.RecommendRequest(name=self.name, request_id=_new_id(), worker="robot-1")
            batch = self.stub.Recommend(request, timeout=CALL_SECONDS).batch
            if not batch:
                break
            results = _results(batch, is_first=number == 0)
            n_sent += len(results)
            report = pb.ReportResultsRequest(name=self.name, request_id=_new_id(), results=results)
            self.stub.ReportResults(report, timeout=CALL_SECONDS)
            release = pb.ReleaseTicketsRequest(name=self.name, request_id=_new_id())
            self.stub.ReleaseTickets(release, timeout=CALL_SECONDS)
            self._add(self.spare[number * N_ADDED : (number + 1) * N_ADDED])
            time.sleep(_PAUSE_SECONDS)
        return n_sent

    def _add(self, candidates: Sequence[pb.Candidate]) -> None:
        request = pb.AddCandidatesRequest(name=self.name, request_id=_new_id(), candidates=candidates, is_last=True)
        self.stub.AddCandidates(request, timeout=CALL_SECONDS)

    def _await_active(self) -> None:
        limit = time.monotonic() + PREPARATION_SECONDS
        state = pb.CAMPAIGN_STATE_UNSPECIFIED
        while time.monotonic() < limit:
            request = pb.GetCampaignRequest(name=self.name)
            state = self.stub.GetCampaign(request, timeout=CALL_SECONDS).campaign.state
            if state == pb.CAMPAIGN_STATE_ACTIVE:
                return
            time.sleep(_PAUSE_SECONDS)
        raise RuntimeError(f"the campaign is {pb.CampaignState.Name(state)} after {PREPARATION_SECONDS:g} s")


def _candidates(folder: Path) -> list[pb.Candidate]:
    """The first of the bundled crystals: the pool, and what is added to it."""
    files = [Path(file) for file in write_cifs(folder)][: N_CANDIDATES + MAX_ROUNDS * N_ADDED]
    texts = {file.stem: file.read_text() for file in files}
    return [pb.Candidate(id=name, structure=StructureInput(id=name, cif=text)) for name, text in texts.items()]


def _results(batch: Sequence[pb.Recommendation], *, is_first: bool) -> list[pb.Result]:
    """All but the last two measured, one that failed, and one that is left to be released.

    In the first batch a value in another unit besides, which is refused.
    """
    volumes = {
        crystal.identifier: crystal.structure.volume / crystal.structure.n_sites for crystal in bundled_crystals()
    }
    *measured, failed, _ = batch
    results = [_measured(one, volumes[one.id], UNIT) for one in measured]
    results.append(pb.Result(ticket=failed.ticket, status=pb.RESULT_STATUS_FAILED))
    if is_first:
        results.append(_measured(failed, volumes[failed.id], "nm^3"))
    return results


def _measured(recommended: pb.Recommendation, value: float, unit: str) -> pb.Result:
    values = [pb.MeasuredValue(property=PROPERTY, unit=unit, value=value)]
    return pb.Result(ticket=recommended.ticket, status=pb.RESULT_STATUS_MEASURED, values=values)


def _new_id() -> str:
    return uuid.uuid4().hex
