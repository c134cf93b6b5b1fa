"""The blocking client."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import grpc

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
from epitaxy.client.finetune.calls import FineTuneCalls
from epitaxy.client.finetune.methods import FineTuneMethods
from epitaxy.client.inputs.source import Known, open_inputs
from epitaxy.client.measurements.methods import MeasurementCalls, MeasurementMethods
from epitaxy.client.results import IntakeReport, ScreenResult
from epitaxy.client.screening.exchange import Exchange
from epitaxy.client.screening.run import ProgressCallback, ScreenRun
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


class Client(FineTuneMethods, MeasurementMethods):
    """Talks to an Epitaxy server.

    Inputs are paths of files and folders, pymatgen or ase objects, ``(lattice, species, frac)`` tuples, dicts of
    the same, ``(id, structure)`` pairs, and any collection or generator of these. They are read as they are sent.

    Args:
        target: ``HOST:PORT``; else ``EPITAXY_TARGET``, else ``127.0.0.1:50051``.
        api_key: Else ``EPITAXY_API_KEY``; none is needed on the loopback of a development server.
        tls: True for the system's roots, the path of a CA file, False for plain text; else ``EPITAXY_TLS_CA``.
        timeout: Seconds for one call.
        patience: Seconds of silence in a screening after which its stream is held for lost; a little more than the
            gateway's own patience with one message.
    """

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
        calls = FineTuneCalls(self._channel, self._connection)
        self._measurements = MeasurementCalls(self._channel, calls)
        super().__init__(calls)

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def target(self) -> str:
        """The server's address."""
        return self._connection.target

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()

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
    ) -> ScreenRun:
        """Screens any number of structures; iterate the run, or call its ``to_pandas()``.

        A structure that cannot be answered is a result with an ``error``. A lost connection is opened again and
        what was unanswered is sent again.

        Args:
            paths_or_structures: See the class.
            properties: Names; None for all that the model has.
            model: ``NAME``, ``NAME@ALIAS`` or ``NAME:VERSION``, a model of your own as ``TENANT/NAME``; None for the
                server's default.
            coverage: Nominal coverage of the intervals, 0.5 to 0.99.
            chunk_size: Structures a message, 1 to 512.
            on_progress: Called with the running summary after every block of answers.
            bypass_cache: Do not read the server's cached answers.
            known: Values of a lower fidelity that a model of your own reads beside the structures: names of columns
                of the tables, or ``{column: values}`` in the order of the structures, NaN where not known.

        Raises:
            InvalidRequestError: a path does not exist, or an option is out of range.
        """
        options = prediction_options(model, properties, coverage, bypass_cache)
        stream = open_inputs(paths_or_structures, known)
        exchange = Exchange(stream.items, options, checked_chunk_size(chunk_size))
        tally = RunTally(stream.count() if on_progress is not None else None)
        return ScreenRun(self._predictions.Screen, self._connection, exchange, tally, on_progress)

    def predict(
        self,
        paths_or_structures: Any,
        properties: Sequence[str] | str | None = None,
        model: str | None = None,
        *,
        coverage: float = 0.9,
        bypass_cache: bool = False,
        known: Known = (),
    ) -> list[ScreenResult]:
        """Answers a few structures, in input order; ``screen`` is for many. Arguments as there."""
        options = prediction_options(model, properties, coverage, bypass_cache)
        results: list[ScreenResult] = []
        for chunk, parcel in parcels(open_inputs(paths_or_structures, known).items, MAX_PREDICT_STRUCTURES):
            block = prediction_pb2.ResultBlock()
            if parcel.structures:
                request = prediction_pb2.PredictRequest(options=options, structures=parcel.structures)
                block = self._call(self._predictions.Predict, request).results
            results.extend(read_predictions(chunk, parcel, block))
        return results

    def embed(self, paths_or_structures: Any, model: str | None = None) -> Iterator[EmbeddingResult]:
        """The backbone's embeddings, in input order, a message at a time."""
        selector = parse_model(model)
        for chunk, parcel in parcels(open_inputs(paths_or_structures).items, MAX_BLOCK_STRUCTURES):
            response = prediction_pb2.EmbedResponse()
            if parcel.structures:
                request = prediction_pb2.EmbedRequest(model=selector, structures=parcel.structures)
                response = self._call(self._predictions.Embed, request)
            yield from read_embeddings(chunk, parcel, response)

    def explain(
        self,
        paths_or_structures: Any,
        property: str | None = None,  # noqa: A002 - as predictions call it
        model: str | None = None,
        *,
        n_nearest: int = 5,
    ) -> list[Explanation]:
        """Why the model predicts what it does of a few structures, in input order; a second or more each.

        Every explanation carries the verdict of its own test; ``plot()`` and ``to_html()`` show one.

        Args:
            paths_or_structures: See the class.
            property: One name; None for the model's first.
            model: As in ``screen``; models of your own are not explained (``NOT_EXPLAINABLE``).
            n_nearest: Known materials to name beside each structure, 1 to 20.
        """
        asked = explain_request(model, property, n_nearest)
        results: list[Explanation] = []
        for chunk, parcel in parcels(open_inputs(paths_or_structures).items, STRUCTURES_A_MESSAGE):
            response = explanation_pb2.ExplainResponse()
            if parcel.structures:
                response = self._call(self._predictions.Explain, with_structures(asked, parcel))
            results.extend(read_explanations(chunk, parcel, response))
        return results

    def validate(self, paths_or_structures: Any) -> Iterator[IntakeReport]:
        """How the server reads each structure, in input order, a message at a time; nothing is predicted."""
        for chunk, parcel in parcels(open_inputs(paths_or_structures).items, MAX_BLOCK_STRUCTURES):
            response = structures_pb2.ValidateResponse()
            if parcel.structures:
                request = structures_pb2.ValidateRequest(structures=parcel.structures)
                response = self._call(self._structures.Validate, request)
            yield from read_reports(chunk, parcel, response)

    def list_models(self) -> list[ModelCard]:
        """The cards of all served models."""
        cards: list[ModelCard] = []
        token = ""
        while True:
            response = self._call(self._models.ListModels, models_pb2.ListModelsRequest(page_token=token))
            cards.extend(ModelCard.from_proto(card) for card in response.models)
            token = response.next_page_token
            if not token:
                return cards

    def get_model(self, model: str | None = None) -> ModelCard:
        """The card of one model. Raises NotFoundError."""
        request = models_pb2.GetModelRequest(model=parse_model(model))
        return ModelCard.from_proto(self._call(self._models.GetModel, request).model)

    def is_ready(self, timeout: float = 5.0) -> bool:
        """True where the server answers and says that it serves."""
        check = self._channel.unary_unary(
            health.METHOD, request_serializer=health.serialize, response_deserializer=health.is_serving
        )
        try:
            return bool(check(None, timeout=timeout, metadata=self._connection.metadata(new_request_id())))
        except grpc.RpcError:
            return False

    def _call(self, method: Callable[..., Response], request: object) -> Response:
        request_id = new_request_id()
        timeout = self._connection.timeout_seconds
        try:
            return method(request, timeout=timeout, metadata=self._connection.metadata(request_id))
        except grpc.RpcError as error:
            raise Fault.of(error, request_id).to_error(self.target) from None


def _open_channel(connection: Connection) -> Any:
    if connection.credentials is None:
        return grpc.insecure_channel(connection.target, options=connection.options)
    return grpc.secure_channel(connection.target, connection.credentials, options=connection.options)
