"""Batches by edges, across requests: what a forward pass costs is its edges, and crystals vary a thousandfold."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from epitaxy.chassis.errors import (
    DeadlineExceededError,
    OverloadedError,
)
from epitaxy.prediction.ports import Embedding
from epitaxy_models.errors import EpitaxyError
from epitaxy_models.graphs.graph import CrystalGraph

_LOG = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Job:
    """The graphs of one request and what has become of them."""

    graphs: Sequence[CrystalGraph]
    done: asyncio.Future[None]
    results: list[Embedding | EpitaxyError | None] = field(default_factory=list)
    next_index: int = 0
    n_open: int = 0
    arrived_at: float = field(default_factory=time.perf_counter)

    def settle(self, index: int, result: Embedding | EpitaxyError) -> None:
        if self.results[index] is not None:
            return
        self.results[index] = result
        self.n_open -= 1
        if self.n_open == 0 and not self.done.done():
            self.done.set_result(None)


class EdgeBudgetBatcher:
    """Joins graphs of waiting requests, in turn, into batches of at most ``max_batch_edges`` edges.

    Requests take turns graph by graph, so that one structure never waits behind a block of hundreds. A graph over
    the budget runs alone. A batch that does not fit into memory is halved until it does. While ``max_queued_edges``
    or more wait, requests are shed at once, with the time after which it is worth trying again.
    """

    def __init__(
        self,
        forward: Callable[[list[CrystalGraph]], Iterable[Embedding]],
        executor: Executor,
        max_batch_edges: int,
        max_queued_edges: int,
        on_batch: Callable[[int, float], None] = lambda _edges, _seconds: None,
        on_wait: Callable[[float], None] = lambda _seconds: None,
        on_split: Callable[[], None] = lambda: None,
    ) -> None:
        """``on_batch`` is told edges and seconds of each forward pass, ``on_wait`` how long a request queued."""
        self._forward, self._executor = forward, executor
        self._max_batch, self._max_queued = max_batch_edges, max_queued_edges
        self._on_batch, self._on_wait, self._on_split = on_batch, on_wait, on_split
        self._jobs: deque[_Job] = deque()
        self._queued_edges = 0
        # Edges a second, learned from the batches; the first guess only shapes the first retry hint.
        self._rate = 100_000.0
        self._runner: asyncio.Task[None] | None = None

    @property
    def queued_edges(self) -> int:
        """Edges that wait."""
        return self._queued_edges

    async def submit(self, graphs: Sequence[CrystalGraph], timeout_seconds: float) -> list[Embedding | EpitaxyError]:
        """Embeddings in order, or an error in place of each that has none. Raises OverloadedError when full."""
        if not graphs:
            return []
        if self._queued_edges >= self._max_queued:
            wait = self._queued_edges / self._rate
            raise OverloadedError("the ensemble's queue is full: send it again later", retry_after_seconds=wait)
        job = self._enqueued(graphs)
        try:
            async with asyncio.timeout(timeout_seconds):
                await job.done
        except TimeoutError:
            pass  # what is still open is answered below
        finally:
            self._forget(job)
        late = DeadlineExceededError("the time allowed ran out before the ensemble was done")
        return [late if result is None else result for result in job.results]

    def _enqueued(self, graphs: Sequence[CrystalGraph]) -> _Job:
        job = _Job(graphs, asyncio.get_running_loop().create_future(), [None] * len(graphs), n_open=len(graphs))
        self._jobs.append(job)
        self._queued_edges += sum(graph.n_edges for graph in graphs)
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        return job

    async def _run(self) -> None:
        """Ends with the queue, so that an idle batcher leaves no task behind; the next call starts it again."""
        while self._jobs:
            batch = self._next_batch()
            try:
                self._tell_waits(batch)
                await self._compute(batch)
            except Exception:
                # If the runner died, callers would wait for ever.
                _LOG.exception("a batch of %d graphs was lost", len(batch))
                for job, index in batch:
                    job.settle(index, _failure())

    def _next_batch(self) -> list[tuple[_Job, int]]:
        """Takes graphs in turn from the waiting jobs up to the budget."""
        batch: list[tuple[_Job, int]] = []
        edges = 0
        while self._jobs:
            job = self._jobs[0]
            cost = job.graphs[job.next_index].n_edges
            if batch and edges + cost > self._max_batch:
                break
            batch.append((job, job.next_index))
            edges += cost
            self._queued_edges -= cost
            job.next_index += 1
            self._jobs.popleft()
            if job.next_index < len(job.graphs):
                self._jobs.append(job)
        return batch

    def _tell_waits(self, batch: list[tuple[_Job, int]]) -> None:
        """A request has waited until its first graph is taken."""
        now = time.perf_counter()
        for job, index in batch:
            if index == 0:
                self._on_wait(now - job.arrived_at)

    async def _compute(self, batch: list[tuple[_Job, int]]) -> None:
        graphs = [job.graphs[index] for job, index in batch]
        loop, start = asyncio.get_running_loop(), time.perf_counter()
        try:
            results = await loop.run_in_executor(self._executor, self._embedded, graphs)
        except Exception as error:
            await self._split(batch, error)
            return
        seconds, edges = time.perf_counter() - start, sum(graph.n_edges for graph in graphs)
        for (job, index), result in zip(batch, results, strict=True):
            job.settle(index, result)
        # The time of a near-empty batch says nothing about the rate at which a full queue drains.
        weight = 0.2 * min(1.0, edges / self._max_batch)
        self._rate += weight * (edges / max(seconds, 1e-6) - self._rate)
        self._on_batch(edges, seconds)

    def _embedded(self, graphs: list[CrystalGraph]) -> list[Embedding]:
        """The forward pass, in the executor; a wrong number of results fails here, so that the batch is halved."""
        results = list(self._forward(graphs))
        if len(results) != len(graphs):
            raise RuntimeError(f"the forward pass gave {len(results)} embeddings for {len(graphs)} graphs")
        return results

    async def _split(self, batch: list[tuple[_Job, int]], error: Exception) -> None:
        """Halves a batch that failed, so that what one graph breaks does not take its neighbours along."""
        if len(batch) > 1:
            _LOG.warning("batch of %d graphs failed (%s): halving it", len(batch), type(error).__name__)
            self._on_split()
            middle = len(batch) // 2
            await self._compute(batch[:middle])
            await self._compute(batch[middle:])
            return
        _LOG.error("a graph failed alone", exc_info=error)
        job, index = batch[0]
        job.settle(index, _failure())

    def _forget(self, job: _Job) -> None:
        """Frees the queue of what is left of a job whose caller waits no more."""
        if job.next_index < len(job.graphs):
            self._jobs.remove(job)
            self._queued_edges -= sum(graph.n_edges for graph in job.graphs[job.next_index :])


def _failure() -> EpitaxyError:
    return EpitaxyError("the model failed on this structure: report it")
