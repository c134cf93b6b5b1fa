"""Readings and read files that replicas share: what one replica answered, another answers without work of its own."""

import pytest
from prediction_rig import assert_equal_predictions, hits, poscar, rock_salt, supercell

from epitaxy.prediction.ports import CacheTier, Stage

ROOM = 2**20
TTL_SECONDS = 1234


async def test_another_replica_needs_no_embedding_and_answers_to_the_last_bit(redis, replica, crystals, caplog):
    first, second = replica(redis.url, readings_bytes=ROOM), replica(redis.url, readings_bytes=ROOM)
    cold = await first.evaluate(crystals)
    shared = await second.evaluate(crystals)
    assert hits(shared) == [True] * 24
    assert_equal_predictions(cold, shared)
    assert cold.reviews == shared.reviews
    assert second.metrics.lookups == {CacheTier.LOCAL: 0, CacheTier.SHARED: 24}
    assert second.metrics.stages[Stage.GRAPH] == second.metrics.stages[Stage.EMBED] == 0
    assert_equal_predictions(cold, await second.evaluate(crystals))
    assert second.metrics.lookups == {CacheTier.LOCAL: 24, CacheTier.SHARED: 24}, "kept here from then on"
    assert not caplog.records


async def test_a_text_that_another_replica_read_is_not_read_again(redis, replica, monkeypatch):
    texts = [poscar(rock_salt()), poscar(supercell(rock_salt(), 2)), poscar(rock_salt())]
    cold = await replica(redis.url, readings_bytes=ROOM).evaluate(texts)
    second = replica(redis.url, readings_bytes=ROOM)
    with monkeypatch.context() as patched:
        patched.delattr("epitaxy.prediction.intake.reader.read_text")
        shared = await second.evaluate(texts)
    assert hits(shared) == [True] * 3
    assert_equal_predictions(cold, shared)
    assert [a.outcome.repairs for a in shared.answers] == [a.outcome.repairs for a in cold.answers]


async def test_a_refused_text_is_refused_by_every_replica_and_not_kept(redis, replica):
    broken = poscar(rock_salt())
    broken = type(broken)(broken.text_format, broken.text[:20])
    reasons = []
    for _ in range(2):
        block = await replica(redis.url, readings_bytes=ROOM).evaluate([broken])
        reasons.append(block.answers[0].outcome.reason)
    assert reasons[0] == reasons[1]
    assert not redis.client.keys("epitaxy:text:*")


async def test_names_tell_versions_and_entries_live_for_the_time_set(redis, replica, artifact):
    await replica(redis.url, readings_bytes=ROOM).evaluate([poscar(rock_salt())])
    names = [name.decode() for name in redis.client.keys("*")]
    kinds = sorted(name.split(":")[1] for name in names)
    assert kinds == ["embedding", "graph-key", "reading", "text"]
    model = artifact.digest.removeprefix("sha256:")[:16]
    assert any(name.startswith(f"epitaxy:reading:reading-2:{model}:") for name in names)
    assert any(name.startswith("epitaxy:text:intake-3:") for name in names)
    assert all(TTL_SECONDS - 60 < redis.client.ttl(name) <= TTL_SECONDS for name in names)


async def test_bypassing_the_cache_reads_none_of_it_and_writes_for_others(redis, replica, crystals):
    texts = [poscar(crystal) for crystal in crystals[:3]]
    first = replica(redis.url, readings_bytes=ROOM)
    cold = await first.evaluate(texts)
    assert hits(await replica(redis.url, readings_bytes=ROOM).evaluate(texts, bypass_cache=True)) == [False] * 3
    redis.client.flushall()
    await first.evaluate(texts, bypass_cache=True)
    again = await replica(redis.url, readings_bytes=ROOM).evaluate(texts)
    assert hits(again) == [True] * 3
    assert_equal_predictions(cold, again)


@pytest.mark.parametrize("kind", ["reading", "text"])
async def test_damaged_entries_are_computed_again_with_one_warning(redis, replica, crystals, caplog, kind):
    texts = [poscar(crystal) for crystal in crystals]
    cold = await replica(redis.url, readings_bytes=ROOM).evaluate(texts)
    for name in redis.client.keys(f"epitaxy:{kind}:*"):
        redis.client.set(name, redis.client.get(name)[::-1])
    block = await replica(redis.url, readings_bytes=ROOM).evaluate(texts)
    assert hits(block) == [True] * 24, "the embeddings are there"
    assert_equal_predictions(cold, block)
    warned = [record.getMessage() for record in caplog.records]
    assert warned == ["24 cache entries are damaged: computing them again"]
    # And what is read again takes the place of what was damaged.
    third = replica(redis.url, readings_bytes=ROOM)
    await third.evaluate(texts)
    assert len(caplog.records) == 1


async def test_no_structure_is_written_where_texts_are_not_shared(redis, replica):
    texts = [poscar(rock_salt())]
    for _ in range(2):
        block = await replica(redis.url, readings_bytes=ROOM, share_texts=False).evaluate(texts)
    assert hits(block) == [True]
    assert sorted(name.decode().split(":")[1] for name in redis.client.keys("*")) == [
        "embedding",
        "graph-key",
        "reading",
    ]
