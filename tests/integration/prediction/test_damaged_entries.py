"""Redis may hold anything under our names: what is damaged is computed again, with one warning and the same answer."""

import numpy as np
import pytest
from prediction_rig import assert_equal_predictions, hits

from epitaxy.prediction.cache.codec import encode_embedding


def flip_a_byte(entries):
    name, entry = next(iter(entries.items()))
    middle = len(entry) // 2
    return {name: entry[:middle] + bytes([entry[middle] ^ 0x10]) + entry[middle + 1 :]}


def truncate(entries):
    name, entry = next(iter(entries.items()))
    return {name: entry[:-3]}


def empty(entries):
    return {next(iter(entries)): b""}


def text(entries):
    return {next(iter(entries)): b"not ours at all"}


def swap(entries):
    (first, one), (second, other) = list(entries.items())[:2]
    return {first: other, second: one}


def damage_all(entries):
    return {name: entry[::-1] for name, entry in entries.items()}


def warnings_of(caplog):
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


@pytest.mark.parametrize("harm", [flip_a_byte, truncate, empty, text, swap, damage_all])
@pytest.mark.parametrize("kind", ["embedding", "graph-key"])
async def test_a_damaged_entry_is_computed_again_and_replaced(redis, replica, crystals, caplog, kind, harm):
    cold = await replica(redis.url).evaluate(crystals)
    names = sorted(redis.client.keys(f"epitaxy:{kind}:*"))
    intact = {name: redis.client.get(name) for name in names}
    damaged = harm(intact)
    for name, entry in damaged.items():
        redis.client.set(name, entry)
    second = replica(redis.url)
    block = await second.evaluate(crystals)
    assert_equal_predictions(cold, block) if harm is damage_all or kind == "graph-key" else assert_close(cold, block)
    n_computed = len(damaged) if kind == "embedding" else 0
    assert hits(block).count(False) == len(second.backend.embedded) == n_computed
    assert warnings_of(caplog) == [f"{len(damaged)} cache entries are damaged: computing them again"]
    third = replica(redis.url)
    assert hits(await third.evaluate(crystals)) == [True] * 24, "the damaged entry must have been replaced"
    assert len(warnings_of(caplog)) == 1


async def test_an_entry_of_another_shape_is_not_an_answer(redis, replica, crystals, caplog):
    await replica(redis.url).evaluate(crystals[:2])
    name = sorted(redis.client.keys("epitaxy:embedding:*"))[0]
    key = bytes.fromhex(name.decode().rsplit(":", 1)[1])
    cold = await replica(redis.url).evaluate(crystals[:2])
    redis.client.set(name, encode_embedding(key, np.ones((2, 8), dtype=np.float32)))
    block = await replica(redis.url).evaluate(crystals[:2])
    assert hits(block).count(False) == 1
    assert_close(cold, block)
    assert warnings_of(caplog) == ["1 cache entries are damaged: computing them again"]


async def test_a_name_of_another_type_is_a_miss(redis, replica, crystals):
    cold = await replica(redis.url).evaluate(crystals[:2])
    for name in redis.client.keys("epitaxy:embedding:*"):
        redis.client.delete(name)
        redis.client.lpush(name, "a list")
    block = await replica(redis.url).evaluate(crystals[:2])
    assert hits(block) == [False, False]
    assert_equal_predictions(cold, block)


def assert_close(first, second):
    # Computed in another batch: float32 sums in another order.
    np.testing.assert_allclose(first.prediction.values, second.prediction.values, atol=2e-4)
