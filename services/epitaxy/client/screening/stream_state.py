"""What a screening's stream knows of itself, whichever way it waits."""

import time
from typing import Any

import grpc
from google.protobuf.message import Message

from epitaxy.client.connection import Connection, new_request_id
from epitaxy.client.errors import Fault
from epitaxy.client.patience import StreamLostError

FAREWELL_SECONDS = 5.0
"""Longest wait for the server's last word, after all answers have come."""
Arrival = Message | Exception | None
"""What the collector found: an answer, the error that broke the stream, or None at its end."""


class StreamState:
    """The call's id, and when anything was last sent or heard."""

    def __init__(self, connection: Connection) -> None:
        self.request_id = new_request_id()
        self._connection = connection
        self._stirred_at = time.monotonic()

    def check_silence(self) -> None:
        """Raises StreamLostError if nothing was sent or heard for too long."""
        limit = self._connection.patience_seconds
        if time.monotonic() - self._stirred_at >= limit:
            raise StreamLostError(Fault.lost(f"no answer for {limit:g} s", self.request_id))

    def _stir(self) -> None:
        self._stirred_at = time.monotonic()

    def _open(self, arrival: Arrival) -> Any:
        """The answer. Raises StreamLostError, or the error of the whole run."""
        self._stir()
        if arrival is None:
            raise StreamLostError(Fault.lost("the server ended the stream early", self.request_id))
        if isinstance(arrival, Exception):
            raise self._translate(arrival)
        return arrival

    def _translate(self, error: Exception) -> Exception:
        if not isinstance(error, grpc.RpcError):
            return error
        fault = Fault.of(error, self.request_id)
        return StreamLostError(fault) if fault.is_passing else fault.to_error(self._connection.target)
