"""Messages and answers of the unary calls, for the sync and the async client alike."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epitaxy.api.common.v1 import model_pb2
from epitaxy.api.prediction.v1 import prediction_pb2, structures_pb2
from epitaxy.client.errors import InvalidRequestError
from epitaxy.client.inputs.item import InputItem
from epitaxy.client.results import IntakeReport, ItemError, ResultBlockReader, ScreenResult, item_error
from epitaxy.client.screening.chunks import Chunk, Chunker, Parcel, answer_in_order
from epitaxy.client.screening.exchange import refused_result
from epitaxy.client.selector import parse_model

MAX_PREDICT_STRUCTURES = 64
MAX_BLOCK_STRUCTURES = 512


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingResult:
    """The backbone's embedding of one structure, or the error that took its place.

    Attributes:
        embedding: float32, shape ``[dimension]``; None where there is an error.
        model_digest: Embeddings of different digests cannot be compared.
    """

    id: str
    index: int
    embedding: NDArray[np.float32] | None = None
    cache_hit: bool = False
    model: str = ""
    model_version: str = ""
    model_digest: str = ""
    error: ItemError | None = None


def prediction_options(
    model: str | None, properties: Sequence[str] | str | None, coverage: float, bypass_cache: bool
) -> prediction_pb2.PredictionOptions:
    """The options on the wire.

    Raises:
        InvalidRequestError: coverage is not in [0.5, 0.99], or the model's name cannot be read.
    """
    if not 0.5 <= coverage <= 0.99:
        raise InvalidRequestError(f"coverage is {coverage:g}: give 0.5 to 0.99", reason="INVALID_COVERAGE")
    names = [properties] if isinstance(properties, str) else list(properties or ())
    return prediction_pb2.PredictionOptions(
        model=parse_model(model), properties=names, coverage=coverage, bypass_cache=bypass_cache
    )


def checked_chunk_size(chunk_size: int) -> int:
    """Structures a message. Raises InvalidRequestError outside 1 to 512."""
    if not 1 <= chunk_size <= MAX_BLOCK_STRUCTURES:
        raise InvalidRequestError(f"chunk_size is {chunk_size}: give 1 to 512", reason="INVALID_CHUNK_SIZE")
    return chunk_size


def parcels(items: Iterator[InputItem], limit: int) -> Iterator[tuple[Chunk, Parcel]]:
    """The messages of a stream of items, with at most ``limit`` structures each."""
    chunker = Chunker(items, limit)
    while not chunker.is_exhausted:
        chunk = chunker.draw()
        if chunk.to_send or chunk.refused:
            yield chunk, Parcel.of(chunk.to_send)


def read_predictions(chunk: Chunk, parcel: Parcel, block: prediction_pb2.ResultBlock) -> Iterator[ScreenResult]:
    """Results of one message, in input order."""
    reader = ResultBlockReader(block)
    answers = {
        answer.id: reader.read(answer, item.id, item.index)
        for answer in reader
        if (item := parcel.by_wire_id.get(answer.id)) is not None
    }
    yield from answer_in_order(chunk, answers, parcel, refused_result)


def read_reports(chunk: Chunk, parcel: Parcel, response: structures_pb2.ValidateResponse) -> Iterator[IntakeReport]:
    """Intake reports of one message, in input order."""
    answers = {
        report.id: IntakeReport.from_proto(report, item.id, item.index)
        for report in response.reports
        if (item := parcel.by_wire_id.get(report.id)) is not None
    }
    yield from answer_in_order(chunk, answers, parcel, _refused_report)


def read_embeddings(chunk: Chunk, parcel: Parcel, response: prediction_pb2.EmbedResponse) -> Iterator[EmbeddingResult]:
    """Embeddings of one message, in input order."""
    answers = {
        answer.id: _embedding(answer, item, response.model)
        for answer in response.embeddings
        if (item := parcel.by_wire_id.get(answer.id)) is not None
    }
    yield from answer_in_order(chunk, answers, parcel, _refused_embedding)


def _embedding(
    answer: prediction_pb2.StructureEmbedding, item: InputItem, model: model_pb2.ModelStamp
) -> EmbeddingResult:
    has_embedding = answer.WhichOneof("outcome") == "embedding"
    return EmbeddingResult(
        id=item.id,
        index=item.index,
        embedding=np.frombuffer(answer.embedding, dtype="<f4") if has_embedding else None,
        cache_hit=answer.cache_hit,
        model=model.name,
        model_version=model.version,
        model_digest=model.digest,
        error=None if has_embedding else item_error(answer.error),
    )


def _refused_report(item: InputItem, error: ItemError) -> IntakeReport:
    return IntakeReport(item.id, item.index, refusal=error)


def _refused_embedding(item: InputItem, error: ItemError) -> EmbeddingResult:
    return EmbeddingResult(item.id, item.index, error=error)
