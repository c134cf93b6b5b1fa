"""What the batcher promises: budget, order, turns, shedding, deadlines, and no caller left behind."""

import asyncio
import threading
import time

import numpy as np
import pytest
from prediction_rig import graph_of

from epitaxy.chassis.errors import (
    DeadlineExceededError,
    OverloadedError,
)
from epitaxy.prediction.networks.batcher import EdgeBudgetBatcher
from epitaxy_models.errors import EpitaxyError

BUDGET, QUEUE = 1000, 100_000


class Forward:
    """A forward pass that answers each graph with its mark, keeps its batches, and can be held."""

    def __init__(self, seconds_per_edge=0.0, overhead_seconds=0.0):
        self.batches = []
        self.hold_after = None
        self.seconds_per_edge, self.overhead_seconds = seconds_per_edge, overhead_seconds
        self.may_go, self.has_begun = threading.Event(), threading.Event()
        self.may_go.set()

    def __call__(self, graphs):
        if len(self.batches) == self.hold_after:
            self.hold()
        self.has_begun.set()
        assert self.may_go.wait(30), "the test never let the forward pass go on"
        self.batches.append([graph.n_edges for graph in graphs])
        time.sleep(self.overhead_seconds + self.seconds_per_edge * sum(self.batches[-1]))
        return np.array([[[mark(graph)]] for graph in graphs], dtype=np.float32)

    def hold(self):
        self.may_go.clear()
        self.has_begun.clear()

    async def begun(self):
        assert await asyncio.to_thread(self.has_begun.wait, 30)


def mark(graph):
    return int(graph.multiplicities[0])


def marks(results):
    return [int(result[0, 0]) for result in results]


@pytest.fixture
def forward(executor):  # which waits at its end for what is held here
    held = Forward()
    yield held
    held.may_go.set()


@pytest.fixture
def batcher(forward, executor):
    return EdgeBudgetBatcher(forward, executor, BUDGET, QUEUE)


async def occupied(batcher, forward):
    """A call whose only graph is in the forward pass, which is held."""
    forward.hold()
    call = asyncio.create_task(batcher.submit([graph_of(1, mark=-1)], 30))
    await forward.begun()
    return call


async def test_no_graphs_are_answered_without_a_forward_pass(batcher, forward):
    assert await batcher.submit([], 1) == []
    assert forward.batches == []


async def test_each_call_gets_its_own_results_in_its_own_order(batcher):
    calls = [[graph_of(150 + 37 * (index % 9), mark=100 * call + index) for index in range(12)] for call in range(8)]
    answers = await asyncio.gather(*(batcher.submit(graphs, 30) for graphs in calls))
    assert [marks(answer) for answer in answers] == [[mark(graph) for graph in graphs] for graphs in calls]


async def test_batches_keep_to_the_edge_budget_and_an_oversized_graph_runs_alone(batcher, forward):
    rng = np.random.default_rng(3)
    sizes = [int(size) for size in rng.integers(0, 700, size=200)]
    sizes[20] = sizes[21] = sizes[150] = 5 * BUDGET
    await asyncio.gather(*(batcher.submit([graph_of(size) for size in sizes[start::4]], 30) for start in range(4)))
    assert sorted(size for batch in forward.batches for size in batch) == sorted(sizes)
    assert all(sum(batch) <= BUDGET or batch == [5 * BUDGET] for batch in forward.batches)
    # Neighbours in the queue share a batch as long as they fit: two batches in a row never fit into one.
    assert len(forward.batches) < 2 * sum(sizes) / BUDGET + 2


async def test_calls_share_a_batch(batcher, forward):
    first = await occupied(batcher, forward)
    calls = [asyncio.create_task(batcher.submit([graph_of(100, mark=number)], 30)) for number in range(10)]
    await asyncio.sleep(0)
    forward.may_go.set()
    assert [marks(answer) for answer in await asyncio.gather(*calls)] == [[number] for number in range(10)]
    assert forward.batches == [[1], [100] * 10]
    await first


@pytest.mark.parametrize("size", [300, 600, 5 * BUDGET])
async def test_a_single_structure_waits_for_two_batches_at_most_behind_a_block_of_large_ones(forward, executor, size):
    batcher = EdgeBudgetBatcher(forward, executor, BUDGET, 300 * size)
    forward.hold()
    block = asyncio.create_task(batcher.submit([graph_of(size)] * 300, 30))
    await forward.begun()
    single = asyncio.create_task(batcher.submit([graph_of(50, mark=7)], 30))
    await asyncio.sleep(0)
    forward.may_go.set()
    assert marks(await single) == [7]
    position = next(index for index, batch in enumerate(forward.batches) if 50 in batch)
    assert position <= 2
    assert not block.done()
    await block


async def test_a_large_structure_is_not_overtaken_by_a_stream_of_small_ones(batcher, forward):
    first = await occupied(batcher, forward)
    large = asyncio.create_task(batcher.submit([graph_of(5 * BUDGET, mark=9)], 30))
    small = [asyncio.create_task(batcher.submit([graph_of(400)] * 20, 30)) for _ in range(5)]
    await asyncio.sleep(0)
    forward.may_go.set()
    assert marks(await large) == [9]
    assert forward.batches.index([5 * BUDGET]) <= 1
    await asyncio.gather(first, *small)


async def test_a_full_queue_sheds_with_the_time_after_which_it_is_empty(executor):
    forward = Forward(seconds_per_edge=2e-5)
    batcher = EdgeBudgetBatcher(forward, executor, BUDGET, QUEUE)
    await batcher.submit([graph_of(BUDGET)] * 30, 30)  # from these it learns its rate: 50,000 edges a second
    first = await occupied(batcher, forward)
    waiting = asyncio.create_task(batcher.submit([graph_of(BUDGET)] * (QUEUE // BUDGET), 30))
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError, match="the ensemble's queue is full: send it again later") as shed:
        await batcher.submit([graph_of(1)], 30)
    assert 1.0 < shed.value.retry_after_seconds < 4.0  # QUEUE edges take 2 s
    forward.seconds_per_edge = 0.0
    forward.may_go.set()
    await asyncio.gather(first, waiting)
    assert marks(await batcher.submit([graph_of(1, mark=5)], 30)) == [5]


async def test_the_retry_hint_is_not_spoilt_by_a_time_of_small_calls(executor):
    forward = Forward(seconds_per_edge=1e-6, overhead_seconds=0.002)
    batcher = EdgeBudgetBatcher(forward, executor, BUDGET, QUEUE)
    for _ in range(30):
        await batcher.submit([graph_of(4)], 30)  # 2,000 edges a second: at that rate the queue would take 50 s
    first = await occupied(batcher, forward)
    waiting = asyncio.create_task(batcher.submit([graph_of(BUDGET)] * (QUEUE // BUDGET), 30))
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError, match="queue is full") as shed:
        await batcher.submit([graph_of(1)], 30)
    assert shed.value.retry_after_seconds < 5.0
    forward.may_go.set()
    await asyncio.gather(first, waiting)


async def test_a_block_larger_than_the_queue_is_taken_while_the_queue_is_not_full(batcher, forward):
    first = await occupied(batcher, forward)
    small = asyncio.create_task(batcher.submit([graph_of(100)], 30))
    await asyncio.sleep(0)
    block = asyncio.create_task(batcher.submit([graph_of(BUDGET, mark=3)] * (2 * QUEUE // BUDGET), 30))
    await asyncio.sleep(0)
    forward.may_go.set()
    assert marks(await block) == [3] * (2 * QUEUE // BUDGET)
    await asyncio.gather(first, small)


async def test_a_call_ends_at_its_deadline_and_frees_the_queue(batcher, forward):
    first = await occupied(batcher, forward)
    begin = time.monotonic()
    results = await batcher.submit([graph_of(400)] * 50, 0.1)
    assert 0.09 < time.monotonic() - begin < 2.0
    assert len(results) == 50
    assert all(isinstance(result, DeadlineExceededError) for result in results)
    assert batcher.queued_edges == 0
    forward.may_go.set()
    await first
    assert forward.batches == [[1]], "what nobody waits for must not be computed"


async def test_a_deadline_keeps_what_was_computed_before_it(batcher, forward):
    forward.hold_after = 2
    results = await batcher.submit([graph_of(BUDGET, mark=number) for number in range(5)], 1.0)
    assert marks(results[:2]) == [0, 1]
    assert all(isinstance(result, DeadlineExceededError) for result in results[2:])
    assert batcher.queued_edges == 0


async def test_a_graph_in_the_forward_pass_does_not_hold_its_caller_beyond_the_deadline(batcher, forward):
    forward.hold()
    results = await asyncio.wait_for(batcher.submit([graph_of(10)], 0.1), timeout=5)
    assert isinstance(results[0], DeadlineExceededError)
    forward.may_go.set()
    assert marks(await batcher.submit([graph_of(10, mark=4)], 30)) == [4]


async def test_a_cancelled_call_frees_the_queue_and_others_go_on(batcher, forward):
    first = await occupied(batcher, forward)
    leaving = asyncio.create_task(batcher.submit([graph_of(300)] * 100, 30))
    staying = asyncio.create_task(batcher.submit([graph_of(300, mark=6)] * 2, 30))
    await asyncio.sleep(0)
    assert batcher.queued_edges == 102 * 300
    leaving.cancel()
    await asyncio.wait([leaving])
    assert leaving.cancelled()
    assert batcher.queued_edges == 600
    forward.may_go.set()
    assert marks(await staying) == [6, 6]
    await first
    assert forward.batches == [[1], [300, 300]]


async def test_a_call_cancelled_in_the_forward_pass_harms_nobody(batcher, forward):
    forward.hold()
    leaving = asyncio.create_task(batcher.submit([graph_of(300)], 30))
    await forward.begun()
    staying = asyncio.create_task(batcher.submit([graph_of(300, mark=6)], 30))
    await asyncio.sleep(0)
    leaving.cancel()
    forward.may_go.set()
    assert marks(await staying) == [6]
    assert leaving.cancelled()


async def test_an_observer_sees_edges_and_seconds_of_every_batch(forward, executor):
    seen = []
    batcher = EdgeBudgetBatcher(forward, executor, BUDGET, QUEUE, lambda edges, seconds: seen.append((edges, seconds)))
    await batcher.submit([graph_of(600), graph_of(300), graph_of(200)], 30)
    assert [edges for edges, _ in seen] == [900, 200]
    assert all(seconds > 0 for _, seconds in seen)


@pytest.mark.parametrize("seed", range(4))
async def test_every_one_of_hundreds_of_callers_is_answered_whatever_happens_around_it(executor, seed):
    """Failures, cancellations, deadlines and an overfull queue together: no hang, no foreign answer, no leak."""
    rng = np.random.default_rng(seed)

    def sometimes_failing(graphs):
        if any(mark(graph) % 17 == 0 for graph in graphs):
            raise MemoryError("seventeen")
        return np.array([[[mark(graph)]] for graph in graphs], dtype=np.float32)

    batcher = EdgeBudgetBatcher(sometimes_failing, executor, BUDGET, 60_000)

    async def call(number):
        await asyncio.sleep(rng.random() * 0.2)
        graphs = [graph_of(int(rng.integers(0, 800)), 1000 * number + index) for index in range(rng.integers(1, 30))]
        return graphs, await batcher.submit(graphs, float(rng.choice([0.01, 30.0])))

    tasks = [asyncio.create_task(call(number)) for number in range(300)]
    for task in tasks[::10]:
        asyncio.get_running_loop().call_later(0.05 + 0.2 * rng.random(), task.cancel)
    done, pending = await asyncio.wait(tasks, timeout=30)
    assert not pending
    outcomes = {"answered": 0, "failed": 0}
    for task in done:
        if task.cancelled() or isinstance(task.exception(), OverloadedError):
            continue
        for graph, result in zip(*task.result(), strict=True):
            is_error = isinstance(result, EpitaxyError)
            outcomes["failed" if is_error else "answered"] += 1
            assert is_error or (result[0, 0] == mark(graph) and mark(graph) % 17)
    assert min(outcomes.values()) > 0
    assert batcher.queued_edges == 0
