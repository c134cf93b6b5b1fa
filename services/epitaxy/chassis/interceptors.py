"""Server interceptors of every service, in the order in which `service_interceptors` stacks them."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Protocol
from uuid import uuid4

import grpc

from epitaxy.chassis.call_scope import CallScope, RpcCall, text_header
from epitaxy.chassis.callers import Caller, Scope
from epitaxy.chassis.errors import (
    DeadlineExceededError,
    InternalError,
    InvalidRequestError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from epitaxy.chassis.metrics import RpcMetrics
from epitaxy.chassis.open_calls import OPEN_SERVICES, OpenCallScope
from epitaxy.chassis.request_context import (
    RequestContext,
    bind_caller,
    bind_deadline,
    bind_request,
    current_request,
)
from epitaxy.chassis.status import code_of, to_rpc_status
from epitaxy.chassis.storage import is_storage_full, storage_full
from epitaxy.chassis.tenants import LOCAL_TENANT
from epitaxy_models.errors import EpitaxyError

logger = logging.getLogger(__name__)

MAX_METADATA_BYTES = 8192
# What HTTP/2 adds to each entry (RFC 9113, section 10.5.1).
_METADATA_OVERHEAD = 32
REQUEST_ID_HEADER = "x-request-id"

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class Authenticator(Protocol):
    """Knows the callers."""

    async def identify(self, credential: str) -> Caller:
        """Who presents this key or token. Raises UnauthenticatedError."""


def service_interceptors(
    metrics: RpcMetrics,
    authenticator: Authenticator | None,
    default_deadline_seconds: float,
    scopes: Mapping[str, Scope] | None = None,
) -> list[CallScope]:
    """All interceptors, outermost first. Without an authenticator every caller is the local tenant.

    ``scopes`` says what a caller needs for the calls of a service, by the service's full name.
    """
    return [
        RequestContextScope(),
        ObservationScope(metrics),
        ErrorScope(),
        *(() if authenticator is None else (OpenCallScope(),)),
        AuthenticationScope(authenticator, scopes or {}),
        DeadlineScope(default_deadline_seconds),
    ]


class RequestContextScope(CallScope):
    """Names the call: by the caller's ``x-request-id`` if that is valid, else by a new one; sends it back."""

    @asynccontextmanager
    async def scope(self, call: RpcCall) -> AsyncIterator[None]:
        """Binds the request context of the call."""
        proposed = call.header(REQUEST_ID_HEADER)
        request_id = proposed if _REQUEST_ID.fullmatch(proposed) else uuid4().hex
        bind_request(RequestContext(request_id=request_id))
        remaining = call.context.time_remaining()
        if remaining is not None:
            bind_deadline(remaining)
        call.context.set_trailing_metadata(_request_id_trailer())
        yield


class ObservationScope(CallScope):
    """Counts and times the call, and writes its line to the log."""

    def __init__(self, metrics: RpcMetrics) -> None:
        self._metrics = metrics

    @asynccontextmanager
    async def scope(self, call: RpcCall) -> AsyncIterator[None]:
        """Observes the call however it ends."""
        started = perf_counter()
        code = grpc.StatusCode.INTERNAL
        try:
            yield
            code = call.context.code() or grpc.StatusCode.OK
        except asyncio.CancelledError:
            expired = current_request().seconds_left() == 0
            code = grpc.StatusCode.DEADLINE_EXCEEDED if expired else grpc.StatusCode.CANCELLED
            raise
        except grpc.aio.AbortError:
            code = call.context.code()
            raise
        finally:
            self._observe(call.method, code.name, perf_counter() - started)

    def _observe(self, method: str, code: str, seconds: float) -> None:
        self._metrics.observe(method, code, seconds)
        level = logging.DEBUG if method.startswith(OPEN_SERVICES) else logging.INFO
        logger.log(level, "call", extra={"method": method, "code": code, "seconds": round(seconds, 6)})


class ErrorScope(CallScope):
    """Turns every exception into a status that is safe to send; the text of an unknown one goes to the log only."""

    @asynccontextmanager
    async def scope(self, call: RpcCall) -> AsyncIterator[None]:
        """Ends the call with a status if the handler raises."""
        try:
            yield
        except grpc.aio.AbortError:
            raise
        except EpitaxyError as error:
            if code_of(error) is grpc.StatusCode.INTERNAL:
                logger.exception("internal error")
            await _abort(call.context, error)
        except Exception as error:
            logger.exception("unhandled exception")
            is_full = is_storage_full(error)
            await _abort(call.context, storage_full("this") if is_full else InternalError("unhandled exception"))


class AuthenticationScope(CallScope):
    """Finds the tenant by ``authorization: Bearer <key>``, before anything of the body is read.

    Health checks need no key; one that comes with a key must have a valid one.
    """

    def __init__(self, authenticator: Authenticator | None, scopes: Mapping[str, Scope]) -> None:
        self._authenticator, self._scopes = authenticator, scopes

    async def admit(self, method: str, metadata: Mapping[str, str | bytes]) -> Caller | None:
        """Who calls; None for a health check without a key.

        Raises UnauthenticatedError, PermissionDeniedError, and InvalidRequestError for too much metadata.
        """
        check_metadata(metadata)
        if self._authenticator is None:
            return Caller(LOCAL_TENANT, scopes=frozenset(Scope))
        if method.startswith(OPEN_SERVICES) and "authorization" not in metadata:
            return None
        caller = await self._authenticator.identify(_credential(metadata))
        needed = self._scopes.get(method.strip("/").partition("/")[0])
        if needed is not None and needed not in caller.scopes:
            text = f"this key may not do that: it lacks the scope {needed}"
            raise PermissionDeniedError(text, reason="MISSING_SCOPE")
        return caller

    @asynccontextmanager
    async def scope(self, call: RpcCall) -> AsyncIterator[None]:
        """Binds the tenant."""
        if call.caller is not None and not call.method.startswith(OPEN_SERVICES):
            bind_caller(call.caller)
        yield


def check_metadata(metadata: Mapping[str, str | bytes]) -> None:
    """Raises InvalidRequestError for more metadata than every part behind this one takes.

    gRPC counts the same and refuses at random from 8 KiB on, in words of its own.
    """
    size = sum(len(key) + len(value) + _METADATA_OVERHEAD for key, value in metadata.items())
    if size > MAX_METADATA_BYTES:
        raise InvalidRequestError(
            f"the call's metadata have {size} bytes; at most {MAX_METADATA_BYTES} are allowed: send fewer headers, or "
            "a shorter token",
            reason="METADATA_TOO_LARGE",
        )


class DeadlineScope(CallScope):
    """Gives a unary call without a deadline the default one; grpc itself enforces the caller's."""

    def __init__(self, default_seconds: float) -> None:
        self._default_seconds = default_seconds

    @asynccontextmanager
    async def scope(self, call: RpcCall) -> AsyncIterator[None]:
        """Bounds the call. Raises DeadlineExceededError."""
        if call.is_stream or current_request().deadline is not None:
            yield
            return
        bind_deadline(self._default_seconds)
        try:
            async with asyncio.timeout(self._default_seconds):
                yield
        except TimeoutError as error:
            raise DeadlineExceededError(f"not done within {self._default_seconds:g} s") from error


async def _abort(context: grpc.aio.ServicerContext, error: EpitaxyError) -> None:
    status = to_rpc_status(error, current_request().request_id)
    await context.abort(status.code, status.details, status.trailing_metadata + _request_id_trailer())


def _request_id_trailer() -> tuple[tuple[str, str], ...]:
    return ((REQUEST_ID_HEADER, current_request().request_id),)


def _credential(metadata: Mapping[str, str | bytes]) -> str:
    scheme, _, key = text_header(metadata, "authorization").partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise UnauthenticatedError("send an API key as `authorization: Bearer <key>`", reason="MISSING_API_KEY")
    return key.strip()
