"""The adapter to the prediction application's gRPC ingress."""

import grpc

from epitaxy.api.internal.v1 import prediction_backend_pb2
from epitaxy.chassis.errors import PermissionDeniedError, UnauthenticatedError
from epitaxy.chassis.gateway_trust import read_secret
from epitaxy.chassis.request_context import current_request
from epitaxy.chassis.signed_calls import OWN_CACHE_HEADER, SECONDS_LEFT_HEADER, TENANT_HEADER, WEIGHT_HEADER, signed
from epitaxy.gateway.blocks import settle_answer
from epitaxy.gateway.domain import Answer, Chunk, ExplainQuery, ModelQuery, ModelsPage, StructureBlock
from epitaxy.gateway.settings import GatewaySettings
from epitaxy.gateway.upstream.connection import Connection, Metadata, ServiceFaults, UpstreamObserver, open_channel

SERVICE = prediction_backend_pb2.DESCRIPTOR.services_by_name["PredictionBackendService"].full_name
READINESS_TIMEOUT_SECONDS = 2.0

_PROBED = "ListServedModels"
_PROBE = prediction_backend_pb2.ListServedModelsRequest(page_size=1).SerializeToString()
_FAULTS = ServiceFaults(
    service="the prediction service",
    # Statuses that carry no details of ours come from the proxy or the runtime before our code. Ray Serve says
    # INTERNAL for a replica that died under a request and NOT_FOUND while an application is not deployed
    # (ray.serve._private.grpc_util and proxy, 2.60): both pass, and every call here is idempotent.
    passing=frozenset(
        {
            grpc.StatusCode.UNAVAILABLE,
            grpc.StatusCode.ABORTED,
            grpc.StatusCode.CANCELLED,
            grpc.StatusCode.INTERNAL,
            grpc.StatusCode.UNKNOWN,
            grpc.StatusCode.NOT_FOUND,
        }
    ),
    exhausted="the prediction service has more work than it can queue",
    refusals=(UnauthenticatedError, PermissionDeniedError),
    # A proxy that has just started knows no application yet. INTERNAL and UNKNOWN are not here: a structure that takes
    # its replica with it must not take them all, one after another.
    gone=frozenset({grpc.StatusCode.NOT_FOUND}),
)
# Spreads calls over all addresses of a headless service instead of pinning the first.
_SERVICE_CONFIG = '{"loadBalancingConfig": [{"round_robin": {}}]}'


class GrpcPrediction:
    """Calls PredictionBackendService with the callers' own bytes; implements the PredictionUpstream port."""

    def __init__(self, settings: GatewaySettings, observer: UpstreamObserver) -> None:
        self._application = settings.upstream_application
        self._attempt_seconds = settings.chunk_attempt_seconds
        self._secret = read_secret(settings.prediction_secret_file)
        channel = open_channel(
            settings.upstream,
            settings.max_message_bytes,
            settings.upstream_connect_patience_seconds,
            _SERVICE_CONFIG,
        )
        self._connection = Connection(channel, _FAULTS, observer)

    async def close(self) -> None:
        """Closes the channel."""
        await self._connection.close()

    async def is_ready(self) -> bool:
        """Whether the application answers at all.

        One that is overloaded does, late: a gateway that reported that as a loss would take itself, and all others with
        it, out of rotation just then. It is lost if nobody is there, or if nothing at all is answered any more.
        """
        path = f"/{SERVICE}/{_PROBED}"
        try:
            await self._connection.send(path, _PROBE, self._metadata(_PROBED), READINESS_TIMEOUT_SECONDS)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                return self._connection.silent_seconds < self._attempt_seconds
            return bool(error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED)
        return True

    async def evaluate(self, chunk: Chunk) -> Answer:
        """Predicts the structures of a chunk."""
        return settle_answer(await self._call("Evaluate", chunk.encoded), chunk)

    async def score(self, encoded: bytes) -> bytes:
        """Answers a ScoreCandidatesRequest with a ScoreCandidatesResponse."""
        return await self._call("ScoreCandidates", encoded)

    async def embed(self, block: StructureBlock) -> bytes:
        """Answers an EmbedRequest with an EmbedResponse."""
        return await self._call("EmbedBlock", block.encoded)

    async def explain(self, query: ExplainQuery) -> bytes:
        """Answers an ExplainRequest with an ExplainResponse."""
        # By the caller's own deadline, an explainer is started or not.
        left = (SECONDS_LEFT_HEADER, f"{self._attempt_timeout():.3f}")
        return await self._call("ExplainBlock", query.encoded, left)

    async def validate(self, block: StructureBlock) -> bytes:
        """Answers a ValidateRequest with a ValidateResponse."""
        return await self._call("ValidateBlock", block.encoded)

    async def list_models(self, page: ModelsPage) -> bytes:
        """Answers a ListModelsRequest with a ListModelsResponse."""
        return await self._call("ListServedModels", page.encoded)

    async def get_model(self, query: ModelQuery) -> bytes:
        """Answers a GetModelRequest with a GetModelResponse."""
        return await self._call("GetServedModel", query.encoded)

    async def _call(self, method: str, request: bytes, *more: tuple[str, str]) -> bytes:
        path, metadata = f"/{SERVICE}/{method}", (*self._metadata(method), *more)
        return await self._connection.call(path, request, metadata, self._attempt_timeout())

    def _attempt_timeout(self) -> float:
        left = current_request().seconds_left()
        return self._attempt_seconds if left is None else min(left, self._attempt_seconds)

    def _metadata(self, method: str) -> Metadata:
        call = current_request()
        return (
            ("application", self._application),
            ("x-request-id", call.request_id),
            # Under this name Serve copies it into its own log lines.
            ("request_id", call.request_id),
            (TENANT_HEADER, call.tenant),
            (WEIGHT_HEADER, f"{call.weight:g}"),
            *(((OWN_CACHE_HEADER, "1"),) if call.has_own_cache else ()),
            *signed(self._secret, call.tenant, method),
        )
