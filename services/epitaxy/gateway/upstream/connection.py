"""A channel to a service behind the gateway: one attempt a call, bytes both ways, errors in our own words."""

import logging
import math
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic, perf_counter
from typing import Any, Protocol

import grpc

from epitaxy.chassis.errors import (
    DeadlineExceededError,
    InternalError,
    OverloadedError,
    UnavailableError,
)
from epitaxy.chassis.status import from_trailing_metadata
from epitaxy.gateway.domain import AnswerTooLargeError
from epitaxy.gateway.retry import UpstreamGoneError
from epitaxy_models.errors import EpitaxyError

logger = logging.getLogger(__name__)

Metadata = tuple[tuple[str, str], ...]

# Of Ray Serve (BackPressureError) and of grpc.aio (maximum_concurrent_rpcs).
_SIGNS_OF_LOAD = ("backpressure", "concurrent rpc limit")


class UpstreamObserver(Protocol):
    """Is told how upstream attempts end. An observer MUST neither raise nor block."""

    def upstream_call(self, method: str, code: str, seconds: float) -> None:
        """One attempt ended."""


@dataclass(frozen=True, slots=True)
class ServiceFaults:
    """What the faults of one service mean to a caller.

    Attributes:
        service: What the service is called in messages to callers.
        passing: Statuses without details of ours that mean that the service is gone for a moment.
        gone: Those of them that say that nobody took the call, as a lost connection does: it is sent again for as long
            as the caller waits.
        exhausted: What callers are told when the service sheds load in words of its runtime.
        refusals: Errors of ours by which the service refuses the gateway itself: no fault of the caller's.
        retry_seconds: Hint for a caller of a service that is gone; None: the gateway sends the call again itself.
    """

    service: str
    passing: frozenset[grpc.StatusCode]
    exhausted: str
    refusals: tuple[type[EpitaxyError], ...]
    retry_seconds: float | None = None
    gone: frozenset[grpc.StatusCode] = frozenset()

    def translate(
        self, code: grpc.StatusCode, ours: EpitaxyError | None, text: str = "", *, is_connected: bool = True
    ) -> EpitaxyError:
        """The error for the caller; ``ours`` is the one that the service sent, if its status is one of ours.

        The ``text`` of any other status is never passed on.
        """
        if isinstance(ours, self.refusals):
            return InternalError(f"upstream refuses the gateway: {ours.message}")
        return ours or self._translate_foreign(code, text, is_connected=is_connected)

    def _translate_foreign(self, code: grpc.StatusCode, text: str, *, is_connected: bool) -> EpitaxyError:
        if code in self.passing:
            is_gone = code in self.gone or (code is grpc.StatusCode.UNAVAILABLE and not is_connected)
            kind = UpstreamGoneError if is_gone else UnavailableError
            message = f"{self.service} cannot be reached at the moment"
            return kind(message, retry_after_seconds=self.retry_seconds)
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return self._exhaustion(text)
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return DeadlineExceededError(f"{self.service} did not answer in time")
        return InternalError(f"upstream answered {code.name} without details")

    def _exhaustion(self, text: str) -> EpitaxyError:
        """Load only if the runtime says so: gRPC uses the same status for what it cannot carry, now or later."""
        if any(sign in text.lower() for sign in _SIGNS_OF_LOAD):
            return OverloadedError(self.exhausted)
        message = f"the answer of {self.service} is larger than one message may be: ask for less at once"
        return AnswerTooLargeError(message, subject="message")


class Connection:
    """Calls the methods of one service by their paths, ``/PACKAGE.SERVICE/METHOD``."""

    def __init__(self, channel: grpc.aio.Channel, faults: ServiceFaults, observer: UpstreamObserver) -> None:
        self._channel = channel
        self._faults = faults
        self._observer = observer
        self._unary_calls: dict[str, Callable[..., Any]] = {}
        self._answered_at = -math.inf

    @property
    def silent_seconds(self) -> float:
        """Since the service last answered anything; infinite if it never did."""
        return monotonic() - self._answered_at

    async def close(self) -> None:
        """Closes the channel."""
        await self._channel.close()

    async def send(self, path: str, request: bytes, metadata: Metadata, seconds: float | None) -> bytes:
        """The answer to one unary call. Raises AioRpcError."""
        if path not in self._unary_calls:
            self._unary_calls[path] = self._channel.unary_unary(path)
        response: bytes = await self._unary_calls[path](request, timeout=seconds, metadata=metadata)
        self._answered_at = monotonic()
        return response

    async def call(self, path: str, request: bytes, metadata: Metadata, seconds: float | None) -> bytes:
        """The answer to one unary call, observed. Raises an EpitaxyError."""
        with self._observe(path):
            return await self.send(path, request, metadata, seconds)

    async def stream(
        self, path: str, request: bytes, metadata: Metadata, seconds: float | None
    ) -> AsyncGenerator[bytes, None]:
        """The answers to one call, observed. Raises an EpitaxyError."""
        call = self._channel.unary_stream(path)(request, timeout=seconds, metadata=metadata)
        with self._observe(path):
            try:
                async for response in call:
                    yield response
            finally:
                call.cancel()  # if our caller went away; without effect on a call that has ended

    @contextmanager
    def _observe(self, path: str) -> Iterator[None]:
        method, started = path.rpartition("/")[2], perf_counter()
        code = grpc.StatusCode.CANCELLED
        try:
            yield
            code = grpc.StatusCode.OK
        except grpc.aio.AioRpcError as error:
            code = error.code()
            raise self._translate(method, error) from error
        finally:
            self._observer.upstream_call(method, code.name, perf_counter() - started)

    def _translate(self, method: str, error: grpc.aio.AioRpcError) -> EpitaxyError:
        ours = from_trailing_metadata(error.trailing_metadata())
        # gRPC tells a connection that broke by the same code as a server that says so itself.
        is_connected = self._channel.get_state() is grpc.ChannelConnectivity.READY
        translated = self._faults.translate(error.code(), ours, error.details() or "", is_connected=is_connected)
        fields = {"method": method, "code": error.code().name, "details": error.details(), "reason": translated.reason}
        logger.log(logging.DEBUG if ours else logging.WARNING, "upstream call failed", extra=fields)
        return translated


def open_channel(
    target: str, max_message_bytes: int, connect_patience_seconds: float, service_config: str = ""
) -> grpc.aio.Channel:
    """A channel to ``target``, such as HOST:PORT.

    Args:
        target: Any gRPC target.
        max_message_bytes: Largest message, either way.
        connect_patience_seconds: Longest time between two attempts to connect.
        service_config: gRPC service config as JSON; empty: none.
    """
    options: list[tuple[str, int | str]] = [
        ("grpc.max_send_message_length", max_message_bytes),
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", int(connect_patience_seconds * 1000)),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.enable_retries", 0),  # who sends a call again must know whether it is idempotent and what was hinted
        ("grpc.use_local_subchannel_pool", 1),
    ]
    if service_config:
        options.append(("grpc.service_config", service_config))
    return grpc.aio.insecure_channel(target, options=options)
