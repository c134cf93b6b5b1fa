"""The calls of the campaign service."""

import math
import time
from collections.abc import AsyncGenerator
from typing import Any

import grpc

from epitaxy.api.campaigns.v1 import campaigns_pb2, campaigns_pb2_grpc
from epitaxy.client.async_calls import AsyncCalls
from epitaxy.client.connection import Connection, new_request_id
from epitaxy.client.errors import Fault

# A watch is renewed now and then, so that a connection that died without a word is found out.
_WATCH_SECONDS = 300.0
_ENDS = (campaigns_pb2.CAMPAIGN_STATE_CLOSED, campaigns_pb2.CAMPAIGN_STATE_FAILED)


class AsyncCampaignCalls(AsyncCalls):
    """Sends unary calls, and reads the two streams over lost connections."""

    def __init__(self, channel: Any, connection: Connection) -> None:
        super().__init__(connection)
        self.stub = campaigns_pb2_grpc.CampaignServiceStub(channel)  # type: ignore[no-untyped-call]  # generated

    async def export(self, name: str, kind: campaigns_pb2.ExportFormat) -> bytes:
        """Returns a whole record. Raises EpitaxyClientError."""
        request = campaigns_pb2.ExportCampaignRequest(name=name, format=kind)
        return await self.download(self.stub.ExportCampaign, request, "record")

    async def watch(
        self,
        name: str,
        after: int = 0,
        timeout: float = math.inf,  # noqa: ASYNC109 - ends the iteration
    ) -> AsyncGenerator[campaigns_pb2.WatchCampaignResponse]:
        """Yields what happened after an event, then what happens, to the campaign's end or the timeout.

        A lost connection is opened again. Raises EpitaxyClientError.
        """
        patience, give_up_at = self.patience(self.connection.patience_seconds), time.monotonic() + timeout
        while (seconds := min(_WATCH_SECONDS, give_up_at - time.monotonic())) > 0:
            request_id, began = new_request_id(), time.monotonic()
            request = campaigns_pb2.WatchCampaignRequest(name=name, after_sequence=after)
            call = self.stub.WatchCampaign(request, **self.options(request_id, seconds))
            state = campaigns_pb2.CAMPAIGN_STATE_UNSPECIFIED
            try:
                async for message in call:
                    patience.note_answer()
                    after = max(after, message.event.sequence)
                    state = message.campaign.state or state
                    yield message
                if state in _ENDS:
                    return
                fault = Fault.lost("the server ended the watch early", request_id)
            except grpc.RpcError as error:
                fault = Fault.of(error, request_id)
                if fault.code is grpc.StatusCode.DEADLINE_EXCEEDED and time.monotonic() - began >= min(seconds, 1.0):
                    continue  # the watch's own time is up, or the gateway's
            finally:
                call.cancel()
            await self.wait(patience, fault)
