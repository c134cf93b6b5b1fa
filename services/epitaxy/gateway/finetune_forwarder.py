"""FineTuneService at the edge: bytes go through to the fine-tune service unread, the tenant beside them."""

import logging
from collections.abc import AsyncGenerator
from pathlib import Path
from time import perf_counter
from typing import Any

import grpc

from epitaxy.api.finetune.v1 import finetune_pb2
from epitaxy.chassis.errors import (
    DeadlineExceededError,
    FailedPreconditionError,
    InternalError,
    OverloadedError,
    UnauthenticatedError,
    UnavailableError,
)
from epitaxy.chassis.request_context import current_request
from epitaxy.chassis.status import from_trailing_metadata
from epitaxy.gateway.settings import GatewaySettings
from epitaxy.gateway.upstream import UpstreamObserver
from epitaxy_models.errors import ConfigurationError, EpitaxyError

logger = logging.getLogger(__name__)

SERVICE = finetune_pb2.DESCRIPTOR.services_by_name["FineTuneService"]
RETRY_SECONDS = 2.0

_PASSING = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ABORTED, grpc.StatusCode.CANCELLED})


class FineTuneForwarder:
    """Forwards each call once. What may be repeated, only its caller knows: by request ids and sequence numbers."""

    def __init__(self, settings: GatewaySettings, observer: UpstreamObserver) -> None:
        self._observer = observer
        self._secret = _read_secret(settings.finetune_secret_file)
        self._channel = (
            grpc.aio.insecure_channel(settings.finetune_upstream, options=_channel_options(settings))
            if settings.finetune_upstream
            else None
        )

    async def close(self) -> None:
        """Closes the channel."""
        if self._channel is not None:
            await self._channel.close()

    @property
    def is_configured(self) -> bool:
        """Whether there is a fine-tune service to call."""
        return self._channel is not None

    def handler(self) -> grpc.GenericRpcHandler:
        """Handlers of all methods of the service, for a server."""
        handlers = {method.name: self._method_handler(method) for method in SERVICE.methods}
        return grpc.method_handlers_generic_handler(SERVICE.full_name, handlers)

    def _method_handler(self, method: Any) -> Any:
        path = f"/{SERVICE.full_name}/{method.name}"
        if not method.server_streaming:

            async def unary(request: bytes, context: Any) -> bytes:
                return await self.unary(path, request)

            return grpc.unary_unary_rpc_method_handler(unary)

        async def stream(request: bytes, context: Any) -> AsyncGenerator[bytes, None]:
            async for response in self._stream(path, request):
                yield response

        return grpc.unary_stream_rpc_method_handler(stream)

    async def unary(self, path: str, request: bytes) -> bytes:
        """One answer to one call of ``/SERVICE/METHOD``. Raises an EpitaxyError."""
        call = self._connected().unary_unary(path)(request, timeout=_seconds_left(), metadata=self._metadata())
        attempt = _Attempt(self._observer, path)
        try:
            response: bytes = await call
            attempt.code = grpc.StatusCode.OK
            return response
        except grpc.aio.AioRpcError as error:
            raise attempt.translated(error) from error
        finally:
            attempt.end()

    async def _stream(self, path: str, request: bytes) -> AsyncGenerator[bytes, None]:
        call = self._connected().unary_stream(path)(request, timeout=_seconds_left(), metadata=self._metadata())
        attempt = _Attempt(self._observer, path)
        try:
            async for response in call:
                yield response
            attempt.code = grpc.StatusCode.OK
        except grpc.aio.AioRpcError as error:
            raise attempt.translated(error) from error
        finally:
            call.cancel()  # where our caller went away; without effect on one that has ended
            attempt.end()

    def _connected(self) -> grpc.aio.Channel:
        if self._channel is None:
            raise FailedPreconditionError(
                "fine-tuning is not set up on this server: ask its operator", reason="FINETUNE_NOT_CONFIGURED"
            )
        return self._channel

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        """All that goes along: nothing of the caller's own metadata does."""
        call = current_request()
        secret = (("x-gateway-secret", self._secret),) if self._secret else ()
        return (("x-request-id", call.request_id), ("x-tenant", call.tenant), *secret)


class _Attempt:
    """One upstream call, from its start to its code."""

    def __init__(self, observer: UpstreamObserver, path: str) -> None:
        self._observer, self._method = observer, path.rpartition("/")[2]
        self._started = perf_counter()
        self.code = grpc.StatusCode.CANCELLED

    def translated(self, error: grpc.aio.AioRpcError) -> EpitaxyError:
        """The error in our words; of any other text nothing is passed on."""
        self.code = error.code()
        ours = from_trailing_metadata(error.trailing_metadata())
        if isinstance(ours, UnauthenticatedError):  # of us; the caller has been authenticated here
            ours = InternalError(f"upstream refuses the gateway: {ours.message}")
        translated = ours or _foreign(self.code)
        fields = {"method": self._method, "code": self.code.name, "details": error.details()}
        level = logging.DEBUG if ours else logging.WARNING
        logger.log(level, "upstream call failed", extra=fields | {"reason": translated.reason})
        return translated

    def end(self) -> None:
        """Tells how long it took."""
        self._observer.upstream_call(self._method, self.code.name, perf_counter() - self._started)


def _foreign(code: grpc.StatusCode) -> EpitaxyError:
    if code in _PASSING:
        text = "the fine-tune service cannot be reached at the moment"
        return UnavailableError(text, retry_after_seconds=RETRY_SECONDS)
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return OverloadedError("the request or its answer is larger than one message may be")
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineExceededError("the fine-tune service did not answer in time")
    return InternalError(f"upstream answered {code.name} without details")


def _seconds_left() -> float | None:
    return current_request().seconds_left()


def _read_secret(path: Path | None) -> str:
    try:
        return "" if path is None else path.read_text().strip()
    except OSError as error:
        raise ConfigurationError(f"the fine-tune secret {path} cannot be read: {error.strerror}") from error


def _channel_options(settings: GatewaySettings) -> list[tuple[str, int]]:
    return [
        ("grpc.max_send_message_length", settings.max_message_bytes),
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", int(settings.upstream_connect_patience_seconds * 1000)),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.enable_retries", 0),
        ("grpc.use_local_subchannel_pool", 1),
    ]
