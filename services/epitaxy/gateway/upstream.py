"""The adapter to the prediction application's gRPC ingress: one attempt a call, errors in our own words."""

import logging
from collections.abc import Callable
from time import perf_counter
from typing import Any, Protocol

import grpc

from epitaxy.api.models.v1.models_pb2 import ListModelsRequest
from epitaxy.api.prediction.v1.backend_pb2_grpc import PredictionBackendStub
from epitaxy.chassis.errors import (
    DeadlineExceededError,
    InternalError,
    OverloadedError,
    PermissionDeniedError,
    UnauthenticatedError,
    UnavailableError,
)
from epitaxy.chassis.request_context import current_request
from epitaxy.chassis.status import from_trailing_metadata
from epitaxy.gateway.blocks import settle
from epitaxy.gateway.domain import Answer, Chunk
from epitaxy.gateway.settings import GatewaySettings
from epitaxy_models.errors import EpitaxyError

logger = logging.getLogger(__name__)

READINESS_TIMEOUT_SECONDS = 2.0

# Statuses that carry no details of ours come from the proxy or the runtime before our code. Ray Serve says INTERNAL
# for a replica that died under a request and NOT_FOUND while an application is not deployed (ray.serve._private.
# grpc_util and proxy, 2.60): both pass, and every call here is idempotent.
_PASSING = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.NOT_FOUND,
    }
)
# Spreads calls over all addresses of a headless service instead of pinning the first.
_SERVICE_CONFIG = '{"loadBalancingConfig": [{"round_robin": {}}]}'


class UpstreamObserver(Protocol):
    """Who wants to know how upstream attempts end."""

    def upstream_call(self, method: str, code: str, seconds: float) -> None:
        """One attempt ended."""


class GrpcUpstream:
    """Calls PredictionBackend; implements the PredictionUpstream port."""

    def __init__(self, settings: GatewaySettings, observer: UpstreamObserver) -> None:
        self._application = settings.upstream_application
        self._attempt_seconds = settings.chunk_attempt_seconds
        self._observer = observer
        self._channel = grpc.aio.insecure_channel(settings.upstream, options=_channel_options(settings))
        self._stub: Any = PredictionBackendStub(self._channel)  # type: ignore[no-untyped-call]  # generated

    async def close(self) -> None:
        """Closes the channel."""
        await self._channel.close()

    async def is_ready(self) -> bool:
        """Whether the application answers at all; one that is overloaded does."""
        try:
            await self._send("ListServedModels", ListModelsRequest(page_size=1), READINESS_TIMEOUT_SECONDS)
        except grpc.aio.AioRpcError as error:
            return bool(error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED)
        return True

    async def evaluate(self, chunk: Chunk) -> Answer:
        """Predicts the structures of a chunk."""
        block = await self._call("Evaluate", chunk.payload)
        return settle(block, chunk.payload, chunk.n_structures)

    async def embed(self, payload: Any) -> Any:
        """Embeds the structures of an EmbedRequest."""
        return await self._call("EmbedBlock", payload)

    async def explain(self, payload: Any) -> Any:
        """Explains the structures of an ExplainRequest."""
        return await self._call("ExplainBlock", payload)

    async def validate(self, payload: Any) -> Any:
        """Reads the structures of a ValidateRequest."""
        return await self._call("ValidateBlock", payload)

    async def list_models(self, payload: Any) -> Any:
        """Answers a ListModelsRequest."""
        return await self._call("ListServedModels", payload)

    async def get_model(self, payload: Any) -> Any:
        """Answers a GetModelRequest."""
        return await self._call("GetServedModel", payload)

    async def _call(self, method: str, request: Any) -> Any:
        started = perf_counter()
        code = grpc.StatusCode.CANCELLED
        try:
            response = await self._send(method, request, self._attempt_timeout())
            code = grpc.StatusCode.OK
            return response
        except grpc.aio.AioRpcError as error:
            code = error.code()
            raise self._translated(method, error) from error
        finally:
            self._observer.upstream_call(method, code.name, perf_counter() - started)

    def _send(self, method: str, request: Any, seconds: float) -> Any:
        send: Callable[..., Any] = getattr(self._stub, method)
        return send(request, timeout=seconds, metadata=self._metadata())

    def _attempt_timeout(self) -> float:
        left = current_request().seconds_left()
        return self._attempt_seconds if left is None else min(left, self._attempt_seconds)

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        call = current_request()
        return (
            ("application", self._application),
            ("x-request-id", call.request_id),
            # By this name Serve takes it over into the log lines of its own.
            ("request_id", call.request_id),
            ("x-tenant", call.tenant),
        )

    def _translated(self, method: str, error: grpc.aio.AioRpcError) -> EpitaxyError:
        ours = from_trailing_metadata(error.trailing_metadata())
        if isinstance(ours, UnauthenticatedError | PermissionDeniedError):
            ours = InternalError(f"upstream refuses the gateway: {ours.message}")
        translated = ours or _foreign(error.code())
        fields = {"method": method, "code": error.code().name, "details": error.details(), "reason": translated.reason}
        logger.log(logging.DEBUG if ours else logging.WARNING, "upstream call failed", extra=fields)
        return translated


def _foreign(code: grpc.StatusCode) -> EpitaxyError:
    if code in _PASSING:
        return UnavailableError("the prediction service cannot be reached at the moment")
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return OverloadedError("the prediction service has more work than it can queue")
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineExceededError("the prediction service did not answer in time")
    return InternalError(f"upstream answered {code.name} without details")


def _channel_options(settings: GatewaySettings) -> list[tuple[str, int | str]]:
    return [
        ("grpc.max_send_message_length", settings.max_message_bytes),
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", int(settings.upstream_connect_patience_seconds * 1000)),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.enable_retries", 0),  # our own retries know what is idempotent and what was hinted
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.service_config", _SERVICE_CONFIG),
    ]
