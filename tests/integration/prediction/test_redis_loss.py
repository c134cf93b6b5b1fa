"""Redis that goes, hangs, comes back, or never was: slower, never wrong, never an error."""

import asyncio
import logging
import time

import numpy as np
import pytest
from prediction_rig import assert_equal_predictions, hits
from redis_process import free_port

LOGGER = "epitaxy.prediction.cache.redis_client"


@pytest.fixture
def lines(caplog):
    """What the store logged: (level, first words)."""
    caplog.set_level(logging.INFO, LOGGER)

    def logged():
        return [
            (record.levelname, " ".join(record.getMessage().split()[:3]))
            for record in caplog.records
            if record.name == LOGGER
        ]

    return logged


GONE, BACK = ("WARNING", "Redis does not"), ("INFO", "Redis answers again")


async def test_redis_killed_in_the_middle_of_a_run_loses_nothing(redis_process, replica, crystals, lines):
    reference = await replica(redis_process.url).evaluate(crystals)
    subject = replica(redis_process.url, local_bytes=0, redis_retry_seconds=60.0)
    run = [asyncio.create_task(subject.evaluate(crystals)) for _ in range(12)]
    await asyncio.wait(run, return_when=asyncio.FIRST_COMPLETED)
    redis_process.kill()
    blocks = await asyncio.gather(*run, *(subject.evaluate(crystals) for _ in range(8)))
    for block in blocks:
        assert len(hits(block)) == 24
        np.testing.assert_allclose(block.prediction.values, reference.prediction.values, atol=2e-4)
    assert hits(blocks[0]) == [True] * 24
    assert hits(blocks[-1]) == [False] * 24
    assert lines() == [GONE]


async def test_redis_that_is_back_is_used_again(redis_process, replica, crystals, lines, states):
    subject = replica(redis_process.url, local_bytes=0)
    await subject.evaluate(crystals)
    assert all(states)
    redis_process.kill()
    assert hits(await subject.evaluate(crystals)) == [False] * 24
    assert states[-1] is False
    redis_process.start()
    assert await eventually_hits(subject, crystals)
    assert states[-1] is True
    assert lines() == [GONE, BACK]
    redis_process.kill()
    await asyncio.sleep(0.3)
    await subject.evaluate(crystals)
    assert lines() == [GONE, BACK, GONE], "each loss has its own warning"


async def test_a_redis_that_was_never_there_costs_one_warning_and_no_answer(replica, crystals, lines):
    absent = replica(f"redis://127.0.0.1:{free_port()}/0")
    cold, warm = await absent.evaluate(crystals), await absent.evaluate(crystals)
    assert (hits(cold), hits(warm)) == ([False] * 24, [True] * 24)
    assert_equal_predictions(cold, warm)
    assert lines() == [GONE]


async def test_a_host_that_does_not_resolve_costs_one_warning_and_no_answer(replica, crystals, lines):
    block = await replica("redis://redis.invalid:6379/0").evaluate(crystals[:2])
    assert hits(block) == [False, False]
    assert lines() == [GONE]


async def test_a_redis_that_hangs_holds_a_call_for_one_timeout_only(redis_process, replica, crystals, lines):
    timeout = 0.5
    options = {"redis_timeout_seconds": timeout, "redis_retry_seconds": 60.0}
    subject, connected = replica(redis_process.url, **options), replica(redis_process.url, **options)
    await connected.evaluate(crystals[:1])
    without_redis = await seconds_of(subject_without_redis(replica), crystals)
    redis_process.freeze()
    try:
        for hanging in (subject, connected):  # one that must connect first, one that waits for an answer
            first = await seconds_of(hanging, crystals)
            assert timeout * 0.9 < first < timeout + 5 * without_redis + 0.5
            assert await seconds_of(hanging, crystals[::-1]) < 0.9 * timeout, "the breaker is open: nothing waits"
    finally:
        redis_process.thaw()
    assert lines() == [GONE, GONE, GONE], "one for each store, the absent one included"


async def test_many_calls_wait_for_a_hanging_redis_at_the_same_time_and_not_in_turn(
    redis_process, replica, crystals, lines
):
    subject = replica(redis_process.url, redis_timeout_seconds=0.5, redis_retry_seconds=60.0)
    await subject.evaluate(crystals[:1])
    redis_process.freeze()
    try:
        begin = time.monotonic()
        blocks = await asyncio.gather(*(subject.evaluate(crystals[1 + n : 2 + n]) for n in range(20)))
        seconds = time.monotonic() - begin
    finally:
        redis_process.thaw()
    assert all(hits(block) == [False] for block in blocks)
    assert seconds < 5.0  # 20 timeouts in turn would take 10 s
    assert lines() == [GONE]


async def test_an_answer_to_a_question_from_before_the_loss_does_not_count_as_a_return(
    redis_process, replica, crystals, lines
):
    await replica(redis_process.url).evaluate(crystals[:2])
    subject = replica(redis_process.url, local_bytes=0, redis_timeout_seconds=1.0, redis_retry_seconds=60.0)
    await asyncio.gather(*(subject.evaluate([crystal]) for crystal in crystals[:2]))  # two connections are open
    redis_process.freeze()
    lost = asyncio.create_task(subject.evaluate(crystals[:1]))
    await asyncio.sleep(0.6)
    late = asyncio.create_task(subject.evaluate(crystals[1:2]))
    await asyncio.wait([lost])
    assert lines() == [GONE]
    redis_process.thaw()
    await late
    assert lines() == [GONE]
    assert hits(await subject.evaluate(crystals[1:2])) == [False], "the breaker is still open"


async def test_a_full_redis_that_refuses_writes_still_answers_reads(redis, replica, crystals, lines):
    await replica(redis.url).evaluate(crystals[:4])
    redis.client.config_set("maxmemory", 1)
    try:
        subject = replica(redis.url, local_bytes=0, redis_retry_seconds=60.0)
        for _ in range(3):
            block = await subject.evaluate(crystals[:8])
            assert hits(block) == [True] * 4 + [False] * 4
    finally:
        redis.client.config_set("maxmemory", 0)
    assert lines() == [("WARNING", "Redis refuses a")]


def subject_without_redis(replica):
    return replica(f"redis://127.0.0.1:{free_port()}/0", redis_retry_seconds=60.0)


async def seconds_of(subject, crystals):
    begin = time.monotonic()
    await subject.evaluate(crystals)
    return time.monotonic() - begin


async def eventually_hits(subject, crystals):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if all(hits(await subject.evaluate(crystals))):
            return True
        await asyncio.sleep(0.1)
    return False
