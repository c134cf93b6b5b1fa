# Generated from async_calls.py by tools/generate_client.py: do not edit, run `make generate`.
"""Unary calls: sent once, or again while their fault may pass."""

from collections.abc import Callable
from typing import Any, TypeVar

import grpc

from epitaxy.client.connection import Connection, new_request_id
from epitaxy.client.errors import Fault
from epitaxy.client.patience import Patience
from epitaxy.client.transport import UnaryMethod, collect, run_blocking, sleep

Response = TypeVar("Response")


class Calls:
    """Sends requests; what is safe to repeat is sent again if the connection or the server was lost."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def once(self, method: UnaryMethod[Response], request: object) -> Response:
        """Sends one call, which gRPC itself repeats, and returns its answer. Raises EpitaxyClientError.

        A server that answered before and is gone is waited for as long as a call may take; one that is overloaded is
        not, because the caller waits.
        """
        patience = self.patience()
        while True:
            request_id = new_request_id()
            try:
                return self.seen(method(request, **self.options(request_id)))
            except grpc.RpcError as error:
                fault = Fault.of(error, request_id)
            if not (self.connection.sight.is_seen and fault.is_lost):
                raise run_blocking(self.connection.to_error, fault)
            self.wait(patience, fault)

    def repeat(self, method: UnaryMethod[Response], request: object) -> Response:
        """Sends a call until it is answered or its fault will not pass. Raises EpitaxyClientError."""
        patience = self.patience()
        while True:
            request_id = new_request_id()
            try:
                return self.seen(method(request, **self.options(request_id)))
            except grpc.RpcError as error:
                fault = Fault.of(error, request_id)
            self.wait(patience, fault)

    def download(self, method: Callable[..., Any], request: object, what: str) -> bytes:
        """The joined pieces of a stream, asked for again if some are missing. Raises EpitaxyClientError."""
        patience = self.patience()
        while True:
            request_id = new_request_id()
            try:
                messages = collect(method(request, **self.options(request_id)))
                content = b"".join(message.chunk for message in messages)
                if messages and len(content) == messages[-1].total_bytes:
                    return content
                fault = Fault.lost(f"the {what} came short", request_id)
            except grpc.RpcError as error:
                fault = Fault.of(error, request_id)
            self.wait(patience, fault)

    def patience(self, seconds: float | None = None) -> Patience:
        """For one repeated call: by default as long as a call may take."""
        limit = self.connection.timeout_seconds if seconds is None else seconds
        return Patience(limit, is_seen=self.connection.sight.is_seen)

    def seen(self, response: Response) -> Response:
        """Notes that the server answered."""
        self.connection.sight.is_seen = True
        return response

    def wait(self, patience: Patience, fault: Fault) -> None:
        """Waits before the next try. Raises EpitaxyClientError if the call is not worth one."""
        seconds = patience.seconds_to_wait(fault)
        if seconds is None:
            raise run_blocking(self.connection.to_error, fault)
        sleep(seconds)

    def options(self, request_id: str, timeout: float | None = None) -> dict[str, Any]:
        """Deadline (seconds; None for the client's own) and metadata of one call."""
        seconds = self.connection.timeout_seconds if timeout is None else timeout
        return {"timeout": seconds, "metadata": self.connection.metadata(request_id)}
