"""The use case of a search: candidates in, best answers first, a summary last."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing
from dataclasses import dataclass
from time import perf_counter

from epitaxy.chassis.errors import InvalidRequestError, UnavailableError
from epitaxy.gateway.searching.domain import (
    Begin,
    Fate,
    Finished,
    SearchEvent,
    SearchRequest,
    WhyQuestion,
    check_best,
    check_pool,
)
from epitaxy.gateway.searching.memory import CandidateMemory, Room
from epitaxy.gateway.searching.ports import CandidateModel, SearchObserver
from epitaxy.gateway.searching.requests import RequestQueue
from epitaxy.gateway.searching.run import SearchLimits, SearchRun
from epitaxy.gateway.service import GatewayService

__all__ = ["SearchLimits", "SearchService"]


@dataclass(slots=True)
class _Outcome:
    """How a search ended; what it says until it ended is that it was cancelled."""

    name: str = "cancelled"
    share: float = 0.0
    n_dropped: int = 0


class SearchService:
    """Searches pools; a search counts as one of the tenant's screens until its summary."""

    def __init__(
        self, gateway: GatewayService, model: CandidateModel, observer: SearchObserver, limits: SearchLimits
    ) -> None:
        self._gateway, self._model, self._observer, self._limits = gateway, model, observer, limits
        self._memory = CandidateMemory(limits.max_candidates_at_once)

    async def search(self, requests: AsyncGenerator[SearchRequest, None]) -> AsyncGenerator[SearchEvent, None]:
        """Answers a search; afterwards, says what became of candidates until the caller closes their side.

        A mistake of the caller's ends the stream, as does a loss of students for longer than the gateway's patience.
        Structures whose answer is lost for that long fail one by one.
        """
        with self._memory.room() as room:
            queue = RequestQueue(requests, self._limits.idle_seconds, self._gateway.check_taking)
            async with aclosing(queue), aclosing(self._answer(queue, room)) as events:
                async for event in events:
                    yield event

    async def _answer(self, queue: RequestQueue, room: Room) -> AsyncGenerator[SearchEvent, None]:
        started, outcome = perf_counter(), _Outcome()
        try:
            with ExitStack() as slot:
                begin = await self._begin(queue, slot, room)
                run = SearchRun(begin, self._gateway, self._model, self._limits, queue, self._observer, room)
                async with aclosing(run.events()) as events:
                    async for event in events:
                        yield event
                finished = await run.finish(perf_counter() - started)
                self._observe(finished, outcome)
            yield finished
        except Exception:
            outcome.name = "failed"
            raise
        finally:
            self._observer.search_ended(outcome.name, outcome.share, outcome.n_dropped)
        async for fate in self._answer_whys(run, queue):
            yield fate

    async def _begin(self, queue: RequestQueue, slot: ExitStack, room: Room) -> Begin:
        begin = await queue.next()
        slot.enter_context(self._gateway.screen_slot())
        if not isinstance(begin, Begin):
            raise InvalidRequestError("the first message of a search must be `begin`", reason="SEARCH_OUT_OF_ORDER")
        self._gateway.check_question(begin.question.model, begin.question.coverage)
        check_best(begin.order.best)
        check_pool(begin.n_candidates, self._limits.max_candidates)
        room.hold(begin.n_candidates)
        return begin

    def _observe(self, finished: Finished, outcome: _Outcome) -> None:
        summary = finished.summary
        outcome.name, outcome.share, outcome.n_dropped = "finished", summary.share_evaluated, summary.n_dropped
        if summary.n_dropped:
            self._observer.audited(summary.recall_estimate, summary.recall_target)

    @staticmethod
    async def _answer_whys(run: SearchRun, queue: RequestQueue) -> AsyncGenerator[Fate, None]:
        try:
            async for request in queue:
                if not isinstance(request, WhyQuestion):
                    raise InvalidRequestError("after the summary only `why` is answered", reason="SEARCH_OUT_OF_ORDER")
                yield await asyncio.to_thread(run.why, request)
        except UnavailableError:
            return  # idle, or draining: nothing is lost
