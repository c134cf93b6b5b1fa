"""Wraps every gRPC handler of a replica: binds the call's context, sets its status, logs it."""

import functools
import logging
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, Protocol, TypeVar

import grpc
from google.protobuf.message import Message
from ray.serve.grpc_util import RayServegRPCContext

from epitaxy.chassis.errors import (
    InternalError,
    InvalidRequestError,
)
from epitaxy.chassis.request_context import RequestContext, bind_deadline, bind_request, current_request
from epitaxy.chassis.signed_calls import (
    OWN_CACHE_HEADER,
    SECONDS_LEFT_HEADER,
    TENANT_HEADER,
    WEIGHT_HEADER,
    check_signature,
)
from epitaxy.chassis.status import code_of, to_rpc_status
from epitaxy.chassis.structure_ids import count_structures
from epitaxy_models.errors import EpitaxyError

_LOG = logging.getLogger(__name__)
_ReplyT = TypeVar("_ReplyT", bound=Message)


class Deployment(Protocol):
    """The part of a deployment that its handlers' wrapper reads.

    A deployment may also have a ``gateway_secret``, by which its callers sign their calls.
    """

    model_version: str


class _Handler(Protocol):
    def __call__(
        self, deployment: Any, request: Any, grpc_context: RayServegRPCContext
    ) -> Awaitable[Any]:  # the handlers differ in their message types
        ...


def with_rpc_status(reply: type[_ReplyT]) -> Callable[[Callable[..., Awaitable[_ReplyT]]], _Handler]:
    """Turns our errors into google.rpc.Status on the reply instead of a traceback in the proxy.

    Serve answers what a handler raises with INTERNAL and a text that names actor, pid and address; a code set on the
    context together with an empty reply is passed on as it is.
    """

    def decorate(handler: Callable[..., Awaitable[_ReplyT]]) -> _Handler:
        @functools.wraps(handler)
        async def wrapped(deployment: Deployment, request: Any, grpc_context: RayServegRPCContext) -> _ReplyT:
            metadata = _bind(grpc_context, deployment.model_version)
            began, code = perf_counter(), grpc.StatusCode.CANCELLED
            try:
                if secret := getattr(deployment, "gateway_secret", ""):
                    check_signature(secret, metadata, handler.__name__)
                answer = await handler(deployment, request)
                code = grpc.StatusCode.OK
            except Exception as error:
                code, answer = _set_status(grpc_context, error), reply()
            finally:
                _log_call(handler.__name__, code, perf_counter() - began, request)
            return answer

        # Serve reads the signature to see whether a handler takes the context; it must see the wrapper's own.
        del wrapped.__wrapped__
        return wrapped

    return decorate


def _bind(grpc_context: RayServegRPCContext, model_version: str) -> dict[str, str]:
    """Binds the call, and returns its metadata. Serve runs each call in a task of its own."""
    metadata = dict(grpc_context.invocation_metadata())
    request_id, tenant = metadata.get("x-request-id", ""), metadata.get(TENANT_HEADER, "")
    has_own_cache = bool(tenant) and OWN_CACHE_HEADER in metadata
    weight = _positive(metadata, WEIGHT_HEADER) or 1.0
    bind_request(RequestContext(request_id, tenant, model_version, weight=weight, has_own_cache=has_own_cache))
    if seconds := _positive(metadata, SECONDS_LEFT_HEADER):
        bind_deadline(seconds)
    return metadata


def _positive(metadata: dict[str, str], header: str) -> float | None:
    try:
        value = float(metadata.get(header, ""))
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None


def _set_status(grpc_context: RayServegRPCContext, error: Exception) -> grpc.StatusCode:
    ours = error if isinstance(error, EpitaxyError) else InternalError(str(error))
    if code_of(ours) is grpc.StatusCode.INTERNAL:
        _LOG.error("request failed", exc_info=error)
    status = to_rpc_status(ours, current_request().request_id)
    grpc_context.set_code(status.code)
    grpc_context.set_details(status.details)
    grpc_context.set_trailing_metadata(list(status.trailing_metadata))
    return status.code


def _log_call(method: str, code: grpc.StatusCode, seconds: float, request: Message) -> None:
    fields = {"method": method, "code": code.name, "seconds": round(seconds, 6), "structures": _n_structures(request)}
    # The gateway's probes, a few per second, belong to no request.
    is_probe = code is grpc.StatusCode.OK and not current_request().request_id
    _LOG.log(logging.DEBUG if is_probe else logging.INFO, "call", extra=fields)


def _n_structures(request: Message) -> int:
    try:
        return count_structures(getattr(request, "structures", ()))
    except InvalidRequestError:  # a block of torn arrays, refused by the handler
        return 0
