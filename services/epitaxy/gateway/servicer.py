"""Protobuf on one side, the use cases on the other."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from epitaxy.api.models.v1 import models_pb2, models_pb2_grpc
from epitaxy.api.prediction.v1 import (
    explanation_pb2,
    prediction_pb2,
    prediction_pb2_grpc,
    structures_pb2,
    structures_pb2_grpc,
)
from epitaxy.chassis.structure_ids import count_structures
from epitaxy.gateway.blocks import lost_block, summary_message
from epitaxy.gateway.domain import Answer, Chunk, Loss, ScreenEvent, check_coverage, check_nearest, check_page_size
from epitaxy.gateway.model_access import check_model_access
from epitaxy.gateway.service import GatewayService


class PredictionServicer(prediction_pb2_grpc.PredictionServiceServicer):
    """epitaxy.prediction.v1.PredictionService."""

    def __init__(self, service: GatewayService) -> None:
        self._service = service

    async def Predict(  # noqa: N802  # the RPC's name
        self, request: prediction_pb2.PredictRequest, context: Any
    ) -> prediction_pb2.PredictResponse:
        """Answers a few structures."""
        as_chunk = prediction_pb2.ScreenRequest(options=request.options, structures=request.structures)
        answer = await self._service.predict(_screen_chunk(as_chunk))
        return prediction_pb2.PredictResponse(results=answer.payload)

    async def Screen(  # noqa: N802
        self, request_iterator: AsyncIterator[prediction_pb2.ScreenRequest], context: Any
    ) -> AsyncGenerator[prediction_pb2.ScreenResponse, None]:
        """Answers a stream of messages, a summary last."""
        async with aclosing(self._service.screen(_screen_chunks(request_iterator))) as events:
            async for event in events:
                yield _screen_response(event)

    async def Embed(  # noqa: N802
        self, request: prediction_pb2.EmbedRequest, context: Any
    ) -> prediction_pb2.EmbedResponse:
        """Embeds structures."""
        check_model_access(request.model)
        chunk = Chunk(count_structures(request.structures), request)
        response: prediction_pb2.EmbedResponse = await self._service.embed(chunk)
        return response

    async def Explain(  # noqa: N802
        self, request: explanation_pb2.ExplainRequest, context: Any
    ) -> explanation_pb2.ExplainResponse:
        """Explains the predictions for a few structures."""
        check_model_access(request.model)
        check_nearest(request.n_nearest)
        chunk = Chunk(count_structures(request.structures), request)
        response: explanation_pb2.ExplainResponse = await self._service.explain(chunk)
        return response


class StructureServicer(structures_pb2_grpc.StructureServiceServicer):
    """epitaxy.prediction.v1.StructureService."""

    def __init__(self, service: GatewayService) -> None:
        self._service = service

    async def Validate(  # noqa: N802
        self, request: structures_pb2.ValidateRequest, context: Any
    ) -> structures_pb2.ValidateResponse:
        """Reports on structures."""
        chunk = Chunk(count_structures(request.structures), request)
        response: structures_pb2.ValidateResponse = await self._service.validate(chunk)
        return response


class ModelServicer(models_pb2_grpc.ModelServiceServicer):
    """epitaxy.models.v1.ModelService."""

    def __init__(self, service: GatewayService) -> None:
        self._service = service

    async def ListModels(  # noqa: N802
        self, request: models_pb2.ListModelsRequest, context: Any
    ) -> models_pb2.ListModelsResponse:
        """Lists models."""
        check_page_size(request.page_size)
        response: models_pb2.ListModelsResponse = await self._service.list_models(request)
        return response

    async def GetModel(  # noqa: N802
        self, request: models_pb2.GetModelRequest, context: Any
    ) -> models_pb2.GetModelResponse:
        """Finds a model."""
        check_model_access(request.model)
        response: models_pb2.GetModelResponse = await self._service.get_model(request)
        return response


async def _screen_chunks(requests: AsyncIterator[prediction_pb2.ScreenRequest]) -> AsyncGenerator[Chunk, None]:
    # No generator expression: it would open grpc's iterator at once, which warns where nobody reads from it.
    async for request in requests:
        yield _screen_chunk(request)


def _screen_chunk(request: prediction_pb2.ScreenRequest) -> Chunk:
    check_model_access(request.options.model)
    check_coverage(request.options.coverage)
    return Chunk(count_structures(request.structures), request)


def _screen_response(event: ScreenEvent) -> prediction_pb2.ScreenResponse:
    match event:
        case Answer(payload=block):
            return prediction_pb2.ScreenResponse(results=block)
        case Loss():
            return prediction_pb2.ScreenResponse(results=lost_block(event))
        case _:
            return prediction_pb2.ScreenResponse(summary=summary_message(event))
