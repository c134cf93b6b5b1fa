"""Replicas that share one Redis: what one computed, none computes again, and every tier gives the same answer."""

import asyncio

import numpy as np
from prediction_rig import assert_equal_predictions, hits, poscar, rock_salt, rotated, supercell

from epitaxy.prediction.ports import CacheTier, Stage
from epitaxy_models.graphs.graph import build_graph
from epitaxy_models.structures import check_structure

TTL_SECONDS = 1234


async def test_cold_local_and_shared_answers_are_equal_to_the_last_bit(redis, replica, crystals, caplog):
    first, second = replica(redis.url), replica(redis.url)
    cold = await first.evaluate(crystals)
    local = await first.evaluate(crystals)
    shared = await second.evaluate(crystals)
    again = await second.evaluate(crystals)
    assert hits(cold) == [False] * 24
    assert hits(local) == hits(shared) == hits(again) == [True] * 24
    for block in (local, shared, again):
        assert_equal_predictions(cold, block)
    assert first.metrics.lookups == {CacheTier.MISS: 24, CacheTier.LOCAL: 24, CacheTier.SHARED: 0}
    assert second.metrics.lookups == {CacheTier.MISS: 0, CacheTier.LOCAL: 24, CacheTier.SHARED: 24}
    assert second.backend.embedded == []
    assert second.metrics.stages[Stage.GRAPH] == 0, "a known structure needs no graph"
    assert not caplog.records


async def test_another_cell_of_a_crystal_that_another_replica_saw_is_a_hit(redis, replica, crystals):
    await replica(redis.url).evaluate(crystals[:6])
    others = [rotated(supercell(crystal, 2), seed) for seed, crystal in enumerate(crystals[:6])]
    second = replica(redis.url)
    assert hits(await second.evaluate(others)) == [True] * 6
    assert second.backend.embedded == []
    assert redis.client.dbsize() == 6 + 12, "one embedding a crystal, one graph key a cell"


async def test_a_file_and_a_block_of_one_crystal_share_an_entry(redis, replica):
    await replica(redis.url).evaluate([rock_salt()])
    assert hits(await replica(redis.url).evaluate([poscar(rock_salt())])) == [True]


async def test_entries_name_model_and_featurizer_and_live_for_the_time_set(redis, replica):
    await replica(redis.url, model="0123456789abcdef", rule="quotient-9/k7").evaluate([rock_salt()])
    graph_key = build_graph(rock_salt()).key.hex()
    digest = check_structure(rock_salt()).structure.content_digest().hex()
    names = {name.decode() for name in redis.client.keys("*")}
    assert names == {
        f"epitaxy:embedding:0123456789abcdef:{graph_key}",
        f"epitaxy:graph-key:quotient-9/k7:{digest}",
    }
    assert all(TTL_SECONDS - 60 < redis.client.ttl(name) <= TTL_SECONDS for name in names)


async def test_another_model_or_featurizer_never_meets_an_entry(redis, replica):
    await replica(redis.url, model="one", rule="first").evaluate([rock_salt()])
    other_model = replica(redis.url, model="two", rule="first")
    assert hits(await other_model.evaluate([rock_salt()])) == [False]
    assert other_model.metrics.lookups[CacheTier.MISS] == 1
    other_rule = replica(redis.url, model="one", rule="second")
    await other_rule.evaluate([rock_salt()])
    assert other_rule.metrics.stages[Stage.GRAPH] == 1


async def test_bypassing_the_cache_reads_nothing_and_writes_for_others(redis, replica, crystals):
    first = replica(redis.url)
    cold = await first.evaluate(crystals, bypass_cache=True)
    bypassed = await first.evaluate(crystals, bypass_cache=True)
    shared = await replica(redis.url).evaluate(crystals)
    assert hits(cold) == hits(bypassed) == [False] * 24
    assert hits(shared) == [True] * 24
    assert_equal_predictions(cold, shared)


async def test_an_embedding_that_redis_evicted_is_computed_again(redis, replica, crystals, caplog):
    cold = await replica(redis.url).evaluate(crystals)
    evicted = redis.client.keys("epitaxy:embedding:*")
    redis.client.delete(*evicted)
    second = replica(redis.url)
    again = await second.evaluate(crystals)
    assert hits(again) == [False] * 24
    assert_equal_predictions(cold, again)
    assert second.metrics.lookups[CacheTier.MISS] == 24, "a lookup counts once"
    assert redis.client.exists(*evicted) == 24
    assert not caplog.records


async def test_a_graph_key_that_redis_evicted_costs_the_graph_only(redis, replica, crystals):
    await replica(redis.url).evaluate(crystals)
    redis.client.delete(*redis.client.keys("epitaxy:graph-key:*"))
    second = replica(redis.url)
    assert hits(await second.evaluate(crystals)) == [True] * 24
    assert second.metrics.stages[Stage.GRAPH] == 1
    assert len(redis.client.keys("epitaxy:graph-key:*")) == 24


async def test_a_block_longer_than_a_pipeline_comes_back_whole(redis, replica):
    numbers = [3, 11, 19, 37, 55, 47, 29, 4, 12, 20, 38, 56, 30, 48, 25]
    pairs = [rock_salt(a, b) for a in numbers for b in (9, 17, 35, 53, 8, 16, 34, 52, 7, 15)]
    assert len(pairs) > 128
    cold = await replica(redis.url).evaluate(pairs)
    shared = await replica(redis.url).evaluate(pairs)
    assert hits(shared) == [True] * len(pairs)
    assert_equal_predictions(cold, shared)


async def test_calls_cancelled_in_the_middle_never_leave_their_answers_to_others(redis, replica, crystals):
    """A connection that was given up half-way would hand its late answer to the next caller."""
    reference = await replica(redis.url).evaluate(crystals)
    subject = replica(redis.url, local_bytes=0)
    rng = np.random.default_rng(5)
    for _ in range(40):
        task = asyncio.create_task(subject.evaluate(crystals[::-1]))
        await asyncio.sleep(0.01 * rng.random())
        task.cancel()
        await asyncio.wait([task])
    assert_equal_predictions(reference, await subject.evaluate(crystals))
