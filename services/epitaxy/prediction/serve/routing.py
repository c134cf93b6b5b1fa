"""Routes each message to the intake replica with the least outstanding work."""

import asyncio
from functools import partial
from typing import Any
from weakref import WeakSet

from ray.serve.request_router import PendingRequest, ReplicaID, RequestRouter, RunningReplica

from epitaxy.prediction.serve.outstanding_work import OutstandingWork

# Cost of a message in addition to its bytes.
BYTES_A_MESSAGE = 1024


class LeastWorkRouter(RequestRouter):  # type: ignore[misc]  # Ray has no types
    """Weighs messages by their bytes, and counts those of its own that have not ended.

    Serve's own router takes the shorter of two queues as the replicas last told it, which over gRPC they do with their
    answers. Messages here take half a second and a screening sends several at once: of six messages one of two replicas
    got four, and the other waited at the end (docs/adr/0017). Runs in every proxy, each with its own account.
    """

    def initialize_state(self, **_: Any) -> None:
        """Ray calls this once, before anything else."""
        self._outstanding: OutstandingWork[ReplicaID] = OutstandingWork()
        # A message that is tried again has another future.
        self._watched: WeakSet[asyncio.Future[RunningReplica]] = WeakSet()

    def update_replicas(self, replicas: list[RunningReplica]) -> None:
        """These replicas run now."""
        self._outstanding.keep(replica.replica_id for replica in replicas)
        super().update_replicas(replicas)

    async def choose_replicas(
        self, candidate_replicas: list[RunningReplica], pending_request: PendingRequest | None = None
    ) -> list[list[RunningReplica]]:
        """All of them, in the order in which to try them."""
        by_id = {replica.replica_id: replica for replica in candidate_replicas}
        if pending_request is None:
            ranked = self._outstanding.ranked(by_id)
        else:
            ranked = self._chosen_for(pending_request, by_id)
        return [[by_id[replica_id]] for replica_id in ranked]

    def on_request_completed(self, replica_id: ReplicaID, internal_request_id: str) -> None:
        """A message has ended at a replica, in whatever way; ``on_request_routed`` is no sooner over gRPC."""
        self._outstanding.finish(internal_request_id, replica_id)

    def _chosen_for(self, request: PendingRequest, replicas: dict[ReplicaID, RunningReplica]) -> list[ReplicaID]:
        name = request.metadata.internal_request_id
        # Where all are full, Ray pauses before it asks again.
        request.routing_context.should_backoff = True
        if request.future not in self._watched:
            self._watched.add(request.future)
            request.future.add_done_callback(partial(self._settle, name))
        return self._outstanding.choose(name, replicas, weight_of(request))

    def _settle(self, name: str, future: "asyncio.Future[RunningReplica]") -> None:
        """Notes which replica got the message, not always the first choice, or that the message was given up."""
        if future.cancelled() or future.exception() is not None:
            self._outstanding.drop(name)
        else:
            self._outstanding.move(name, future.result().replica_id)


def weight_of(request: PendingRequest) -> int:
    """Bytes of a message; the proxy hands it on as it came."""
    return BYTES_A_MESSAGE + sum(len(part) for part in request.args if isinstance(part, bytes))
