"""Streams that hold what others need: a tenant's share, an idle limit, a slot from the first message on."""

import asyncio
import json

import grpc
import pytest

from epitaxy.api.common.v1.structure_pb2 import StructureInput
from epitaxy.api.prediction.v1.prediction_pb2 import ScreenRequest
from epitaxy.chassis.api_keys import KeyHash, new_api_key
from epitaxy.chassis.status import from_trailing_metadata
from epitaxy.client import Client

MESSAGE = ScreenRequest(structures=[StructureInput(id="s0", cif="good")])
ROCK_SALT = ([[0.0, 2.8, 2.8], [2.8, 0.0, 2.8], [2.8, 2.8, 0.0]], ["Na", "Cl"], [[0.0] * 3, [0.5] * 3])


@pytest.fixture
def keys():
    return {"acme": new_api_key(), "globex": new_api_key()}


@pytest.fixture
def start(start_edge, keys, tmp_path):
    async def start_with_tenants(**settings):
        path = tmp_path / "tenants.json"
        path.write_text(json.dumps({name: {"key_hashes": [str(KeyHash.of(key))]} for name, key in keys.items()}))
        path.chmod(0o600)
        return await start_edge(tenants_file=path, **settings)

    return start_with_tenants


def bearer(key):
    return (("authorization", f"Bearer {key}"),)


async def failure(call):
    with pytest.raises(grpc.aio.AioRpcError, match="StatusCode") as caught:
        await call
    return caught.value


async def test_silent_streams_of_one_tenant_lock_nobody_out(start, keys):
    edge = await start(max_screens=8)
    silent = [edge.prediction.Screen(metadata=bearer(keys["acme"])) for _ in range(32)]
    await asyncio.gather(*(call.wait_for_connection() for call in silent))
    holding = []
    for _ in range(2):  # a quarter of eight
        call = edge.prediction.Screen(metadata=bearer(keys["acme"]))
        await call.write(MESSAGE)
        assert (await call.read()).results.counts.answered == 1
        holding.append(call)
    over = edge.prediction.Screen(iter([MESSAGE]), metadata=bearer(keys["acme"]))
    error = from_trailing_metadata((await failure(over.read())).trailing_metadata())
    assert (error.reason, error.message) == ("QUOTA_EXCEEDED", "the quota of 2 concurrent screens is used up")
    other = edge.prediction.Screen(iter([MESSAGE]), metadata=bearer(keys["globex"]))
    assert (await other.read()).results.counts.answered == 1
    for call in (*silent, *holding, other):
        call.cancel()


async def test_an_idle_stream_ends_and_one_that_waits_for_an_answer_does_not(start, keys, backend, message):
    edge = await start(screen_idle_seconds=0.5)
    backend.gate("slow")
    waiting = edge.prediction.Screen(metadata=bearer(keys["acme"]))
    await waiting.write(message("slow"))
    silent = edge.prediction.Screen(metadata=bearer(keys["acme"]))
    error = await asyncio.wait_for(failure(silent.read()), 5)
    assert from_trailing_metadata(error.trailing_metadata()).reason == "IDLE_STREAM"
    await asyncio.sleep(0.5)
    backend.gates["slow"].set()
    assert (await waiting.read()).results.counts.answered == 1
    assert (await failure(waiting.read())).code() is grpc.StatusCode.UNAVAILABLE


async def test_a_client_whose_source_is_slower_than_the_idle_limit_notices_nothing(start, keys):
    edge = await start(screen_idle_seconds=0.3)

    def slow():
        for number in range(3):
            yield (f"s{number}", ROCK_SALT)
            asyncio.run(asyncio.sleep(0.8))

    def screen():
        with Client(edge.gateway.address, api_key=keys["acme"], timeout=15, patience=15) as client:
            return [(result.id, result.error) for result in client.screen(slow(), chunk_size=1)]

    assert sorted(await asyncio.to_thread(screen)) == [("s0", None), ("s1", None), ("s2", None)]
