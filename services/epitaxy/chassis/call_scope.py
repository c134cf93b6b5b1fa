"""The base of our server interceptors: code that runs around a call, whatever its kind."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from epitaxy.chassis.callers import Caller
from epitaxy.chassis.errors import DeadlineExceededError, InvalidRequestError
from epitaxy_models.errors import EpitaxyError

Behaviour = Callable[[Any, Any], Any]
# Flow control holds an answer back as long as its caller reads none; what the call holds must not wait for ever.
_WRITE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class RpcCall:
    """One call as an interceptor sees it.

    Attributes:
        method: Full name: ``/epitaxy.prediction.v1.PredictionService/Screen``.
        metadata: What the caller sent; the last of a key that is sent twice.
        context: The grpc.aio servicer context.
        is_stream: Whether either side sends more than one message.
        caller: Who calls, if the interceptor found that out on admission.
    """

    method: str
    metadata: dict[str, str | bytes]
    context: grpc.aio.ServicerContext
    is_stream: bool
    caller: Caller | None = None

    def header(self, key: str) -> str:
        """A text header of the caller; empty if absent."""
        return text_header(self.metadata, key)


def text_header(metadata: Mapping[str, str | bytes], key: str) -> str:
    """A text header; empty if absent."""
    value = metadata.get(key, "")
    return value if isinstance(value, str) else ""


class CallScope(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # grpc has no types
    """An interceptor written once as an async context manager around the handler of any kind of call."""

    @abstractmethod
    def scope(self, call: RpcCall) -> AbstractAsyncContextManager[None]:
        """Runs around one call; an exception of the handler is raised inside it."""

    async def admit(self, method: str, metadata: Mapping[str, str | bytes]) -> Caller | None:
        """Decides by a call's headers whether its body is read at all. Raises an EpitaxyError if it is not."""
        return None

    async def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]], details: grpc.HandlerCallDetails
    ) -> Any:
        """Wraps the handler of the method; None (an unknown method) stays None."""
        handler = await continuation(details)
        if handler is None:
            return None
        metadata = dict(details.invocation_metadata or ())
        try:
            caller = await self.admit(details.method, metadata)
        except EpitaxyError as error:
            return _refusing_handler(error)
        is_stream = bool(handler.request_streaming or handler.response_streaming)

        def around(context: grpc.aio.ServicerContext) -> AbstractAsyncContextManager[None]:
            return self.scope(RpcCall(details.method, metadata, context, is_stream, caller))

        return _wrap(handler, around)


def _refusing_handler(error: EpitaxyError) -> Any:
    """Raises the error within the scopes further out.

    It is a handler of streams, whatever the method: gRPC reads the request of a unary one before its handler runs.
    """

    async def refuse(_requests: Any, _context: Any) -> None:
        raise error

    return grpc.stream_stream_rpc_method_handler(refuse)


def _wrap(handler: Any, around: Callable[[Any], AbstractAsyncContextManager[None]]) -> Any:
    behaviour: Behaviour
    if handler.response_streaming:
        behaviour = handler.stream_stream if handler.request_streaming else handler.unary_stream
    else:
        behaviour = handler.stream_unary if handler.request_streaming else handler.unary_unary

    deserializer = handler.request_deserializer
    # The innermost scope looks, so that the others are around what it raises.
    if deserializer is not None and not isinstance(deserializer, _Deserializer):
        behaviour, deserializer = _checked(behaviour, handler.request_streaming), _Deserializer(deserializer)

    async def respond(request: Any, context: Any) -> Any:
        async with around(context):
            answer: Any = behaviour(request, context)
            if isinstance(answer, AsyncGenerator):
                return await _write_all(answer, context)
            return await answer

    return _handler_factory(handler)(respond, deserializer, handler.response_serializer)


@dataclass(frozen=True, slots=True)
class _Malformed:
    """Stands in for a request that is not a message of its kind: gRPC itself would call that INTERNAL."""

    kind: str

    def raise_error(self) -> None:
        raise InvalidRequestError(f"the request is not a valid {self.kind}")


@dataclass(frozen=True, slots=True)
class _Deserializer:
    deserialize: Callable[[bytes], Any]

    def __call__(self, encoded: bytes) -> Any:
        try:
            return self.deserialize(encoded)
        except DecodeError:
            kind = getattr(getattr(self.deserialize, "__self__", None), "DESCRIPTOR", None)
            return _Malformed(kind.full_name if kind is not None else "message")


def _checked(behaviour: Behaviour, is_stream: bool) -> Behaviour:
    """The behaviour, which raises InvalidRequestError in place of reading a malformed request."""

    def check(request: Any, context: Any) -> Any:
        if is_stream:
            request = _check_each(request)
        elif isinstance(request, _Malformed):
            request.raise_error()
        return behaviour(request, context)

    return check


async def _check_each(requests: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
    async for request in requests:
        if isinstance(request, _Malformed):
            request.raise_error()
        yield request


async def _write_all(responses: AsyncGenerator[Any, None], context: grpc.aio.ServicerContext) -> None:
    # Closed here and not by the garbage collector: a cancelled call then cancels its upstream calls at once.
    async with aclosing(responses):
        await _write_each(responses, context)


async def _write_each(responses: AsyncIterator[Any], context: grpc.aio.ServicerContext) -> None:
    async for response in responses:
        try:
            async with asyncio.timeout(_WRITE_SECONDS):
                await context.write(response)
        except TimeoutError as error:
            raise DeadlineExceededError(f"no answer was read for {_WRITE_SECONDS:g} s") from error


def _handler_factory(handler: Any) -> Callable[..., Any]:
    factories: dict[tuple[bool, bool], Callable[..., Any]] = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }
    return factories[handler.request_streaming, handler.response_streaming]
