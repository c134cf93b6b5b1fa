"""The connection to a service behind the gateway, and the public services that it answers: bytes pass unread."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from epitaxy.chassis.errors import FailedPreconditionError, UnauthenticatedError
from epitaxy.chassis.gateway_trust import KEY_ID_HEADER, SECRET_HEADER
from epitaxy.chassis.request_context import current_request
from epitaxy.chassis.signed_calls import TENANT_HEADER, signed
from epitaxy.gateway.bounds import check_texts
from epitaxy.gateway.handlers import Behaviour, service_handler
from epitaxy.gateway.messages import parse
from epitaxy.gateway.settings import GatewaySettings
from epitaxy.gateway.upstream.connection import Connection, Metadata, ServiceFaults, UpstreamObserver, open_channel
from epitaxy_models.errors import ConfigurationError

RETRY_SECONDS = 2.0

_PASSING = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ABORTED, grpc.StatusCode.CANCELLED})


@dataclass(frozen=True, slots=True)
class ForwardedUpstream:
    """A service that answers public services on its own.

    Attributes:
        service: What it is called in messages to callers: "the fine-tune service".
        target: HOST:PORT; empty: there is none.
        secret_file: File with the secret by which it knows the gateway.
        absence: What callers are told if there is none.
        absence_reason: Stable reason of that refusal.
    """

    service: str
    target: str
    secret_file: Path | None
    absence: str
    absence_reason: str

    @classmethod
    def of_finetune(cls, settings: GatewaySettings) -> "ForwardedUpstream":
        """The fine-tune service of these settings."""
        return cls(
            "the fine-tune service",
            settings.finetune_upstream,
            settings.finetune_secret_file,
            "fine-tuning is not set up on this server: ask its operator",
            "FINETUNE_NOT_CONFIGURED",
        )

    @classmethod
    def of_campaigns(cls, settings: GatewaySettings) -> "ForwardedUpstream":
        """The campaign service of these settings."""
        return cls(
            "the campaign service",
            settings.campaigns_upstream,
            settings.campaigns_secret_file,
            "campaigns are not set up on this server: ask its operator",
            "CAMPAIGNS_NOT_CONFIGURED",
        )


class ForwardingConnection:
    """Sends each call once: only its caller knows, by request ids and sequence numbers, what may be repeated."""

    def __init__(self, upstream: ForwardedUpstream, settings: GatewaySettings, observer: UpstreamObserver) -> None:
        self._upstream = upstream
        self._secret = _read_secret(upstream)
        self._connection = _connect(upstream, settings, observer) if upstream.target else None

    async def close(self) -> None:
        """Closes the channel."""
        if self._connection is not None:
            await self._connection.close()

    @property
    def is_configured(self) -> bool:
        """Whether there is a service to call."""
        return self._connection is not None

    async def call(self, path: str, request: bytes) -> bytes:
        """The answer to one call of ``/SERVICE/METHOD``. Raises an EpitaxyError."""
        return await self._connected().call(path, request, self._metadata(path), _seconds_left())

    def stream(self, path: str, request: bytes) -> AsyncGenerator[bytes, None]:
        """The answers to one call of ``/SERVICE/METHOD``. Raises an EpitaxyError."""
        return self._connected().stream(path, request, self._metadata(path), _seconds_left())

    def _connected(self) -> Connection:
        if self._connection is None:
            raise FailedPreconditionError(self._upstream.absence, reason=self._upstream.absence_reason)
        return self._connection

    def _metadata(self, path: str) -> Metadata:
        """All metadata of a call: none of it is the caller's own."""
        call = current_request()
        # The secret itself goes to services of the version before, which know no signature.
        secret = ((SECRET_HEADER, self._secret),) if self._secret else ()
        signature = signed(self._secret, call.tenant, path.rpartition("/")[2])
        key = ((KEY_ID_HEADER, call.key_id),) if call.key_id else ()
        return (("x-request-id", call.request_id), (TENANT_HEADER, call.tenant), *key, *secret, *signature)


def forwarding_handler(
    service: ServiceDescriptor, connection: ForwardingConnection, own: Mapping[str, Behaviour] | None = None
) -> Any:
    """The handler of a service whose calls the service behind the connection answers under the same names.

    Args:
        service: The public service.
        connection: Where its calls go.
        own: Calls that the gateway answers itself, by the method's name.
    """

    def behaviour(method: MethodDescriptor) -> Behaviour:
        if own and method.name in own:
            return own[method.name]
        path = f"/{service.full_name}/{method.name}"
        kind: type[Message] = GetMessageClass(method.input_type)

        async def forward(request: bytes, context: Any) -> bytes:
            check_texts(parse(kind, request))
            return await connection.call(path, request)

        async def forward_stream(request: bytes, context: Any) -> AsyncGenerator[bytes, None]:
            check_texts(parse(kind, request))
            async with aclosing(connection.stream(path, request)) as responses:
                async for response in responses:
                    yield response

        return forward_stream if method.server_streaming else forward

    return service_handler(service, behaviour)


def _connect(upstream: ForwardedUpstream, settings: GatewaySettings, observer: UpstreamObserver) -> Connection:
    faults = ServiceFaults(
        service=upstream.service,
        passing=_PASSING,
        exhausted=f"{upstream.service} has more work than it can queue",
        refusals=(UnauthenticatedError,),  # the caller has been authenticated here
        retry_seconds=RETRY_SECONDS,
    )
    channel = open_channel(upstream.target, settings.max_message_bytes, settings.upstream_connect_patience_seconds)
    return Connection(channel, faults, observer)


def _seconds_left() -> float | None:
    return current_request().seconds_left()


def _read_secret(upstream: ForwardedUpstream) -> str:
    path = upstream.secret_file
    try:
        return "" if path is None else path.read_text().strip()
    except OSError as error:
        name = upstream.service.removeprefix("the ").removesuffix(" service")
        raise ConfigurationError(f"the {name} secret {path} cannot be read: {error.strerror}") from error
