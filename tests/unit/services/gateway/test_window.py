import asyncio
from collections import defaultdict
from contextlib import aclosing

import pytest

from epitaxy.gateway.window import Window


class Gates:
    """Work that is done with an item once the item's gate is opened."""

    def __init__(self, *opened):
        self.begun = []
        self.cancelled = []
        self.begins = defaultdict(asyncio.Event)
        self._gates = defaultdict(asyncio.Event)
        self.open(*opened)

    async def __call__(self, item):
        self.begun.append(item)
        self.begins[item].set()
        try:
            await self._gates[item].wait()
        except asyncio.CancelledError:
            self.cancelled.append(item)
            raise
        return item

    def open(self, *items):
        for item in items:
            self._gates[item].set()


async def source_of(*items, error=None, closed=None):
    try:
        for item in items:
            yield item
        if error is not None:
            raise error
    finally:
        if closed is not None:
            closed.set()


async def collected(window):
    async with aclosing(window.results()) as results:
        return [result async for result in results]


async def let_everything_run():
    """Turns the event loop until nothing in these tests can go on by itself: none of them waits for time or input."""
    for _ in range(100):
        await asyncio.sleep(0)


async def test_results_come_in_the_order_of_completion():
    gates = Gates()
    async with aclosing(Window(source_of("a", "b", "c"), gates, limit=3).results()) as results:
        for item in "bca":
            following = asyncio.ensure_future(anext(results))
            await let_everything_run()
            assert gates.begun == ["a", "b", "c"]
            assert not following.done(), "no result before any work is done"
            gates.open(item)
            assert await following == item
        with pytest.raises(StopAsyncIteration):
            await anext(results)


async def test_a_window_of_one_keeps_the_order_of_the_source():
    gates = Gates("b", "c")
    consumer = asyncio.create_task(collected(Window(source_of("a", "b", "c"), gates, limit=1)))
    await let_everything_run()
    assert gates.begun == ["a"]
    gates.open("a")
    assert await consumer == gates.begun == ["a", "b", "c"]


async def test_a_full_window_does_not_read():
    read = []

    async def source():
        for number in range(10):
            read.append(number)
            yield number

    gates = Gates()
    consumer = asyncio.create_task(collected(Window(source(), gates, limit=2)))
    await let_everything_run()
    assert read == [0, 1]
    gates.open(0)
    await let_everything_run()
    assert read == [0, 1, 2]
    gates.open(*range(10))
    assert sorted(await consumer) == list(range(10)), "what is done at once has no order"


async def test_a_failing_source_is_reported_after_the_results_of_what_it_gave():
    gates = Gates()
    async with aclosing(Window(source_of("a", "b", error=ValueError("torn")), gates, limit=4).results()) as results:
        for item in "ba":
            following = asyncio.ensure_future(anext(results))
            await let_everything_run()
            assert not following.done(), "the source has failed by now, and work is still under way"
            gates.open(item)
            assert await following == item
        with pytest.raises(ValueError, match="torn"):
            await anext(results)


async def test_failing_work_cancels_the_rest_and_closes_the_source():
    closed = asyncio.Event()
    gates = Gates()

    async def work(item):
        if item == "bad":
            await gates.begins["slow"].wait()
            raise ValueError("unknown model")
        return await gates(item)

    with pytest.raises(ValueError, match="unknown model"):
        await collected(Window(source_of("slow", "bad", closed=closed), work, limit=4))
    assert gates.cancelled == ["slow"]
    assert closed.is_set()


async def test_cancelling_the_consumer_cancels_the_work_and_closes_a_source_that_waits():
    waits, closed = asyncio.Event(), asyncio.Event()
    gates = Gates()

    async def source():
        try:
            yield 1
            waits.set()
            await asyncio.Event().wait()
        finally:
            closed.set()

    consumer = asyncio.create_task(collected(Window(source(), gates, limit=4)))
    await waits.wait()
    await gates.begins[1].wait()
    consumer.cancel()
    await asyncio.wait([consumer])
    assert consumer.cancelled()
    assert gates.cancelled == [1]
    assert closed.is_set()
