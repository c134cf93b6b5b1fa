"""The public services of predictions: bytes on one side, the use cases on the other."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from epitaxy.api.models.v1 import models_pb2
from epitaxy.api.prediction.v1 import prediction_pb2, structures_pb2
from epitaxy.gateway import messages
from epitaxy.gateway.blocks import encode_event
from epitaxy.gateway.domain import Chunk
from epitaxy.gateway.handlers import servicer_handler
from epitaxy.gateway.service import GatewayService

PREDICTIONS = prediction_pb2.DESCRIPTOR.services_by_name["PredictionService"]
STRUCTURES = structures_pb2.DESCRIPTOR.services_by_name["StructureService"]
MODELS = models_pb2.DESCRIPTOR.services_by_name["ModelService"]


class PredictionServicer:
    """epitaxy.prediction.v1.PredictionService."""

    def __init__(self, service: GatewayService) -> None:
        self._service = service

    async def Predict(self, request: bytes, context: Any) -> bytes:  # noqa: N802  # the RPC's name, as below
        """Answers a few structures."""
        return (await self._service.predict(messages.read_predict(request))).encoded

    async def Screen(  # noqa: N802
        self, request_iterator: AsyncIterator[bytes], context: Any
    ) -> AsyncGenerator[bytes, None]:
        """Answers a stream of messages, a summary last."""
        async with aclosing(self._service.screen(_read_chunks(request_iterator))) as events:
            async for event in events:
                yield encode_event(event)

    async def Embed(self, request: bytes, context: Any) -> bytes:  # noqa: N802
        """Embeds structures."""
        return await self._service.embed(messages.read_embed(request))

    async def Explain(self, request: bytes, context: Any) -> bytes:  # noqa: N802
        """Explains the predictions for a few structures."""
        return await self._service.explain(messages.read_explain(request))


class StructureServicer:
    """epitaxy.prediction.v1.StructureService."""

    def __init__(self, service: GatewayService) -> None:
        self._service = service

    async def Validate(self, request: bytes, context: Any) -> bytes:  # noqa: N802
        """Reports on structures."""
        return await self._service.validate(messages.read_validate(request))


class ModelServicer:
    """epitaxy.models.v1.ModelService."""

    def __init__(self, service: GatewayService) -> None:
        self._service = service

    async def ListModels(self, request: bytes, context: Any) -> bytes:  # noqa: N802
        """Lists models."""
        return await self._service.list_models(messages.read_list_models(request))

    async def GetModel(self, request: bytes, context: Any) -> bytes:  # noqa: N802
        """Finds a model."""
        return await self._service.get_model(messages.read_get_model(request))


def prediction_handlers(service: GatewayService) -> tuple[Any, ...]:
    """Handlers of the three services, for a server."""
    return (
        servicer_handler(PREDICTIONS, PredictionServicer(service)),
        servicer_handler(STRUCTURES, StructureServicer(service)),
        servicer_handler(MODELS, ModelServicer(service)),
    )


async def _read_chunks(requests: AsyncIterator[bytes]) -> AsyncGenerator[Chunk, None]:
    # No generator expression: it would open gRPC's iterator at once, which warns if nobody reads from it.
    async for request in requests:
        yield messages.read_screen(request)
