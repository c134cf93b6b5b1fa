"""A tenant with eight full streams, and a modest one beside it: where messages wait, tenants take turns."""

import asyncio
import json

import pytest

from epitaxy.api.common.v1.structure_pb2 import StructureInput
from epitaxy.api.prediction.v1.prediction_pb2 import PredictRequest
from epitaxy.chassis.api_keys import KeyHash, new_api_key

N_STREAMS, N_MESSAGES, UPSTREAM = 8, 8, 4


@pytest.fixture
def keys():
    return {"greedy": new_api_key(), "modest": new_api_key(), "favoured": new_api_key()}


@pytest.fixture
async def edge(start_edge, keys, tmp_path):
    tenants = {name: {"key_hashes": [str(KeyHash.of(key))]} for name, key in keys.items()}
    tenants["favoured"]["weight"] = 3
    path = tmp_path / "tenants.json"
    path.write_text(json.dumps(tenants))
    path.chmod(0o600)
    return await start_edge(tenants_file=path, upstream_window=UPSTREAM)


def bearer(key):
    return (("authorization", f"Bearer {key}"),)


def named(stream, number):
    return f"g{stream}-{number}"


async def flood(edge, key, message, backend):
    """Eight streams with more messages than may be upstream; each waits upstream until its gate is opened."""
    backend.gate(*(named(stream, number) for stream in range(N_STREAMS) for number in range(N_MESSAGES)))
    calls = []
    for stream in range(N_STREAMS):
        call = edge.prediction.Screen(metadata=bearer(key))
        for number in range(N_MESSAGES):
            await call.write(message(named(stream, number)))
        calls.append(call)
    return calls


async def test_a_modest_tenant_waits_for_no_queue_of_another(edge, keys, message, backend, eventually):
    calls = await flood(edge, keys["greedy"], message, backend)
    await eventually(lambda: backend.active == UPSTREAM)
    one = PredictRequest(structures=[StructureInput(id="mine", cif="good")])
    waiting = asyncio.ensure_future(edge.prediction.Predict(one, metadata=bearer(keys["modest"])))
    await asyncio.sleep(0.3)
    assert "mine" not in backend.calls, "all places are taken"
    first = next(name for name in backend.calls if name.startswith("g"))
    backend.gates[first].set()
    assert (await asyncio.wait_for(waiting, 5)).results.counts.answered == 1
    assert len(backend.calls) <= UPSTREAM + 2, "it was next, although 60 messages had come before"
    assert {entry["x-tenant-weight"] for entry in backend.metadata} == {"1"}
    for call in calls:
        call.cancel()


async def test_weights_of_the_tenants_file_set_the_shares(edge, keys, message, backend, eventually):
    greedy = await flood(edge, keys["greedy"], message, backend)
    await eventually(lambda: backend.active == UPSTREAM)
    favoured = edge.prediction.Screen(metadata=bearer(keys["favoured"]))
    names = [f"f{number}" for number in range(8)]
    backend.gate(*names)
    for name in names:
        await favoured.write(message(name))
    await asyncio.sleep(0.3)
    for _ in range(6):  # one place gets free at a time
        running = [name for name in backend.calls if not backend.gates[name].is_set()]
        n_calls = len(backend.calls)
        backend.gates[running[0]].set()
        await eventually(lambda n_calls=n_calls: len(backend.calls) > n_calls)
    later = backend.calls[UPSTREAM:]
    assert sum(name.startswith("f") for name in later) >= 4, later
    for call in (*greedy, favoured):
        call.cancel()
