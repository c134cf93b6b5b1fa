"""Threads that tenants share: one tenant's slow or broken work costs no other tenant anything."""

import asyncio
import threading

import pytest

from epitaxy.chassis.errors import OverloadedError, UnavailableError
from epitaxy.prediction.tenants.lanes import LaneLimits, TenantLanes


@pytest.fixture
def gate():
    """Work that ends when the test says so."""
    event = threading.Event()
    yield event
    event.set()


def pool_of(threads=2, each=1, waiting=1, seconds=20.0):
    return TenantLanes("test", LaneLimits(threads, each, waiting, seconds))


async def test_a_tenant_that_is_stuck_leaves_threads_to_others(gate):
    pool = pool_of()
    stuck = asyncio.create_task(pool.run("slow", lambda: gate.wait(60)))
    waiting = asyncio.create_task(pool.run("slow", lambda: "after"))
    await asyncio.sleep(0.01)
    for _ in range(5):
        assert await pool.run("quick", lambda: threading.current_thread().name) is not None
    assert not stuck.done()
    assert not waiting.done()
    gate.set()
    assert await waiting == "after"
    assert await stuck


async def test_what_a_tenant_cannot_queue_is_shed_and_others_are_not(gate):
    pool = pool_of()
    calls = [asyncio.create_task(pool.run("slow", lambda: gate.wait(60))) for _ in range(2)]
    await asyncio.sleep(0.01)
    with pytest.raises(OverloadedError, match="too many calls of yours") as error:
        await pool.run("slow", lambda: None)
    assert error.value.retry_after_seconds == 1.0
    assert await pool.run("quick", lambda: 7) == 7
    gate.set()
    await asyncio.gather(*calls)
    assert await pool.run("slow", lambda: 7) == 7


async def test_work_given_up_on_keeps_its_place_until_it_ends(gate):
    pool = pool_of(seconds=0.05)
    with pytest.raises(UnavailableError, match="did not answer in time") as error:
        await pool.run("slow", lambda: gate.wait(60))
    assert error.value.reason == "MODEL_TOO_SLOW"
    started = threading.Event()
    with pytest.raises(UnavailableError, match="did not answer in time"):
        await pool.run("slow", started.set)
    assert not started.is_set(), "its only thread is still taken"
    gate.set()
    async with asyncio.timeout(20):
        while True:
            try:
                assert await pool.run("slow", lambda: 7) == 7
                break
            except UnavailableError:
                continue


async def test_an_error_is_the_callers_and_frees_the_thread():
    pool = pool_of()
    for _ in range(3):
        with pytest.raises(ZeroDivisionError, match="division"):
            await pool.run("broken", lambda: 1 / 0)


async def test_a_caller_that_goes_away_leaves_nothing_behind(gate, caplog):
    pool = pool_of()
    task = asyncio.create_task(pool.run("gone", lambda: gate.wait(60) and 1 / 0))
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])
    gate.set()
    assert await pool.run("gone", lambda: 7) == 7
    assert not caplog.records
