"""The connection to the fine-tune service, and the public services that it answers: bytes pass unread."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from epitaxy.chassis.errors import FailedPreconditionError, UnauthenticatedError
from epitaxy.chassis.request_context import current_request
from epitaxy.gateway.handlers import Behaviour, service_handler
from epitaxy.gateway.settings import GatewaySettings
from epitaxy.gateway.upstream.connection import Connection, Metadata, ServiceFaults, UpstreamObserver, open_channel
from epitaxy_models.errors import ConfigurationError

RETRY_SECONDS = 2.0

_FAULTS = ServiceFaults(
    service="the fine-tune service",
    passing=frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ABORTED, grpc.StatusCode.CANCELLED}),
    exhausted="the request or its answer is larger than one message may be",
    refusals=(UnauthenticatedError,),  # the caller has been authenticated here
    retry_seconds=RETRY_SECONDS,
)


class FineTuneConnection:
    """Sends each call once: only its caller knows, by request ids and sequence numbers, what may be repeated."""

    def __init__(self, settings: GatewaySettings, observer: UpstreamObserver) -> None:
        self._secret = _read_secret(settings.finetune_secret_file)
        self._connection = _connect(settings, observer) if settings.finetune_upstream else None

    async def close(self) -> None:
        """Closes the channel."""
        if self._connection is not None:
            await self._connection.close()

    @property
    def is_configured(self) -> bool:
        """Whether there is a fine-tune service to call."""
        return self._connection is not None

    async def call(self, path: str, request: bytes) -> bytes:
        """The answer to one call of ``/SERVICE/METHOD``. Raises an EpitaxyError."""
        return await self._connected().call(path, request, self._metadata(), _seconds_left())

    def stream(self, path: str, request: bytes) -> AsyncGenerator[bytes, None]:
        """The answers to one call of ``/SERVICE/METHOD``. Raises an EpitaxyError."""
        return self._connected().stream(path, request, self._metadata(), _seconds_left())

    def _connected(self) -> Connection:
        if self._connection is None:
            raise FailedPreconditionError(
                "fine-tuning is not set up on this server: ask its operator", reason="FINETUNE_NOT_CONFIGURED"
            )
        return self._connection

    def _metadata(self) -> Metadata:
        """All metadata of a call: none of it is the caller's own."""
        call = current_request()
        secret = (("x-gateway-secret", self._secret),) if self._secret else ()
        return (("x-request-id", call.request_id), ("x-tenant", call.tenant), *secret)


def forwarding_handler(service: ServiceDescriptor, connection: FineTuneConnection) -> Any:
    """The handler of a service whose every call the fine-tune service answers under the same name."""

    def behaviour(method: MethodDescriptor) -> Behaviour:
        path = f"/{service.full_name}/{method.name}"

        async def forward(request: bytes, context: Any) -> bytes:
            return await connection.call(path, request)

        async def forward_stream(request: bytes, context: Any) -> AsyncGenerator[bytes, None]:
            async with aclosing(connection.stream(path, request)) as responses:
                async for response in responses:
                    yield response

        return forward_stream if method.server_streaming else forward

    return service_handler(service, behaviour)


def _connect(settings: GatewaySettings, observer: UpstreamObserver) -> Connection:
    channel = open_channel(
        settings.finetune_upstream, settings.max_message_bytes, settings.upstream_connect_patience_seconds
    )
    return Connection(channel, _FAULTS, observer)


def _seconds_left() -> float | None:
    return current_request().seconds_left()


def _read_secret(path: Path | None) -> str:
    try:
        return "" if path is None else path.read_text().strip()
    except OSError as error:
        raise ConfigurationError(f"the fine-tune secret {path} cannot be read: {error.strerror}") from error
