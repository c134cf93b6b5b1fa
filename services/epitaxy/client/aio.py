"""The client for asyncio."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import grpc
import grpc.aio

from epitaxy.api.measurements.v1 import measurements_pb2, measurements_pb2_grpc
from epitaxy.api.models.v1 import models_pb2, models_pb2_grpc
from epitaxy.api.prediction.v1 import (
    explanation_pb2,
    prediction_pb2,
    prediction_pb2_grpc,
    structures_pb2,
    structures_pb2_grpc,
)
from epitaxy.client import health
from epitaxy.client.cards import ModelCard
from epitaxy.client.connection import Connection, new_request_id
from epitaxy.client.errors import Fault
from epitaxy.client.explanations import Explanation
from epitaxy.client.explanations.reading import (
    STRUCTURES_A_MESSAGE,
    explain_request,
    read_explanations,
    with_structures,
)
from epitaxy.client.inputs.source import Known, open_inputs
from epitaxy.client.measurements.batches import MeasurementQuery, ReportProgress, ReportTally
from epitaxy.client.measurements.results import MeasurementReport, ModelHealth
from epitaxy.client.results import IntakeReport, ScreenResult
from epitaxy.client.screening.aio_run import AsyncScreenRun
from epitaxy.client.screening.exchange import Exchange
from epitaxy.client.screening.run import ProgressCallback
from epitaxy.client.screening.summary import RunTally
from epitaxy.client.screening.unary import (
    MAX_BLOCK_STRUCTURES,
    MAX_PREDICT_STRUCTURES,
    EmbeddingResult,
    checked_chunk_size,
    parcels,
    prediction_options,
    read_embeddings,
    read_predictions,
    read_reports,
)
from epitaxy.client.selector import parse_model

Response = TypeVar("Response")


class AsyncClient:
    """``Client`` for asyncio: the same arguments, inputs and answers. Make it inside a running loop."""

    def __init__(
        self,
        target: str | None = None,
        api_key: str | None = None,
        *,
        tls: bool | str | Path | None = None,
        timeout: float = 60.0,
        patience: float = 330.0,
    ) -> None:
        self._connection = Connection.from_settings(
            target, api_key, tls, timeout_seconds=timeout, patience_seconds=patience
        )
        self._channel = _open_channel(self._connection)
        self._predictions = prediction_pb2_grpc.PredictionServiceStub(self._channel)  # type: ignore[no-untyped-call]  # generated
        self._structures = structures_pb2_grpc.StructureServiceStub(self._channel)  # type: ignore[no-untyped-call]  # generated
        self._models = models_pb2_grpc.ModelServiceStub(self._channel)  # type: ignore[no-untyped-call]  # generated
        self._measurements = measurements_pb2_grpc.MeasurementServiceStub(self._channel)  # type: ignore[no-untyped-call]  # generated

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def target(self) -> str:
        """The server's address."""
        return self._connection.target

    async def close(self) -> None:
        """Closes the connection."""
        await self._channel.close()

    def screen(
        self,
        paths_or_structures: Any,
        properties: Sequence[str] | str | None = None,
        model: str | None = None,
        *,
        coverage: float = 0.9,
        chunk_size: int = 128,
        on_progress: ProgressCallback | None = None,
        bypass_cache: bool = False,
        known: Known = (),
    ) -> AsyncScreenRun:
        """See ``Client.screen``; iterate the run with ``async for``, or await its ``to_pandas()``."""
        options = prediction_options(model, properties, coverage, bypass_cache)
        stream = open_inputs(paths_or_structures, known)
        exchange = Exchange(stream.items, options, checked_chunk_size(chunk_size))
        tally = RunTally(stream.count() if on_progress is not None else None)
        return AsyncScreenRun(self._predictions.Screen, self._connection, exchange, tally, on_progress)

    async def predict(
        self,
        paths_or_structures: Any,
        properties: Sequence[str] | str | None = None,
        model: str | None = None,
        *,
        coverage: float = 0.9,
        bypass_cache: bool = False,
        known: Known = (),
    ) -> list[ScreenResult]:
        """See ``Client.predict``."""
        options = prediction_options(model, properties, coverage, bypass_cache)
        results: list[ScreenResult] = []
        for chunk, parcel in parcels(open_inputs(paths_or_structures, known).items, MAX_PREDICT_STRUCTURES):
            block = prediction_pb2.ResultBlock()
            if parcel.structures:
                request = prediction_pb2.PredictRequest(options=options, structures=parcel.structures)
                block = (await self._call(self._predictions.Predict, request)).results
            results.extend(read_predictions(chunk, parcel, block))
        return results

    async def embed(self, paths_or_structures: Any, model: str | None = None) -> AsyncIterator[EmbeddingResult]:
        """See ``Client.embed``."""
        selector = parse_model(model)
        for chunk, parcel in parcels(open_inputs(paths_or_structures).items, MAX_BLOCK_STRUCTURES):
            response = prediction_pb2.EmbedResponse()
            if parcel.structures:
                request = prediction_pb2.EmbedRequest(model=selector, structures=parcel.structures)
                response = await self._call(self._predictions.Embed, request)
            for result in read_embeddings(chunk, parcel, response):
                yield result

    async def explain(
        self,
        paths_or_structures: Any,
        property: str | None = None,  # noqa: A002 - as predictions call it
        model: str | None = None,
        *,
        n_nearest: int = 5,
    ) -> list[Explanation]:
        """See ``Client.explain``."""
        asked = explain_request(model, property, n_nearest)
        results: list[Explanation] = []
        for chunk, parcel in parcels(open_inputs(paths_or_structures).items, STRUCTURES_A_MESSAGE):
            response = explanation_pb2.ExplainResponse()
            if parcel.structures:
                response = await self._call(self._predictions.Explain, with_structures(asked, parcel))
            results.extend(read_explanations(chunk, parcel, response))
        return results

    async def validate(self, paths_or_structures: Any) -> AsyncIterator[IntakeReport]:
        """See ``Client.validate``."""
        for chunk, parcel in parcels(open_inputs(paths_or_structures).items, MAX_BLOCK_STRUCTURES):
            response = structures_pb2.ValidateResponse()
            if parcel.structures:
                request = structures_pb2.ValidateRequest(structures=parcel.structures)
                response = await self._call(self._structures.Validate, request)
            for report in read_reports(chunk, parcel, response):
                yield report

    async def list_models(self) -> list[ModelCard]:
        """The cards of all served models."""
        cards: list[ModelCard] = []
        token = ""
        while True:
            response = await self._call(self._models.ListModels, models_pb2.ListModelsRequest(page_token=token))
            cards.extend(ModelCard.from_proto(card) for card in response.models)
            token = response.next_page_token
            if not token:
                return cards

    async def get_model(self, model: str | None = None) -> ModelCard:
        """The card of one model. Raises NotFoundError."""
        request = models_pb2.GetModelRequest(model=parse_model(model))
        return ModelCard.from_proto((await self._call(self._models.GetModel, request)).model)

    async def report_measurements(
        self,
        data: Any,
        *,
        unit: str,
        value: str,
        model: str | None = None,
        property: str = "",  # noqa: A002 - as predictions call it
        id: str = "id",  # noqa: A002 - as predictions call it
        structure: str = "structure",
        known: Sequence[str] = (),
        on_progress: ReportProgress | None = None,
    ) -> MeasurementReport:
        """See ``Client.report_measurements``."""
        query = MeasurementQuery(model, property, unit, value, id, structure, tuple(known))
        rows = await asyncio.to_thread(query.read, data)
        tally = ReportTally(rows, on_progress)
        for batch in rows.batches():
            request = batch.request
            answer = None if request is None else await self._call(self._measurements.ReportMeasurements, request)
            tally.add(batch, answer)
        return tally.report()

    async def model_health(self, model: str | None = None) -> ModelHealth:
        """See ``Client.model_health``."""
        request = measurements_pb2.GetModelHealthRequest(model=parse_model(model))
        return ModelHealth.from_proto(await self._call(self._measurements.GetModelHealth, request))

    async def is_ready(self, timeout: float = 5.0) -> bool:  # noqa: ASYNC109 - the deadline is gRPC's
        """True where the server answers and says that it serves."""
        check = self._channel.unary_unary(
            health.METHOD, request_serializer=health.serialize, response_deserializer=health.is_serving
        )
        try:
            return bool(await check(None, timeout=timeout, metadata=self._connection.metadata(new_request_id())))
        except grpc.RpcError:
            return False

    async def _call(self, method: Callable[..., Awaitable[Response]], request: object) -> Response:
        request_id = new_request_id()
        timeout = self._connection.timeout_seconds
        try:
            return await method(request, timeout=timeout, metadata=self._connection.metadata(request_id))
        except grpc.RpcError as error:
            raise Fault.of(error, request_id).to_error(self.target) from None


def _open_channel(connection: Connection) -> Any:
    if connection.credentials is None:
        return grpc.aio.insecure_channel(connection.target, options=connection.options)
    return grpc.aio.secure_channel(connection.target, connection.credentials, options=connection.options)
