"""From options and inputs to messages on the wire."""

from collections.abc import Sequence
from typing import Any

from epitaxy.api.prediction.v1 import prediction_pb2
from epitaxy.client.defaults import MAX_CHUNK_SIZE, MAX_COVERAGE, MIN_COVERAGE
from epitaxy.client.errors import InvalidRequestError
from epitaxy.client.inputs.columns import Columns
from epitaxy.client.inputs.conditions import Conditions
from epitaxy.client.inputs.source import Known, open_inputs
from epitaxy.client.models.selector import parse_model
from epitaxy.client.screening.chunks import MessageReader

_DEFAULT_COLUMNS = Columns()


def prediction_options(
    model: str | None,
    properties: Sequence[str] | str | None,
    coverage: float,
    bypass_cache: bool,
    answer_form: prediction_pb2.AnswerForm = prediction_pb2.ANSWER_FORM_UNSPECIFIED,
) -> prediction_pb2.PredictionOptions:
    """The options on the wire.

    Raises:
        InvalidRequestError: The coverage is not in [0.5, 0.99], or the model's name cannot be read.
    """
    if not MIN_COVERAGE <= coverage <= MAX_COVERAGE:
        message = f"coverage is {coverage:g}: give {MIN_COVERAGE} to {MAX_COVERAGE}"
        raise InvalidRequestError(message, reason="INVALID_COVERAGE")
    names = [properties] if isinstance(properties, str) else list(properties or ())
    return prediction_pb2.PredictionOptions(
        model=parse_model(model), properties=names, coverage=coverage, bypass_cache=bypass_cache,
        answer_form=answer_form,
    )  # fmt: skip


def check_chunk_size(chunk_size: int | None) -> int | None:
    """The number of structures in a message, None for the default. Raises InvalidRequestError outside of 1 to 512."""
    if chunk_size is not None and not 1 <= chunk_size <= MAX_CHUNK_SIZE:
        message = f"chunk_size is {chunk_size}: give 1 to {MAX_CHUNK_SIZE}"
        raise InvalidRequestError(message, reason="INVALID_CHUNK_SIZE")
    return chunk_size


def open_messages(
    paths_or_structures: Any,
    limit: int,
    known: Known = (),
    columns: Columns = _DEFAULT_COLUMNS,
    conditions: Conditions = (),
) -> MessageReader:
    """Messages of at most ``limit`` structures. Raises InvalidRequestError if a path does not exist."""
    return MessageReader(open_inputs(paths_or_structures, known, columns, conditions).items, limit)
