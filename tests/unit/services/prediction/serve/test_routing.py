"""The router between Serve's proxy and intake replicas, through Ray's hooks in the order in which Ray calls them."""

import asyncio
import pickle
import warnings
from dataclasses import dataclass, field

import pytest

with warnings.catch_warnings():
    # Ray Serve's own use of pydantic warns while it is imported.
    warnings.simplefilter("ignore")
    from ray.serve._private.common import (
        DeploymentHandleSource,
        DeploymentID,
        ReplicaID,
        RequestMetadata,
        gRPCRequest,
    )
    from ray.serve.request_router import PendingRequest

from epitaxy.api.internal.v1.prediction_backend_pb2 import EvaluateRequest
from epitaxy.prediction.serve.routing import BYTES_A_MESSAGE, LeastWorkRouter, weight_of

INTAKE = DeploymentID(name="intake", app_name="prediction")


@dataclass(eq=False)
class Replica:
    """The part of a running replica that a router touches."""

    replica_id: ReplicaID
    max_ongoing_requests: int = 32
    multiplexed_model_ids: set = field(default_factory=set)
    is_full: bool = False
    n_asked: int = 0

    async def get_queue_len(self, *, deadline_s: float) -> int:
        self.n_asked += 1
        return self.max_ongoing_requests if self.is_full else 0


@pytest.fixture
def replicas() -> list[Replica]:
    return [Replica(ReplicaID(unique_id=name, deployment_id=INTAKE)) for name in ("a", "b")]


@pytest.fixture
async def router(replicas: list[Replica]) -> LeastWorkRouter:
    handle_source = DeploymentHandleSource.REPLICA
    router = LeastWorkRouter(deployment_id=INTAKE, handle_source=handle_source, use_replica_queue_len_cache=True)
    router.initialize_state()
    router.update_replicas(replicas)
    await asyncio.sleep(0.05)  # until Ray has asked them for their queues
    return router


def message(name: str, n_bytes: int = 1000) -> PendingRequest:
    """As the proxy hands a call on."""
    proto = EvaluateRequest()
    proto.structures.add(id="s", cif="x" * n_bytes)
    metadata = RequestMetadata(request_id=name, internal_request_id=name)
    return PendingRequest(args=[pickle.dumps(gRPCRequest(user_request_proto=proto))], kwargs={}, metadata=metadata)


async def sent(router: LeastWorkRouter, name: str, n_bytes: int = 1000) -> ReplicaID:
    """The replica that a message goes to, which has not answered it."""
    replica = await router._choose_replica_for_request(message(name, n_bytes))
    router.on_send_request(replica.replica_id)
    return replica.replica_id


async def test_a_message_weighs_what_the_proxy_hands_on() -> None:
    assert weight_of(message("large", 50_000)) > 50_000
    assert BYTES_A_MESSAGE < weight_of(message("small", 0)) < BYTES_A_MESSAGE + 1000


async def test_messages_sent_at_once_are_spread(router: LeastWorkRouter) -> None:
    taken = [await sent(router, f"message {number}") for number in range(6)]
    assert taken.count(taken[0]) == 3


async def test_a_replica_with_a_large_message_gets_no_small_ones_until_it_has_answered(
    router: LeastWorkRouter,
) -> None:
    busy = await sent(router, "large", 100_000)
    for number in range(20):
        other = await sent(router, f"small {number}")
        assert other != busy
        # What Serve is told with an answer must not weigh more than what is known.
        router.on_new_queue_len_info(busy, 0)
        router.on_request_completed(other, f"small {number}")
    router.on_request_completed(busy, "large")
    assert {await sent(router, name) for name in ("x", "y")} == {busy, other}


async def test_a_message_that_the_first_replica_cannot_take_weighs_on_the_other(
    router: LeastWorkRouter, replicas: list[Replica]
) -> None:
    full, free = replicas
    router.on_new_queue_len_info(full.replica_id, full.max_ongoing_requests)
    full.is_full = True
    taken = [await sent(router, f"message {number}") for number in range(3)]
    assert set(taken) == {free.replica_id}
    full.is_full = False
    router.on_new_queue_len_info(full.replica_id, 0)
    assert await sent(router, "next") == full.replica_id


async def test_a_replica_that_is_gone_takes_nothing(router: LeastWorkRouter, replicas: list[Replica]) -> None:
    gone = await sent(router, "large", 100_000)
    router.update_replicas([replica for replica in replicas if replica.replica_id != gone])
    router.on_request_completed(gone, "large")
    assert gone not in {await sent(router, name) for name in "xyz"}
    router.update_replicas(replicas)
    assert await sent(router, "small") == gone


async def test_a_message_waits_in_pauses_while_all_are_full(router: LeastWorkRouter, replicas: list[Replica]) -> None:
    for replica in replicas:
        router.on_new_queue_len_info(replica.replica_id, replica.max_ongoing_requests)
        replica.is_full, replica.n_asked = True, 0
    waiting = asyncio.create_task(sent(router, "message"))
    await asyncio.sleep(0.5)
    assert not waiting.done()
    assert sum(replica.n_asked for replica in replicas) < 100
    replicas[1].is_full = False
    assert await asyncio.wait_for(waiting, 5) == replicas[1].replica_id


async def test_a_message_that_is_given_up_before_it_is_sent_weighs_nothing(
    router: LeastWorkRouter, replicas: list[Replica]
) -> None:
    for replica in replicas:
        router.on_new_queue_len_info(replica.replica_id, replica.max_ongoing_requests)
        replica.is_full = True
    waiting = asyncio.create_task(sent(router, "given up", 100_000))
    await asyncio.sleep(0.05)
    waiting.cancel()
    await asyncio.sleep(0.05)
    for replica in replicas:
        replica.is_full = False
        router.on_new_queue_len_info(replica.replica_id, 0)
    taken = [await sent(router, f"message {number}") for number in range(4)]
    assert taken.count(taken[0]) == 2
