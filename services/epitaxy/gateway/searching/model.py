"""The model of a search behind the wire: asks the prediction application for scores and answers."""

import math
from collections import defaultdict, deque
from collections.abc import Sequence

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from epitaxy.api.internal.v1.prediction_backend_pb2 import (
    ErrorTable,
    EvaluateRequest,
    EvaluateResponse,
    ScoreCandidatesRequest,
    ScoreCandidatesResponse,
)
from epitaxy.api.prediction.v1 import search_pb2 as wire
from epitaxy.api.prediction.v1.prediction_pb2 import DOMAIN_VERDICT_IN_DOMAIN, PredictionOptions, PropertyValue
from epitaxy.chassis.errors import InternalError
from epitaxy.gateway.domain import Answer, Chunk
from epitaxy.gateway.search import End, Evaluated, Quantity, ResidualTable, Scores
from epitaxy.gateway.searching.domain import Begin, CandidateBlock, Question, Students, WantedStructures
from epitaxy.gateway.service import GatewayService

_ENDS = {End.VALUE: wire.VALUE_END_VALUE, End.LOWER: wire.VALUE_END_LOWER, End.UPPER: wire.VALUE_END_UPPER}
# Of a quantity that no student knows: every candidate is evaluated, and the table is never read.
_UNREAD = ResidualTable(np.linspace(-1.0, 1.0, 20, dtype=np.float32))


class UpstreamModel:
    """Implements CandidateModel by calls of the gateway's own use cases."""

    def __init__(self, gateway: GatewayService) -> None:
        self._gateway = gateway

    async def students(self, begin: Begin) -> Students:
        """What the students know; they are asked before any candidate comes, so that a wrong order fails at once."""
        quantities = begin.order.quantities
        request = _score_request(begin.question, quantities)
        request.wants_tables = True
        response = await self._ask(request, 0)
        stamp = response.model.SerializeToString()
        if not response.has_students:
            return Students(begin.question, stamp, dict.fromkeys(quantities, _UNREAD), response.reason)
        if len(response.tables) != len(quantities):
            raise InternalError("the prediction service's answer lacks a table of errors")
        tables = dict(zip(quantities, map(_table, response.tables), strict=True))
        return Students(_pinned(begin.question, response), stamp, tables)

    async def score(self, students: Students, quantities: tuple[Quantity, ...], block: CandidateBlock) -> Scores:
        """Scores of a block's candidates; NaN if the model has no students, so that all are evaluated."""
        if students.reason:
            return _unknown(quantities, block.n_candidates)
        request = _score_request(students.question, quantities)
        request.candidates.MergeFromString(block.encoded)
        response = await self._ask(request, block.n_candidates)
        columns = [
            tuple(np.frombuffer(part, dtype="<f4") for part in (column.values, column.scales))
            for column in response.scores
        ]
        if len(columns) != len(quantities) or any(len(part) != block.n_candidates for pair in columns for part in pair):
            raise InternalError("the prediction service's scores are not one for each candidate and quantity")
        by_quantity = list(zip(quantities, columns, strict=True))
        return Scores(
            {quantity: values for quantity, (values, _) in by_quantity},
            {quantity: scales for quantity, (_, scales) in by_quantity},
        )

    def chunk(self, question: Question, wanted: WantedStructures) -> Chunk:
        """The wanted structures as an EvaluateRequest."""
        request = EvaluateRequest(
            options=PredictionOptions.FromString(question.options),
            structures=wire.WantedStructures.FromString(wanted.encoded).structures,
            sequence=wanted.sequence,
        )
        n_structures = len(wanted.ids)
        return Chunk(request.SerializeToString(), n_structures, question.model, question.coverage, wanted.sequence)

    def read(
        self, answer: Answer, ids: tuple[str, ...], indices: NDArray[np.int64], quantities: tuple[Quantity, ...]
    ) -> Evaluated:
        """The answers by their ids; a structure without a prediction, or a property without a value, is NaN."""
        block = EvaluateResponse.FromString(answer.encoded).results
        names = [stamp.definition.name for stamp in block.properties]
        places: defaultdict[str, deque[int]] = defaultdict(deque)
        for place, name in enumerate(ids):
            places[name].append(place)
        values = {quantity: np.full(len(indices), np.nan) for quantity in quantities}
        are_in_domain = np.zeros(len(indices), dtype=bool)
        formulas = [""] * len(indices)
        for result in block.results:
            if not places[result.id]:
                continue
            place = places[result.id].popleft()
            if not result.HasField("prediction"):
                continue
            prediction = result.prediction
            formulas[place] = prediction.reduced_formula
            are_in_domain[place] = prediction.domain.verdict == DOMAIN_VERDICT_IN_DOMAIN
            known = {names[value.property_index]: value for value in prediction.values}
            for quantity in quantities:
                values[quantity][place] = _number(known.get(quantity.property_name), quantity.end)
        return Evaluated(values, are_in_domain, tuple(formulas))

    async def _ask(self, request: ScoreCandidatesRequest, n_candidates: int) -> ScoreCandidatesResponse:
        encoded = await self._gateway.score(request.SerializeToString(), n_candidates)
        try:
            return ScoreCandidatesResponse.FromString(encoded)
        except DecodeError as error:
            raise InternalError("the prediction service's answer is not a valid ScoreCandidatesResponse") from error


def _score_request(question: Question, quantities: Sequence[Quantity]) -> ScoreCandidatesRequest:
    return ScoreCandidatesRequest(
        options=PredictionOptions.FromString(question.options),
        quantities=[wire.SearchQuantity(property=one.property_name, end=_ENDS[one.end]) for one in quantities],
    )


def _pinned(question: Question, response: ScoreCandidatesResponse) -> Question:
    """The question to exactly these weights, whatever version an alias names before the search ends."""
    options = PredictionOptions.FromString(question.options)
    options.model.name, options.model.version = response.model.name, response.model.version
    return Question(options.SerializeToString(), response.model.name, question.coverage)


def _table(table: ErrorTable) -> ResidualTable:
    if not table.residuals:
        return _UNREAD
    return ResidualTable(
        np.frombuffer(table.residuals, dtype="<f4"),
        table.lower_bound if table.HasField("lower_bound") else -math.inf,
        table.upper_bound if table.HasField("upper_bound") else math.inf,
    )


def _unknown(quantities: Sequence[Quantity], n: int) -> Scores:
    column = np.full(n, np.nan, dtype=np.float32)
    return Scores(dict.fromkeys(quantities, column), dict.fromkeys(quantities, column))


def _number(value: PropertyValue | None, end: End) -> float:
    if value is None:
        return math.nan
    if end is End.VALUE:
        return value.value
    return value.interval.lower if end is End.LOWER else value.interval.upper
