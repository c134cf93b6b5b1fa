"""Scores of candidates by students, in the order in which the candidates came."""

import asyncio
from collections.abc import Sequence

import numpy as np

from epitaxy.api.common.v1.model_pb2 import ModelStamp
from epitaxy.api.internal.v1.prediction_backend_pb2 import (
    ErrorTable,
    ScoreCandidatesRequest,
    ScoreCandidatesResponse,
    ScoreColumn,
)
from epitaxy.api.prediction.v1 import search_pb2
from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.chassis.limits import DEFAULT_COVERAGE
from epitaxy.prediction.searching.candidates import read_candidates
from epitaxy.prediction.searching.shelf import StudentShelf
from epitaxy_models.ensembles.artifact import ModelArtifact
from epitaxy_models.heads.property import PropertyDefinition
from epitaxy_models.search import Stage, Students

_ENDS = {search_pb2.VALUE_END_LOWER: "lower", search_pb2.VALUE_END_UPPER: "upper"}


def check_quantities(request: ScoreCandidatesRequest, names: Sequence[str]) -> None:
    """Raises InvalidRequestError for a property that the model lacks."""
    asked = [*(quantity.property for quantity in request.quantities), *request.options.properties]
    unknown = sorted(set(asked) - set(names))
    if unknown:
        description = f"the model has no {', '.join(unknown)}; it has {', '.join(names)}"
        raise InvalidRequestError(description, reason="UNKNOWN_PROPERTY")


def without_students(stamp: ModelStamp, reason: str) -> ScoreCandidatesResponse:
    """The answer of a model without students: the search evaluates everything, and says why."""
    return ScoreCandidatesResponse(model=stamp, reason=reason)


class ScoreService:
    """Scores blocks of candidates. Students take some microseconds a candidate, in a thread of their own."""

    def __init__(self, shelf: StudentShelf) -> None:
        self._shelf = shelf

    async def score(
        self, request: ScoreCandidatesRequest, artifact: ModelArtifact, *, is_current: bool
    ) -> ScoreCandidatesResponse:
        """Scores of the request's candidates. Raises InvalidRequestError, FailedPreconditionError."""
        definitions = {entry.definition.name: entry.definition for entry in artifact.card.properties}
        check_quantities(request, list(definitions))
        stamp = ModelStamp(name=artifact.card.name, version=artifact.card.version, digest=artifact.digest)
        students = await asyncio.to_thread(self._shelf.of, artifact.weights_digest, is_current=is_current)
        if students is None:
            reason = f"{artifact.card.name} {artifact.card.version} has no students: all candidates are evaluated"
            return without_students(stamp, reason)
        return await asyncio.to_thread(_score, request, students, definitions, stamp)


def _score(
    request: ScoreCandidatesRequest,
    students: Students,
    definitions: dict[str, PropertyDefinition],
    stamp: ModelStamp,
) -> ScoreCandidatesResponse:
    response = ScoreCandidatesResponse(model=stamp, has_students=True)
    columns = [_column(quantity, request, students) for quantity in request.quantities]
    if request.HasField("candidates"):
        scores = students.score(read_candidates(request.candidates))
        unknown = np.full(len(scores.values), np.nan, dtype="<f4").tobytes()
        for column in columns:
            if column is None:
                response.scores.add(values=unknown, scales=unknown)
            else:
                response.scores.append(
                    ScoreColumn(
                        values=scores.values[:, column].astype("<f4").tobytes(),
                        scales=scores.scales[:, column].astype("<f4").tobytes(),
                    )
                )
    if request.wants_tables:
        for column, quantity in zip(columns, request.quantities, strict=True):
            response.tables.append(_table(column, students, definitions[quantity.property]))
    return response


def _column(quantity: search_pb2.SearchQuantity, request: ScoreCandidatesRequest, students: Students) -> int | None:
    """Column of the students' scores; None if they do not know the quantity, as ends of another coverage."""
    end = _ENDS.get(quantity.end, "value")
    if end != "value" and (request.options.coverage or DEFAULT_COVERAGE) != DEFAULT_COVERAGE:
        return None
    key = (quantity.property, end)
    return students.quantities.index(key) if key in students.quantities else None


def _table(column: int | None, students: Students, definition: PropertyDefinition) -> ErrorTable:
    """Errors of the second stage: the scales of both stages are calibrated, so that one table holds for both."""
    if column is None:
        return ErrorTable()
    return ErrorTable(
        residuals=students.residuals[Stage.PACKING, column].astype("<f4").tobytes(),
        lower_bound=definition.lower_bound,
        upper_bound=definition.upper_bound,
    )
