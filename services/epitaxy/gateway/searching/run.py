"""One search under way: scores candidates as they come, then evaluates those that the search wants."""

import asyncio
import math
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.gateway.domain import Answer, Loss, Tally
from epitaxy.gateway.search import BestFirst, Evaluated, Quantity, Scores
from epitaxy.gateway.searching.domain import (
    Begin,
    Begun,
    CandidateBlock,
    EndOfCandidates,
    Fate,
    Finished,
    Progress,
    SearchEvent,
    Wanted,
    WantedStructures,
    WhyQuestion,
    check_block,
    check_pool,
)
from epitaxy.gateway.searching.memory import Room
from epitaxy.gateway.searching.ports import CandidateModel, SearchObserver
from epitaxy.gateway.searching.requests import ENDED_EARLY, RequestQueue
from epitaxy.gateway.service import GatewayService

_OUT_OF_ORDER = "SEARCH_OUT_OF_ORDER"
_FEWEST_IN_FLIGHT, _GROWTH = 512, 0.25
# A summary looks at all candidates; between two of them passes this many times what one takes.
_PROGRESS_SECONDS, _PROGRESS_SHARE = 1.0, 20.0


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """Sizes and times of a search.

    Attributes:
        max_candidates: Candidates of one search.
        max_candidates_at_once: Candidates of all searches that are open.
        max_structures: Structures in a message.
        window: Messages that are under way at once.
        wanted_at_once: Candidates that one message asks for.
        idle_seconds: Longest wait for a message while nothing else is under way; None: any time.
    """

    max_candidates: int
    max_candidates_at_once: int
    max_structures: int
    window: int
    wanted_at_once: int = 128
    idle_seconds: float | None = None


class SearchRun:
    """Drives a BestFirst from the caller's messages and the model's answers."""

    def __init__(
        self,
        begin: Begin,
        gateway: GatewayService,
        model: CandidateModel,
        limits: SearchLimits,
        queue: RequestQueue,
        observer: SearchObserver,
        room: Room,
    ) -> None:
        self._begin, self._gateway, self._model = begin, gateway, model
        self._limits, self._queue, self._observer, self._room = limits, queue, observer, room
        self._quantities: tuple[Quantity, ...] = begin.order.quantities
        self._seen = self._scored = 0
        self._tally = Tally()
        self._asked: dict[int, NDArray[np.int64]] = {}
        self._working: dict[asyncio.Task[Answer | Loss], tuple[NDArray[np.int64], tuple[str, ...]]] = {}
        self._n_messages = 0
        self._stage_began = self._progress_due = perf_counter()

    async def events(self) -> AsyncGenerator[SearchEvent, None]:
        """All events up to the last answer."""
        self._students = await self._model.students(self._begin)
        self._search = BestFirst(self._begin.order, self._students.tables)
        yield Begun(self._students)
        async for event in self._score():
            yield event
        await asyncio.to_thread(self._search.seal)
        self._stage_began = perf_counter()
        try:
            async for event in self._evaluate():
                yield event
        finally:
            await _cancel(self._working)

    async def finish(self, elapsed_seconds: float) -> Finished:
        """The best candidates and the summary."""
        summary = await asyncio.to_thread(self._search.summary)
        return Finished(tuple(self._search.best().tolist()), summary, self._tally, elapsed_seconds)

    def why(self, question: WhyQuestion) -> Fate:
        """What became of a candidate. Raises InvalidRequestError for one that is not in the pool."""
        return Fate(question.index, self._search.why(question.index))

    async def _score(self) -> AsyncGenerator[SearchEvent, None]:
        """Scores blocks side by side, and takes them in the order in which they came."""
        pending: deque[asyncio.Task[Scores]] = deque()
        is_open = True
        try:
            while is_open or pending:
                if is_open and len(pending) < self._limits.window and not (pending and pending[0].done()):
                    block = await self._next_block()
                    if is_open := block is not None:
                        pending.append(asyncio.create_task(self._model.score(self._students, self._quantities, block)))
                    continue
                added = self._search.add(await pending.popleft())
                self._scored = added.stop
                self._observer.candidates_in(len(added))
                if perf_counter() >= self._progress_due:
                    yield self._scoring_progress()
        finally:
            await _cancel(pending)

    async def _next_block(self) -> CandidateBlock | None:
        """The next block of candidates, None at their end."""
        request = await self._queue.next()
        if isinstance(request, EndOfCandidates):
            return None
        if not isinstance(request, CandidateBlock):
            raise InvalidRequestError("candidates come before anything else", reason=_OUT_OF_ORDER)
        check_block(request, self._limits.max_structures)
        self._seen += request.n_candidates
        check_pool(self._seen, self._limits.max_candidates)
        self._room.hold(self._seen)
        return request

    async def _evaluate(self) -> AsyncGenerator[SearchEvent, None]:
        """Asks for candidates and evaluates them until nothing more is wanted."""
        while True:
            while (wanted := await self._want()) is not None:
                yield wanted
            if not self._asked and not self._working:
                return
            if await self._queue.wait(set(self._working)):
                fate = await self._take_request()
                if fate is not None:
                    yield fate
            for task in [task for task in self._working if task.done()]:
                yield self._record(task)
            if perf_counter() >= self._progress_due:
                yield await self._evaluating_progress()

    async def _want(self) -> Wanted | None:
        """Asks for the next candidates; None while enough is under way, or if nothing is wanted now."""
        in_flight = sum(map(len, self._asked.values())) + sum(len(indices) for indices, _ in self._working.values())
        # Every answer makes the next choice a better one, so that little is under way while little is known.
        if in_flight >= max(_FEWEST_IN_FLIGHT, _GROWTH * self._tally.n_structures) or self._is_full():
            return None
        indices = await asyncio.to_thread(self._next_wanted)
        if not len(indices):
            return None
        self._n_messages += 1
        self._asked[self._n_messages] = indices
        return Wanted(self._n_messages, tuple(indices.tolist()))

    def _is_full(self) -> bool:
        return len(self._asked) + len(self._working) >= self._limits.window

    def _next_wanted(self) -> NDArray[np.int64]:
        indices = self._search.next_wanted(self._limits.wanted_at_once)
        while not len(indices) and not self._search.is_done and not self._search.n_in_flight:
            indices = self._search.next_wanted(self._limits.wanted_at_once)
        return indices

    async def _take_request(self) -> Fate | None:
        try:
            request = self._queue.take()
        except StopAsyncIteration:
            raise InvalidRequestError(ENDED_EARLY, reason=_OUT_OF_ORDER) from None
        if isinstance(request, WhyQuestion):
            return await asyncio.to_thread(self.why, request)
        if not isinstance(request, WantedStructures) or request.sequence not in self._asked:
            raise InvalidRequestError("only structures that were asked for are taken now", reason=_OUT_OF_ORDER)
        indices = self._asked.pop(request.sequence)
        if len(request.ids) != len(indices):
            description = f"has {len(request.ids)} structures; {len(indices)} were asked for"
            raise InvalidRequestError.of_field("structures.structures", description)
        chunk = self._model.chunk(self._students.question, request)
        self._working[asyncio.create_task(self._gateway.screen_chunk(chunk))] = (indices, request.ids)
        return None

    def _record(self, task: "asyncio.Task[Answer | Loss]") -> Answer | Loss:
        indices, ids = self._working.pop(task)
        outcome = task.result()
        self._tally += outcome.tally
        if isinstance(outcome, Loss):
            lost = np.full(len(indices), np.nan)
            evaluated = Evaluated(dict.fromkeys(self._quantities, lost), np.zeros(len(indices), bool), ("",) * len(ids))
        else:
            evaluated = self._model.read(outcome, ids, indices, self._quantities)
        self._search.record(indices, evaluated)
        return outcome

    def _scoring_progress(self) -> Progress:
        now = perf_counter()
        self._progress_due = now + _PROGRESS_SECONDS
        rate = self._scored / max(now - self._stage_began, 1e-9)
        left = self._begin.n_candidates - self._scored
        eta = left / rate if self._begin.n_candidates and left >= 0 else math.nan
        return Progress(True, self._seen, self._scored, 0, math.nan, math.nan, rate, eta)

    async def _evaluating_progress(self) -> Progress:
        began = perf_counter()
        summary = await asyncio.to_thread(self._search.summary)
        now = perf_counter()
        self._progress_due = now + max(_PROGRESS_SECONDS, _PROGRESS_SHARE * (now - began))
        rate = summary.n_evaluated / max(now - self._stage_began, 1e-9)
        return Progress(
            False,
            self._seen,
            self._scored,
            summary.n_evaluated,
            summary.threshold,
            summary.expected_missed,
            rate,
            math.nan,
        )


async def _cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
