"""Which intake replica a message goes to: the one with the least work before it."""

import asyncio
from typing import Any

from ray.serve.request_router import PendingRequest, ReplicaID, RequestRouter, RunningReplica

from epitaxy.prediction.outstanding import OutstandingWork

# What a message costs beside its bytes.
_BYTES_A_MESSAGE = 1024


class LeastWorkRouter(RequestRouter):  # type: ignore[misc]  # Ray has no types
    """Weighs messages by their bytes, and counts those of its own that are unanswered.

    Serve's own router takes the shorter of two queues as the replicas last told it. Messages here take half a second
    and a screening sends several at once, so what a replica told lags behind what was sent to it: of six messages one
    of two replicas got four, and the other waited at the end (docs/adr/0017). Runs in every proxy, each with its own
    account.
    """

    def initialize_state(self, **_: Any) -> None:
        """Ray calls this once, before anything else."""
        self._outstanding: OutstandingWork[ReplicaID] = OutstandingWork()

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
            name = pending_request.metadata.internal_request_id
            ranked = self._outstanding.choose(name, by_id, weight_of(pending_request))
        return [[by_id[replica_id]] for replica_id in ranked]

    def on_request_routed(self, pending_request: PendingRequest, replica_id: ReplicaID, result: Any) -> None:
        """A replica has accepted a message: it is that one's work until the answer."""
        weight, loop = weight_of(pending_request), asyncio.get_running_loop()
        self._outstanding.accept(pending_request.metadata.internal_request_id, replica_id, weight)
        result.add_done_callback(lambda _: loop.call_soon_threadsafe(self._outstanding.finish, replica_id, weight))


def weight_of(request: PendingRequest) -> int:
    """Bytes of a message; the proxy hands it on as it came."""
    return _BYTES_A_MESSAGE + sum(len(part) for part in request.args if isinstance(part, bytes))
