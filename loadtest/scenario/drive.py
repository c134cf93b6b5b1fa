"""Sends a phase's load and notes what comes back."""

import asyncio
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import numpy as np

from epitaxy.client import AsyncClient, EpitaxyClientError
from epitaxy.client.defaults import MAX_PREDICT_STRUCTURES
from loadtest.corpus import Triple
from loadtest.processes import resident_mib
from loadtest.scenario.arrivals import intended_times
from loadtest.scenario.config import ClosedLoop, OpenLoop, Phase
from loadtest.scenario.outcome import Call, MemorySample, PhaseOutcome

Request = list[tuple[str, Triple]]
OnProgress = Callable[[PhaseOutcome, float], None]
_LOOK_SECONDS = 1.0
_PRIME_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Server:
    """Where the load goes.

    Attributes:
        keys: One a tenant; empty where none is needed.
        pid: First process of a stack on this machine, whose memory is watched; None for any other server.
    """

    target: str
    keys: Sequence[str] = ()
    pid: int | None = None


@dataclass(slots=True)
class _Run:
    """A phase under way."""

    phase: Phase
    outcome: PhaseOutcome
    clients: Sequence[AsyncClient]
    requests: Iterator[Request]
    began: float = field(default_factory=time.monotonic)
    n_sent: int = 0

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.began

    @property
    def progress(self) -> float:
        """By time or by structures, whichever is further; 1 only when the last answer is there."""
        by_time = self.elapsed / self.phase.seconds if self.phase.seconds else 0.0
        by_count = self.outcome.answered / self.phase.structures if self.phase.structures else 0.0
        return min(0.99, max(by_time, by_count))

    @property
    def may_send(self) -> bool:
        is_in_time = self.phase.seconds is None or self.elapsed < self.phase.seconds
        limit = self.phase.structures
        return is_in_time and (limit is None or self.n_sent * self.phase.structures_per_request < limit)

    async def call(self, number: int, intended: float | None = None) -> None:
        """Sends one request as the tenant whose turn it is, and notes it."""
        tenant = number % self.phase.tenants
        sent = self.elapsed
        call = await _sent(
            self.clients[tenant], next(self.requests), sent if intended is None else intended, sent, self
        )
        self.outcome.calls.append(Call(**call, tenant=tenant))


async def run_phase(
    phase: Phase,
    server: Server,
    requests: Iterator[Request],
    prime: Request,
    seed: int,
    timeout_seconds: float,
    tell: OnProgress,
) -> PhaseOutcome:
    """One phase from its first request to its last answer; ``prime`` is sent before the clock starts."""
    async with AsyncExitStack() as opened:
        keys = list(server.keys)[: phase.tenants] or [None] * phase.tenants
        clients = [
            await opened.enter_async_context(AsyncClient(server.target, key, timeout=timeout_seconds)) for key in keys
        ]
        await _prime(clients[0], prime)
        outcome = PhaseOutcome(phase.name, memory_after=phase.memory_after, n_tenants=phase.tenants)
        run = _Run(phase, outcome, clients, requests)
        watcher = asyncio.create_task(_watch(run, server.pid, tell))
        try:
            if isinstance(phase.loop, ClosedLoop):
                await _closed(run, phase.loop)
            else:
                await _open(run, phase.loop, seed)
        finally:
            watcher.cancel()
        outcome.seconds = run.elapsed
        tell(outcome, 1.0)
        return outcome


async def _closed(run: _Run, loop: ClosedLoop) -> None:
    async def caller(number: int) -> None:
        while run.may_send:
            run.n_sent += 1
            await run.call(number)

    # A caller is one tenant's: a slow tenant slows itself alone.
    await asyncio.gather(*(caller(number) for number in range(loop.callers)))


async def _open(run: _Run, loop: OpenLoop, seed: int) -> None:
    """Every request has its time beforehand. One that cannot leave in time waits, and its wait counts."""
    window = asyncio.Semaphore(loop.max_in_flight)
    waiting: set[asyncio.Task[None]] = set()

    async def send(number: int, intended: float) -> None:
        try:
            await run.call(number, intended)
        finally:
            window.release()

    for number, intended in enumerate(intended_times(loop, np.random.default_rng(seed))):
        if (run.phase.seconds is not None and intended >= run.phase.seconds) or not _has_room(run):
            break
        await asyncio.sleep(intended - run.elapsed)
        await window.acquire()
        run.n_sent += 1
        task = asyncio.create_task(send(number, intended))
        waiting.add(task)
        task.add_done_callback(waiting.discard)
    await asyncio.gather(*waiting)


def _has_room(run: _Run) -> bool:
    limit = run.phase.structures
    return limit is None or run.n_sent * run.phase.structures_per_request < limit


async def _sent(client: AsyncClient, request: Request, intended: float, sent: float, run: _Run) -> dict[str, object]:
    counts = {"answered": 0, "refused": 0, "failed": 0, "hits": 0}
    error = ""
    try:
        if len(request) <= MAX_PREDICT_STRUCTURES:
            results = await client.predict(request)
        else:
            results = [result async for result in client.screen(request)]
        for result in results:
            if result.error is None:
                counts["answered"] += 1
                counts["hits"] += result.cache_hit
            else:
                counts["failed" if result.error.retryable else "refused"] += 1
    except EpitaxyClientError as failure:
        error = failure.reason
    counts["failed"] += len(request) - counts["answered"] - counts["refused"] - counts["failed"]
    return {"intended": intended, "sent": sent, "done": run.elapsed, "error": error, **counts}


async def _prime(client: AsyncClient, request: Request) -> None:
    if request:
        async for _ in client.screen(request, chunk_size=_PRIME_AT_ONCE):
            pass


async def _watch(run: _Run, pid: int | None, tell: OnProgress) -> None:
    """Progress, and memory where the processes are here."""
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        if pid is not None and os.name == "posix":
            held = await asyncio.to_thread(resident_mib, pid)
            run.outcome.memory.append(MemorySample(run.outcome.answered, run.progress, held))
        tell(run.outcome, run.progress)
