"""Calls that need no key: few at once, because their bodies are read."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from time import monotonic
from typing import Any

import grpc

from epitaxy.chassis.call_scope import CallScope, RpcCall
from epitaxy.chassis.errors import DeadlineExceededError, OverloadedError

OPEN_SERVICES = ("/grpc.health.v1.Health/",)

MOST_STREAMS = 64
"""Streams of one method that are open at once without a key. Callers with a key are not counted."""
_TURN_SECONDS, _BODY_SECONDS = 1.0, 1.0
_BODY_BYTES = 1024
_UNREAD_SECONDS = 60.0
_MOST_UNREAD_HOSTS = 4096


class OpenCallScope(CallScope):
    """Bounds the calls of open services.

    gRPC reads the request of a unary method before its handler runs, however many of them come at once. Here they are
    read by a handler of streams, one at a time. If its turn does not come, and for a while for a host that sent far
    more than such a request has, a request is not read at all: the answer is that to an empty one, which asks after
    the whole server.
    """

    def __init__(self) -> None:
        self._n_streams = 0
        self._turn = asyncio.Lock()
        self._unread_until: OrderedDict[str, float] = OrderedDict()

    def scope(self, call: RpcCall) -> AbstractAsyncContextManager[None]:
        """Nothing runs around a call."""
        return nullcontext()

    async def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]], details: grpc.HandlerCallDetails
    ) -> Any:
        """Replaces the handler of an open method; a call with a key has been checked further in."""
        handler = await continuation(details)
        has_key = any(key == "authorization" for key, _ in details.invocation_metadata or ())
        if handler is None or has_key or handler.request_streaming or not details.method.startswith(OPEN_SERVICES):
            return handler
        respond = self._watch if handler.response_streaming else self._ask
        return grpc.stream_stream_rpc_method_handler(partial(respond, handler), None, handler.response_serializer)

    async def _ask(self, handler: Any, requests: AsyncIterator[bytes], context: Any) -> None:
        body = await self._body(requests, context)
        await context.write(await handler.unary_unary(handler.request_deserializer(body), context))

    async def _watch(self, handler: Any, requests: AsyncIterator[bytes], context: Any) -> None:
        if self._n_streams >= MOST_STREAMS:
            raise OverloadedError("too many calls without a key are open", retry_after_seconds=1.0)
        self._n_streams += 1
        try:
            body = await self._body(requests, context)
            # It writes its answers itself, as every wrapped handler does.
            await handler.unary_stream(handler.request_deserializer(body), context)
        finally:
            self._n_streams -= 1

    async def _body(self, requests: AsyncIterator[bytes], context: Any) -> bytes:
        """The request; an empty one instead of one that is not read, or too long."""
        host = _host(context)
        try:
            async with asyncio.timeout(_TURN_SECONDS):
                await self._turn.acquire()
        except TimeoutError:
            return b""
        try:
            if self._unread_until.get(host, 0.0) > monotonic():
                return b""
            async with asyncio.timeout(_BODY_SECONDS):
                request = await anext(requests, b"")
        except TimeoutError as error:
            raise DeadlineExceededError(f"the request did not come within {_BODY_SECONDS:g} s") from error
        finally:
            self._turn.release()
        if len(request) <= _BODY_BYTES:
            return request
        self._unread_until[host] = monotonic() + _UNREAD_SECONDS
        if len(self._unread_until) > _MOST_UNREAD_HOSTS:
            self._unread_until.popitem(last=False)
        return b""


def _host(context: Any) -> str:
    """Of ``ipv4:192.0.2.1:4242`` the part before the port."""
    return str(context.peer()).rpartition(":")[0]
