import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from epitaxy.prediction.cache.lru import LruCache
from epitaxy.prediction.cache.tiers import TieredEmbeddings
from epitaxy.prediction.ports import CacheTier

ANY_SPEED = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
EMBEDDING = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_the_least_recently_used_value_goes_first():
    cache = LruCache(3, len)
    for key in (b"a", b"b", b"c"):
        cache.put(key, b"1")
    assert cache.get(b"a") == b"1"
    cache.put(b"d", b"1")
    assert [key for key in (b"a", b"b", b"c", b"d") if cache.get(key) is not None] == [b"a", b"c", b"d"]


def test_a_value_that_is_put_again_is_counted_once():
    cache = LruCache(4, len)
    for _ in range(10):
        cache.put(b"a", b"22")
    cache.put(b"b", b"22")
    assert (cache.get(b"a"), cache.get(b"b"), len(cache)) == (b"22", b"22", 2)


def test_a_cache_of_no_bytes_holds_nothing():
    cache = LruCache(0, len)
    cache.put(b"a", b"1")
    assert cache.get(b"a") is None
    assert len(cache) == 0


@ANY_SPEED
@given(st.lists(st.tuples(st.binary(max_size=1), st.binary(max_size=8))), st.integers(0, 20))
def test_the_bound_holds_and_what_is_held_is_what_was_put(puts, capacity):
    cache, latest = LruCache(capacity, len), {}
    for key, value in puts:
        cache.put(key, value)
        latest[key] = value
        held = {key: cache.get(key) for key in latest if cache.get(key) is not None}
        assert sum(map(len, held.values())) <= capacity
        assert held.items() <= latest.items()
        assert len(held) == len(cache)


async def test_a_store_without_redis_is_bounded_by_bytes():
    store = TieredEmbeddings(10 * EMBEDDING.nbytes, None)
    keys = [bytes([number]) * 16 for number in range(100)]
    for key in keys:
        await store.put({key: EMBEDDING}, {})
    assert list(await store.embeddings(keys)) == keys[-10:]


async def test_graph_keys_have_a_bound_of_their_own():
    store = TieredEmbeddings(100_000, None)
    digests = [number.to_bytes(16) for number in range(1000)]
    await store.put({b"k" * 16: EMBEDDING}, dict.fromkeys(digests, b"k" * 16))
    found = await store.graph_keys(digests)
    assert 0 < len(found) <= 100
    assert list(await store.embeddings([b"k" * 16])) == [b"k" * 16], "keys must not crowd out embeddings"


async def test_a_store_keeps_no_block_alive_for_one_of_its_rows():
    store = TieredEmbeddings(1000, None)
    block = np.arange(60, dtype=np.float32).reshape(10, 2, 3)
    await store.put({b"k": block[4]}, {})
    block[:] = 0
    ((kept, tier),) = (await store.embeddings([b"k"])).values()
    assert tier is CacheTier.LOCAL
    assert kept.base is None
    np.testing.assert_array_equal(kept, np.arange(24, 30).reshape(2, 3))


@pytest.mark.parametrize("asked", [[], [b"unknown"]])
async def test_an_unknown_key_is_absent(asked):
    store = TieredEmbeddings(1000, None)
    assert await store.embeddings(asked) == {}
    assert await store.graph_keys(asked) == {}
