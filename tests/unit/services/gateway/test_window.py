import asyncio
from contextlib import aclosing

import pytest

from epitaxy.gateway.window import Window


async def source_of(*items, error=None, closed=None):
    try:
        for item in items:
            yield item
        if error is not None:
            raise error
    finally:
        if closed is not None:
            closed.set()


async def after(seconds):
    await asyncio.sleep(seconds)
    return seconds


async def collected(window):
    async with aclosing(window.results()) as results:
        return [result async for result in results]


async def test_results_come_in_the_order_of_completion():
    assert await collected(Window(source_of(0.06, 0.0, 0.03), after, limit=3)) == [0.0, 0.03, 0.06]


async def test_a_window_of_one_keeps_the_order_of_the_source():
    assert await collected(Window(source_of(0.02, 0.0, 0.01), after, limit=1)) == [0.02, 0.0, 0.01]


async def test_a_full_window_does_not_read():
    read = []

    async def source():
        for number in range(10):
            read.append(number)
            yield number

    forever = asyncio.Event()
    window = Window(source(), lambda _: forever.wait(), limit=2)
    consumer = asyncio.create_task(collected(window))
    await asyncio.sleep(0.02)
    assert read == [0, 1]
    forever.set()
    assert len(await consumer) == 10


async def test_a_failing_source_is_reported_after_the_results_of_what_it_gave():
    results = Window(source_of(0.02, 0.01, error=ValueError("torn")), after, limit=4).results()
    assert [await anext(results), await anext(results)] == [0.01, 0.02]
    with pytest.raises(ValueError, match="torn"):
        await anext(results)


async def test_failing_work_cancels_the_rest_and_closes_the_source():
    cancelled, closed = asyncio.Event(), asyncio.Event()

    async def work(item):
        if item == "bad":
            raise ValueError("unknown model")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with pytest.raises(ValueError, match="unknown model"):
        await collected(Window(source_of("slow", "bad", closed=closed), work, limit=4))
    assert cancelled.is_set()
    assert closed.is_set()


async def test_cancelling_the_consumer_cancels_the_work_and_closes_a_source_that_waits():
    cancelled, closed = asyncio.Event(), asyncio.Event()

    async def source():
        try:
            yield 1
            await asyncio.sleep(60)
        finally:
            closed.set()

    async def work(_):
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.set()

    consumer = asyncio.create_task(collected(Window(source(), work, limit=4)))
    await asyncio.sleep(0.02)
    consumer.cancel()
    await asyncio.wait([consumer])
    assert consumer.cancelled()
    assert cancelled.is_set()
    assert closed.is_set()
