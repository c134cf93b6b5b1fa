"""The use case of a search as an edge without gRPC and protobuf calls it."""

import asyncio
import json
from contextlib import nullcontext

import numpy as np
import pytest

from epitaxy.chassis.errors import InternalError, InvalidRequestError, OverloadedError, UnavailableError
from epitaxy.chassis.request_context import RequestContext, bind_request
from epitaxy.gateway.domain import Answer, Chunk, Loss, Tally
from epitaxy.gateway.quotas import TenantQuotas
from epitaxy.gateway.retry import RetryPolicy
from epitaxy.gateway.search import Direction, Evaluated, Goal, Quantity, ResidualTable, Scores, SearchOrder
from epitaxy.gateway.searching.domain import (
    Begin,
    Begun,
    CandidateBlock,
    EndOfCandidates,
    Fate,
    Finished,
    Progress,
    Question,
    Students,
    Wanted,
    WantedStructures,
    WhyQuestion,
)
from epitaxy.gateway.searching.service import SearchLimits, SearchService
from epitaxy.gateway.service import GatewayLimits, GatewayService

N, BEST = 4000, 20
RNG = np.random.default_rng(11)
TRUTH = RNG.normal(size=N)
STUDENT = TRUTH + 0.1 * RNG.normal(size=N)
GAP = Quantity("gap")
BEGIN = Begin(SearchOrder(BEST, Goal(GAP, Direction.MAX)), Question(b"", "", 0.0), n_candidates=N)
GATEWAY_LIMITS = GatewayLimits(
    max_structures_per_message=256,
    max_structures_per_predict=4,
    max_structures_per_explain=2,
    chunk_window=4,
    chunk_patience_seconds=0.2,
)


class PoolModel:
    """Implements CandidateModel and its upstream: messages are lists of positions in JSON."""

    def __init__(self):
        self.evaluated, self.lost, self.reason = [], set(), ""

    async def students(self, begin):
        return Students(begin.question, b"", {GAP: ResidualTable(RNG.normal(size=2000).astype("f4"))}, self.reason)

    async def score(self, students, quantities, block):
        at = json.loads(block.encoded)
        if self.reason:
            nothing = np.full(len(at), np.nan, "f4")
            return Scores({GAP: nothing}, {GAP: nothing})
        await asyncio.sleep(0.001 * (at[0] % 3))  # blocks are scored out of order
        return Scores({GAP: STUDENT[at].astype("f4")}, {GAP: np.full(len(at), 0.1, "f4")})

    def chunk(self, question, wanted):
        return Chunk(wanted.encoded, len(wanted.ids), question.model, question.coverage, wanted.sequence)

    async def evaluate(self, chunk):
        at = json.loads(chunk.encoded)
        if self.lost & set(at):
            raise InternalError("lost")
        self.evaluated += at
        return Answer(chunk.encoded, Tally(answered=len(at)))

    def read(self, answer, ids, indices, quantities):
        assert ids == tuple(map(str, indices))
        return Evaluated({GAP: TRUTH[json.loads(answer.encoded)]}, np.ones(len(ids), bool), ids)


class Noted:
    """Implements the observers' ports."""

    def __init__(self):
        self.ends, self.audits, self.n_candidates = [], [], 0

    def candidates_in(self, count):
        self.n_candidates += count

    def search_ended(self, outcome, finished_share, n_dropped):
        self.ends.append(outcome)

    def audited(self, recall, target):
        self.audits.append((recall, target))

    def chunk_in_flight(self):
        return nullcontext()

    def ignore(self, *args):
        pass

    structures_in = outcomes = model_used = retry = ignore


class Caller:
    """Sends a pool and answers what the search wants; keeps all events."""

    def __init__(self, service, begin=BEGIN, n=N):
        self._service, self._begin, self._n = service, begin, n
        self._wanted: asyncio.Queue = asyncio.Queue()
        self.events = []
        self.has_begun, self.is_wanted = asyncio.Event(), asyncio.Event()

    async def search(self, *whys):
        async for event in self._service.search(self._requests()):
            self.events.append(event)
            self.has_begun.set()
            if isinstance(event, Wanted):
                self.is_wanted.set()
                self._wanted.put_nowait(event)
            if isinstance(event, Finished):
                for why in (*whys, None):
                    self._wanted.put_nowait(why)
        return self

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    async def _requests(self):
        yield self._begin
        for start in range(0, self._n, 300):
            at = list(range(start, min(start + 300, self._n)))
            yield CandidateBlock(json.dumps(at).encode(), len(at), is_columns=True)
        yield EndOfCandidates()
        while (wanted := await self._wanted.get()) is not None:
            if isinstance(wanted, Wanted):
                at = list(wanted.indices)
                yield WantedStructures(json.dumps(at).encode(), wanted.sequence, tuple(map(str, at)))
            else:
                yield wanted


@pytest.fixture
def model():
    return PoolModel()


@pytest.fixture
def observer():
    return Noted()


@pytest.fixture
async def start(model, observer):
    bind_request(RequestContext(request_id="run-1", tenant="acme"))

    def begin(max_screens=2, **limits):
        quotas = TenantQuotas({}, max_screens=max_screens)
        gateway = GatewayService(model, quotas, observer, RetryPolicy(0, 0.01, 0.01), GATEWAY_LIMITS)
        sizes = {"max_candidates": N, "max_candidates_at_once": N, "max_structures": 256, "window": 4} | limits
        return SearchService(gateway, model, observer, SearchLimits(**sizes))

    return begin


def true_best(without=frozenset()):
    return [at for at in np.argsort(-TRUTH).tolist() if at not in without][:BEST]


async def test_the_best_are_found_although_blocks_are_scored_out_of_order(start, model, observer):
    caller = await Caller(start(wanted_at_once=128)).search(WhyQuestion(true_best()[0]), WhyQuestion(0))
    finished = caller.of(Finished)[0]
    assert list(finished.best) == true_best()
    assert isinstance(caller.events[0], Begun)
    assert finished.summary.n_evaluated == len(model.evaluated) == len(set(model.evaluated)) < N / 2
    assert sum(answer.tally.answered for answer in caller.of(Answer)) == finished.tally.answered
    assert [fate.index for fate in caller.of(Fate)] == [true_best()[0], 0]
    assert caller.of(Fate)[0].why.fate == "best"
    assert (observer.ends, observer.n_candidates) == (["finished"], N)
    assert observer.audits == [(finished.summary.recall_estimate, 0.99)]


async def test_without_students_all_are_evaluated(start, model, observer):
    model.reason = "no students"
    caller = await Caller(start()).search()
    assert sorted(model.evaluated) == list(range(N))
    assert list(caller.of(Finished)[0].best) == true_best()
    assert observer.audits == []  # nothing was dropped, so that nothing had to be estimated


async def test_a_lost_message_costs_its_candidates_and_the_summary_says_so(start, model):
    model.lost = {true_best()[0]}
    caller = await Caller(start(wanted_at_once=8)).search(WhyQuestion(true_best()[0]))
    lost = set(json.loads(caller.of(Loss)[0].chunk.encoded))
    finished = caller.of(Finished)[0]
    assert true_best()[0] in lost
    assert (finished.summary.n_refused, finished.tally.failed) == (len(lost), len(lost))
    assert list(finished.best) == true_best(without=lost)
    assert any("got no answer" in note for note in finished.summary.notes)
    assert caller.of(Fate)[0].why.fate == "refused"


async def test_room_is_taken_at_the_beginning_and_given_back_at_the_end(start, observer):
    service = start()
    first = Caller(service)
    searching = asyncio.ensure_future(first.search())
    await first.has_begun.wait()
    with pytest.raises(OverloadedError, match=f"hold {N} of {N} candidates") as shed:
        await Caller(service).search()
    assert (shed.value.reason, shed.value.retry_after_seconds) == ("SEARCH_MEMORY_FULL", 15.0)
    await searching
    assert (await Caller(service).search()).of(Finished)
    assert observer.ends == ["failed", "finished", "finished"]


async def test_room_and_screen_of_a_search_that_is_left_are_given_back(start, observer):
    service = start(max_screens=1)
    left = Caller(service)
    searching = asyncio.ensure_future(left.search())
    await left.is_wanted.wait()
    searching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await searching
    assert (await Caller(service).search()).of(Finished)
    assert sorted(observer.ends) == ["cancelled", "finished"]


async def test_a_pool_that_does_not_say_its_size_is_counted_as_it_comes(start):
    unsaid = Begin(BEGIN.order, BEGIN.question)
    with pytest.raises(OverloadedError, match="do not fit"):
        await Caller(start(max_candidates_at_once=1000), unsaid).search()
    with pytest.raises(InvalidRequestError, match="at most 1000 candidates: search the pool in parts") as refused:
        await Caller(start(max_candidates=1000), unsaid).search()
    assert refused.value.reason == "TOO_MANY_CANDIDATES"
    with pytest.raises(InvalidRequestError, match="at most 1000 candidates"):
        await Caller(start(max_candidates=1000)).search()
    assert (await Caller(start(), unsaid).search()).of(Finished)


async def test_more_best_than_candidates_is_a_mistake_before_anything_is_evaluated(start, model):
    with pytest.raises(InvalidRequestError, match="best: is 20, and the pool has 10 candidates") as refused:
        await Caller(start(), n=10).search()
    assert refused.value.reason == "BEST_OVER_POOL"
    assert model.evaluated == []


async def test_a_search_ends_when_the_gateway_shuts_down(start, model):
    service = start()
    caller = Caller(service)
    searching = asyncio.ensure_future(caller.search())
    await caller.is_wanted.wait()
    service._gateway.drain()
    with pytest.raises(UnavailableError, match="shutting down") as ended:
        await searching
    assert ended.value.reason == "DRAINING"


async def test_progress_tells_both_stages(start, monkeypatch):
    monkeypatch.setattr("epitaxy.gateway.searching.run._PROGRESS_SECONDS", 0.0)
    monkeypatch.setattr("epitaxy.gateway.searching.run._PROGRESS_SHARE", 0.0)
    caller = await Caller(start()).search()
    scoring = [event for event in caller.of(Progress) if event.is_scoring]
    evaluating = [event for event in caller.of(Progress) if not event.is_scoring]
    assert scoring[-1].scored == N
    assert [event.scored for event in scoring] == sorted(event.scored for event in scoring)
    assert all(event.eta_seconds >= 0 for event in scoring)
    assert evaluating[-1].threshold == pytest.approx(TRUTH[true_best()[-1]])
    assert evaluating[-1].evaluated <= caller.of(Finished)[0].summary.n_evaluated
