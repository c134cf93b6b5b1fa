"""Two tenants on one cache, in a real Redis: a hit tells what one's own tenant asked, and nothing of another's."""

import numpy as np
import pytest
from prediction_rig import hits, rotated
from tenant_rig import inputs_of

from epitaxy.chassis.request_context import RequestContext, bind_request
from epitaxy.prediction.cache.own_hits import OwnHits
from epitaxy.prediction.cache.redis_client import RedisClient
from epitaxy.prediction.domain import TextSource
from epitaxy.prediction.ports import CacheTier
from epitaxy.prediction.settings import PredictionSettings
from epitaxy_models.structures import TextFormat


@pytest.fixture
async def replica_of(replica, redis):
    """A replica as `open_substrates` composes one, with what it remembers of who asked."""
    clients = []

    def build(**options):
        rig = replica(redis.url, readings_bytes=2**20, **options)
        entries = RedisClient(PredictionSettings(redis_url=redis.url, redis_timeout_seconds=2.0))
        clients.append(entries)
        rig.service._own_hits = OwnHits(entries)
        return rig

    yield build
    for client in clients:
        await client.close()


async def asked(rig, tenant, crystals):
    bind_request(RequestContext(tenant=tenant))
    return await rig.evaluate(crystals)


async def test_a_hit_tells_of_ones_own_tenant_only_on_every_replica(replica_of, crystals):
    first, second = replica_of(), replica_of()
    mine = await asked(first, "acme", crystals)
    assert hits(mine) == [False] * 24
    for rig in (first, second):  # what this replica holds itself, and what it finds in Redis
        other = await asked(rig, f"globex-{rig is first}", crystals)
        assert hits(other) == [False] * 24, "another tenant's questions stay that tenant's"
        np.testing.assert_array_equal(other.prediction.values, mine.prediction.values)
    assert hits(await asked(first, "acme", crystals)) == [True] * 24
    assert hits(await asked(second, "acme", crystals)) == [True] * 24
    assert first.backend.embedded
    assert not second.backend.embedded, "the cache itself is shared"


async def test_another_cell_of_a_crystal_that_one_asked_for_is_a_hit_and_for_others_none(replica_of, crystals):
    rig = replica_of()
    await asked(rig, "acme", crystals[:4])
    turned = [rotated(crystal) for crystal in crystals[:4]]
    assert hits(await asked(rig, "globex", turned)) == [False] * 4
    assert hits(await asked(rig, "acme", [rotated(crystal, 1) for crystal in crystals[:4]])) == [True] * 4
    bind_request(RequestContext(tenant="initech"))
    answers, _ = await rig.service.embed([])
    assert answers == []


async def test_marks_name_neither_tenant_nor_structure(replica_of, redis, crystals):
    block = await asked(replica_of(), "acme", crystals[:2])
    marks = [key for key in redis.client.keys("*") if key.startswith(b"epitaxy:asked:")]
    assert len(marks) == 4  # of each the structure and its crystal
    digests = {answer.outcome.digest.hex().encode() for answer in block.answers}
    assert not any(b"acme" in key or any(digest in key for digest in digests) for key in marks)
    assert all(redis.client.ttl(key) > 0 for key in marks)


async def asked_apart(rig, tenant, crystals):
    bind_request(RequestContext(tenant=tenant, has_own_cache=True))
    return await rig.evaluate(crystals)


async def test_a_tenant_with_a_cache_of_its_own_shares_nothing_in_either_direction(replica_of, redis, crystals):
    texts = [TextSource(TextFormat.POSCAR, entry.poscar) for entry in inputs_of(crystals[:3])]
    asked_for = [*crystals[3:12], *texts]
    first, second = replica_of(), replica_of()
    mine = await asked_apart(first, "acme", asked_for)
    names = redis.client.keys("*")
    assert names
    assert all(name.startswith(b"epitaxy:own:") for name in names), "the shared account may read them, and no other"
    assert not any(b"acme" in name for name in names)
    n_own = len(first.backend.embedded)
    other = await asked(first, "globex", asked_for)
    assert len(first.backend.embedded) == 2 * n_own, "what acme asked hastens nobody"
    assert first.metrics.lookups[CacheTier.LOCAL] == first.metrics.lookups[CacheTier.SHARED] == 0
    np.testing.assert_array_equal(other.prediction.values, mine.prediction.values)
    for rig in (first, second):  # its own entries, here and in Redis
        assert hits(await asked_apart(rig, "acme", asked_for)) == [True] * len(asked_for)
    assert not second.backend.embedded
    await asked_apart(second, "initech", asked_for)
    assert len(second.backend.embedded) == n_own, "two caches of their own are two"
    assert hits(await asked(second, "globex", asked_for)) == [True] * len(asked_for)
