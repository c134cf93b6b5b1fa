"""More lookups at once than there are connections: they wait, and Redis does not count as lost."""

import asyncio
import logging

import pytest

from epitaxy.prediction.cache.redis_client import RedisClient
from epitaxy.prediction.settings import PredictionSettings

N_READS = 300
LOGGER = "epitaxy.prediction.cache.redis_client"


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO, LOGGER)
    return lambda: [record.getMessage() for record in caplog.records if record.name == LOGGER]


async def client_of(redis, states, **settings):
    options = {"redis_timeout_seconds": 5.0, "redis_retry_seconds": 60.0} | settings
    entries = RedisClient(PredictionSettings(redis_url=redis.url, **options), states.append)
    await entries.write([(b"prefix:6b", b"held")])
    return entries


async def reads(entries):
    return await asyncio.gather(*(entries.read(b"prefix:", [b"k"]) for _ in range(N_READS)))


async def test_many_lookups_at_once_all_find_what_redis_holds(redis, states, lines):
    entries = await client_of(redis, states, redis_connections=4)
    assert await reads(entries) == [{b"k": b"held"}] * N_READS
    assert redis.client.info("clients")["connected_clients"] <= 4 + 1
    assert all(states)
    assert lines() == []
    await entries.close()


async def test_an_exhausted_pool_costs_lookups_and_is_no_outage(redis_process, states, lines):
    entries = await client_of(redis_process, states, redis_connections=1, redis_timeout_seconds=1.0)
    await entries.read(b"prefix:", [b"k"])
    # One slow command holds the only connection for less than a command's own time, and longer than others wait.
    slow = asyncio.create_task(entries._guarded(lambda: entries._redis.blpop(["nothing"], timeout=0.8)))
    await asyncio.sleep(0.05)
    entries._redis.connection_pool.timeout = 0.2
    assert await entries.read(b"prefix:", [b"k"]) == {}
    await slow
    assert await entries.read(b"prefix:", [b"k"]) == {b"k": b"held"}, "the breaker stayed closed"
    assert all(states)
    assert [line.split(":")[0] for line in lines()] == ["all connections to Redis are in use"]
    await entries.close()
