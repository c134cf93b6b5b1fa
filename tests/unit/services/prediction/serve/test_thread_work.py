"""Work in threads of a call that was cancelled ends, and frees its thread for those who wait."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from epitaxy.chassis.request_context import RequestContext, bind_request, current_request
from epitaxy.prediction.serve.thread_work import GivenUpError, check_awaited, run_for_call


@pytest.fixture
def executor():
    with ThreadPoolExecutor(1) as executor:
        yield executor


async def test_the_thread_of_a_cancelled_call_is_free_for_the_next_one(executor):
    begun, ended = threading.Event(), []

    def endless():
        begun.set()
        try:
            while True:
                check_awaited()
                time.sleep(0.001)
        except GivenUpError:
            ended.append(True)
            raise

    call = asyncio.create_task(run_for_call(executor, endless))
    await asyncio.to_thread(begun.wait, 10)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    async with asyncio.timeout(10):
        assert await run_for_call(executor, lambda: 7) == 7
    assert ended == [True]


async def test_work_knows_its_call_and_is_not_ended_by_another(executor):
    bind_request(RequestContext("r-1", "acme"))

    def tenant():
        check_awaited()
        return current_request().tenant

    assert await run_for_call(executor, tenant) == "acme"
    check_awaited()  # outside of any thread of a call
