# Generated from async_client.py by tools/generate_client.py: do not edit, run `make generate`.
"""The blocking client."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import grpc

from epitaxy.api.account.v1 import account_pb2_grpc, administration_pb2_grpc
from epitaxy.api.measurements.v1 import measurements_pb2_grpc
from epitaxy.api.models.v1 import models_pb2_grpc
from epitaxy.api.prediction.v1 import (
    explanation_pb2,
    prediction_pb2,
    prediction_pb2_grpc,
    search_pb2_grpc,
    structures_pb2,
    structures_pb2_grpc,
)
from epitaxy.client import defaults
from epitaxy.client.calls import Calls
from epitaxy.client.campaigns.calls import CampaignCalls
from epitaxy.client.campaigns.campaigns import Campaigns
from epitaxy.client.connection import Connection, new_request_id
from epitaxy.client.explanations import Explanation
from epitaxy.client.explanations.reading import (
    STRUCTURES_A_MESSAGE,
    explain_request,
    read_explanations,
    with_structures,
)
from epitaxy.client.finetune.calls import FineTuneCalls
from epitaxy.client.finetune.jobs import FineTuneJobs
from epitaxy.client.finetune.methods import FineTuneMethods
from epitaxy.client.inputs.columns import Columns
from epitaxy.client.inputs.conditions import Conditions
from epitaxy.client.inputs.material_columns import MaterialColumn
from epitaxy.client.inputs.source import Known, open_inputs
from epitaxy.client.measurements.methods import MeasurementMethods
from epitaxy.client.models.account import health
from epitaxy.client.models.account.methods import AccountMethods
from epitaxy.client.models.governance import ModelGovernance
from epitaxy.client.models.methods import ModelMethods
from epitaxy.client.models.selector import parse_model
from epitaxy.client.results import EmbeddingResult, IntakeReport
from epitaxy.client.screening.exchange import Exchange
from epitaxy.client.screening.reading import read_embeddings, read_predictions, read_reports
from epitaxy.client.screening.render import ScreenResult
from epitaxy.client.screening.requests import check_chunk_size, open_messages, prediction_options
from epitaxy.client.screening.run import ScreenRun
from epitaxy.client.screening.summary import ProgressCallback, RunTally
from epitaxy.client.searching.exchange import SearchExchange
from epitaxy.client.searching.order import DEFAULT_RECALL, Goal, Where, search_order
from epitaxy.client.searching.pool import CandidatePool
from epitaxy.client.searching.run import SearchCallback, SearchRun
from epitaxy.client.transport import open_channel, run_blocking


class Client(ModelMethods, FineTuneMethods, MeasurementMethods, AccountMethods):
    """Talks to an Epitaxy server from blocking code.

    Structures are given as paths of files, folders and archives, pymatgen or ase objects, ``(lattice, species, frac)``
    tuples, dicts of the same, texts of CIF files or JSON, ``(id, structure)`` pairs, any collection or generator of
    these, data frames, series, and dicts of columns. They are read as they are sent.

    Attributes:
        campaigns: The tenant's campaigns: what to measure next.

    Args:
        target: Address of the server, ``HOST:PORT`` (default: ``EPITAXY_TARGET``, else ``127.0.0.1:50051``).
        api_key: Key of the tenant (default: ``EPITAXY_API_KEY``). A development server on the loopback needs none.
        tls: True for the system's root certificates, the path of a CA file, or False for plain text (default: the
            file that ``EPITAXY_TLS_CA`` names, else plain text).
        timeout: Longest time for one call, in seconds.
        patience: Longest silence within a screening, in seconds; after it the stream counts as lost. Should be a
            little more than the gateway's own patience with one message.

    Raises:
        InvalidRequestError: The key cannot be sent, the CA file cannot be read, or a time is not positive.
    """

    def __init__(
        self,
        target: str | None = None,
        api_key: str | None = None,
        *,
        tls: bool | str | Path | None = None,
        timeout: float = defaults.TIMEOUT_SECONDS,
        patience: float = defaults.PATIENCE_SECONDS,
    ) -> None:
        self._connection = Connection.from_settings(
            target, api_key, tls, timeout_seconds=timeout, patience_seconds=patience
        )
        self._channel = channel = open_channel(self._connection)
        self._calls = Calls(self._connection)
        self._predictions = prediction_pb2_grpc.PredictionServiceStub(channel)  # type: ignore[no-untyped-call]  # generated
        self._searches = search_pb2_grpc.SearchServiceStub(channel)  # type: ignore[no-untyped-call]  # generated
        self._structures = structures_pb2_grpc.StructureServiceStub(channel)  # type: ignore[no-untyped-call]  # generated
        self._models = models_pb2_grpc.ModelServiceStub(channel)  # type: ignore[no-untyped-call]  # generated
        self._measurements = measurements_pb2_grpc.MeasurementServiceStub(channel)  # type: ignore[no-untyped-call]  # generated
        self._accounts = account_pb2_grpc.AccountServiceStub(channel)  # type: ignore[no-untyped-call]  # generated
        self._administration = administration_pb2_grpc.AdministrationServiceStub(channel)  # type: ignore[no-untyped-call]  # generated
        self._governance = ModelGovernance(channel, self._calls)
        self.campaigns = Campaigns(CampaignCalls(channel, self._connection))
        self._jobs = FineTuneJobs(FineTuneCalls(channel, self._connection), self._governance)

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def target(self) -> str:
        """Address of the server."""
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
        coverage: float = defaults.COVERAGE,
        chunk_size: int | None = None,
        on_progress: ProgressCallback | None = None,
        bypass_cache: bool = False,
        known: Known = (),
        conditions: Conditions = (),
        structure_column: str | MaterialColumn = defaults.STRUCTURE_COLUMN,
        id_column: str | None = None,
    ) -> ScreenRun:
        """Screens any number of structures: iterate the run, or take its answers as ``columns()`` or a table.

        A structure that cannot be answered is a result with an ``error``. A lost connection is opened again, and what
        is unanswered is sent again.

        Args:
            paths_or_structures: Structures; see the class.
            properties: Names of properties (default: all that the model has).
            model: ``NAME``, ``NAME@ALIAS`` or ``NAME:VERSION``, your own models included (default: the
                server's default model).
            coverage: Nominal coverage of the intervals, 0.5 to 0.99.
            chunk_size: Structures in a message, 1 to 512 (default: 128, up to 512 while answers come fast).
            on_progress: Called with the running summary after every block of answers.
            bypass_cache: True to leave the server's cached answers unread.
            known: Values of a lower fidelity that a model of your own reads beside the structures: names of columns
                of the tables, or ``{column: values}`` in the order of the structures, NaN if unknown.
            conditions: Conditions under which a model of your own is asked: columns of the tables, as ``"NAME"``,
                ``"NAME=COLUMN"`` or ``"NAME=COLUMN:UNIT"``, or ``{name: value}`` with one value for all structures,
                ``(number, unit)`` for another unit than the model's, or a list in the order of the structures. A
                condition that is not given is unknown, which makes the interval wider.
            structure_column: Column of the structures in tables. A cell holds JSON of ``{"lattice", "species",
                "frac"}``, pymatgen's JSON, the text of a CIF, or the name of a file beside the table. For materials
                without a crystal ``smiles_column``, ``polymer_column``, ``composition_column`` or ``element_columns``.
            id_column: Column of the ids in tables (default: ``id``, ``material_id`` and the like, a data frame's
                index, or the row's number).

        Returns:
            A run; nothing is read or sent before it is iterated.

        Raises:
            InvalidRequestError: A path does not exist, or an option is out of range.
        """
        options = prediction_options(model, properties, coverage, bypass_cache, prediction_pb2.ANSWER_FORM_COLUMNS)
        stream = open_inputs(paths_or_structures, known, Columns.of(structure_column, id_column), conditions)
        exchange = Exchange(stream.items_or_blocks, options, check_chunk_size(chunk_size))
        tally = RunTally(stream.count, stream.log) if on_progress is not None else RunTally(log=stream.log)
        return ScreenRun(self._predictions.Screen, self._connection, exchange, tally, on_progress)

    def search(
        self,
        paths_or_structures: Any,
        k: int,
        by: str | Goal,
        model: str | None = None,
        *,
        where: str | Where | Sequence[str | Where] = (),
        recall: float = DEFAULT_RECALL,
        in_domain: bool = False,
        per_formula: int | None = None,
        properties: Sequence[str] | str | None = None,
        coverage: float = defaults.COVERAGE,
        bypass_cache: bool = False,
        known: Known = (),
        conditions: Conditions = (),
        structure_column: str | MaterialColumn = defaults.STRUCTURE_COLUMN,
        id_column: str | None = None,
        seed: int = 0,
        on_progress: SearchCallback | None = None,
    ) -> SearchRun:
        """Finds the best ``k`` of a pool without predicting all of it.

        Cheap students of the model score every candidate; the model evaluates the most promising ones first, until
        the result holds the share ``recall`` of the model's own best ``k``. The summary states the recall that was
        reached, with its interval, and the share that was evaluated. The pool is read once; what the server may want
        of it later waits in a temporary file.

        Args:
            paths_or_structures: The pool; see the class.
            k: How many candidates are wanted.
            by: What they are ranked by: ``"band_gap:max"``, ``"band_gap:min"`` or ``"band_gap:match:1.5"``, with
                ``":lower"`` or ``":upper"`` at the end for an end of the interval.
            model: As in ``screen``.
            where: Conditions that each of them must meet: ``"formation_energy<-0.5"``.
            recall: Share of the model's own best ``k`` that the result must hold, 0.5 to 0.999.
            in_domain: True if only structures inside the model's domain count.
            per_formula: How many structures of one reduced formula count at most (default: any number).
            properties: Properties of the answers (default: all that the model has).
            coverage: As in ``screen``.
            bypass_cache: As in ``screen``.
            known: As in ``screen``.
            conditions: As in ``screen``.
            structure_column: As in ``screen``.
            id_column: As in ``screen``.
            seed: Of the random draws by which the search measures its recall.
            on_progress: Called with the progress about once a second.

        Returns:
            A run; nothing is read or sent before it is iterated.

        Raises:
            InvalidRequestError: A path does not exist, or an option cannot be read or is out of range.
        """
        options = prediction_options(model, properties, coverage, bypass_cache)
        order = search_order(
            options, k, by, where, recall=recall, in_domain=in_domain, per_formula=per_formula, seed=seed
        )
        stream = open_inputs(paths_or_structures, known, Columns.of(structure_column, id_column), conditions)
        exchange = SearchExchange(order, CandidatePool(stream.items, defaults.MAX_CHUNK_SIZE), stream.count)
        return SearchRun(self._searches.Search, self._connection, exchange, on_progress)

    def predict(
        self,
        paths_or_structures: Any,
        properties: Sequence[str] | str | None = None,
        model: str | None = None,
        *,
        coverage: float = defaults.COVERAGE,
        bypass_cache: bool = False,
        known: Known = (),
        conditions: Conditions = (),
        structure_column: str | MaterialColumn = defaults.STRUCTURE_COLUMN,
        id_column: str | None = None,
    ) -> list[ScreenResult]:
        """Predicts a few structures and returns the results in input order; ``screen`` is for many.

        Args:
            paths_or_structures: Structures; see the class.
            properties: As in ``screen``.
            model: As in ``screen``.
            coverage: As in ``screen``.
            bypass_cache: As in ``screen``.
            known: As in ``screen``.
            conditions: As in ``screen``.
            structure_column: As in ``screen``.
            id_column: As in ``screen``.

        Raises:
            InvalidRequestError: A path does not exist, an option is out of range, or the model has no such property.
            NotFoundError: There is no such model.
            UnavailableError: No server answers.
        """
        options = prediction_options(model, properties, coverage, bypass_cache)
        columns = Columns.of(structure_column, id_column)
        messages = run_blocking(
            open_messages, paths_or_structures, defaults.MAX_PREDICT_STRUCTURES, known, columns, conditions
        )
        results: list[ScreenResult] = []
        while (message := run_blocking(messages.draw)) is not None:
            block = prediction_pb2.ResultBlock()
            if message.structures:
                request = prediction_pb2.PredictRequest(options=options, structures=message.structures)
                block = (self._calls.once(self._predictions.Predict, request)).results
            results.extend(read_predictions(message, block))
        return results

    def embed(
        self,
        paths_or_structures: Any,
        model: str | None = None,
        *,
        structure_column: str | MaterialColumn = defaults.STRUCTURE_COLUMN,
        id_column: str | None = None,
    ) -> Iterator[EmbeddingResult]:
        """Yields the backbone's embeddings in input order; they are fetched a message at a time.

        Args:
            paths_or_structures: Structures; see the class.
            model: As in ``screen``; for materials without a crystal name ``"substrate-molecule"`` or
                ``"substrate-composition"``.
            structure_column: As in ``screen``.
            id_column: As in ``screen``.

        Raises:
            InvalidRequestError: A path does not exist, or the model's name cannot be read.
            NotFoundError: There is no such model.
            UnavailableError: No server answers.
        """
        selector = parse_model(model)
        columns = Columns.of(structure_column, id_column)
        messages = run_blocking(open_messages, paths_or_structures, defaults.MAX_CHUNK_SIZE, (), columns)
        while (message := run_blocking(messages.draw)) is not None:
            response = prediction_pb2.EmbedResponse()
            if message.structures:
                request = prediction_pb2.EmbedRequest(model=selector, structures=message.structures)
                response = self._calls.once(self._predictions.Embed, request)
            yield from read_embeddings(message, response)

    def explain(
        self,
        paths_or_structures: Any,
        property: str | None = None,  # noqa: A002 - as predictions call it
        model: str | None = None,
        *,
        n_nearest: int = defaults.N_NEAREST,
        conditions: Conditions = (),
        structure_column: str | MaterialColumn = defaults.STRUCTURE_COLUMN,
        id_column: str | None = None,
    ) -> list[Explanation]:
        """Explains predictions of a few structures, a second or more each, and returns them in input order.

        Crystals are explained by site, molecules and polymers by atom and bond, compositions by element.

        Every explanation carries the verdict of its own test; ``plot()`` and ``to_html()`` show one.

        Args:
            paths_or_structures: Structures; see the class.
            property: Name of the property (default: the model's first).
            model: As in ``screen``; without one, the shared model of each material's kind. A model of your own is
                explained if it answers materials without a crystal, and refused otherwise (``NOT_EXPLAINABLE``).
            n_nearest: Known materials to name beside each structure, 1 to 20.
            conditions: As in ``screen``; a condition that is stated has a contribution of its own.
            structure_column: As in ``screen``.
            id_column: As in ``screen``.

        Raises:
            InvalidRequestError: A path does not exist, an option is out of range, or the model has no such property.
            NotFoundError: There is no such model.
            UnavailableError: No server answers.
        """
        asked = explain_request(model, property, n_nearest)
        columns = Columns.of(structure_column, id_column)
        messages = run_blocking(open_messages, paths_or_structures, STRUCTURES_A_MESSAGE, (), columns, conditions)
        results: list[Explanation] = []
        while (message := run_blocking(messages.draw)) is not None:
            response = explanation_pb2.ExplainResponse()
            if message.structures:
                response = self._calls.once(self._predictions.Explain, with_structures(asked, message))
            results.extend(read_explanations(message, response))
        return results

    def validate(self, paths_or_structures: Any) -> Iterator[IntakeReport]:
        """Yields how the server reads each structure, in input order; nothing is predicted.

        Args:
            paths_or_structures: Structures; see the class.

        Raises:
            InvalidRequestError: A path does not exist.
            UnavailableError: No server answers.
        """
        messages = run_blocking(open_messages, paths_or_structures, defaults.MAX_CHUNK_SIZE)
        while (message := run_blocking(messages.draw)) is not None:
            response = structures_pb2.ValidateResponse()
            if message.structures:
                request = structures_pb2.ValidateRequest(structures=message.structures)
                response = self._calls.once(self._structures.Validate, request)
            yield from read_reports(message, response)

    def is_ready(self, timeout: float = defaults.READY_SECONDS) -> bool:
        """Returns True if the server answers and says that it serves.

        Args:
            timeout: Longest time to wait for the answer, in seconds.
        """
        check = self._channel.unary_unary(
            health.METHOD, request_serializer=health.serialize, response_deserializer=health.is_serving
        )
        try:
            return bool(check(None, **self._calls.options(new_request_id(), timeout)))
        except grpc.RpcError:
            return False
