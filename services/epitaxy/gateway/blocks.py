"""Answers on the wire: counts outcomes, and makes sure that every structure of a chunk is in its answer."""

from collections import Counter
from collections.abc import Iterator, Sequence

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError

from epitaxy.answers.verdicts import DOMAIN_NAMES, REVIEW_NAMES
from epitaxy.api.common.v1.structure_pb2 import ItemError
from epitaxy.api.internal.v1.prediction_backend_pb2 import EvaluateRequest, EvaluateResponse
from epitaxy.api.prediction.v1.prediction_pb2 import (
    AnswerForm,
    PropertyStamp,
    ResultBlock,
    ScreenResponse,
    ScreenSummary,
    StructurePrediction,
    StructureResult,
)
from epitaxy.chassis.errors import InternalError
from epitaxy.chassis.short_text import shortened
from epitaxy.chassis.structure_ids import structure_ids
from epitaxy.gateway import columns
from epitaxy.gateway.domain import Answer, Chunk, Loss, ModelUse, PropertyUse, ScreenEvent, Summary, Tally

UNANSWERED = ItemError(
    reason="UNANSWERED", message="the prediction service left this structure out; send it again", retryable=True
)


def settle_answer(encoded: bytes, chunk: Chunk) -> Answer:
    """An EvaluateResponse as the answer to a chunk: with its sequence, every structure once, and true counts.

    The bytes stay as they are unless something is amiss; they are those of a PredictResponse and of a ScreenResponse,
    too. Raises InternalError if they are no EvaluateResponse, or if columns do not answer the chunk's structures.
    """
    response = _parse(encoded)
    block = response.results
    if block.HasField("columns"):
        return _settle_columns(encoded, response, chunk)
    predictions = _predictions(block)
    tally = _tally(block, predictions)
    is_whole = len(block.results) == tally.n_structures == chunk.n_structures
    if not is_whole:
        _fill_gaps(block, structure_ids(EvaluateRequest.FromString(chunk.encoded).structures))
        predictions = _predictions(block)
        tally = _tally(block, predictions)
    counts = columns.counts(tally)
    if not is_whole or block.sequence != chunk.sequence or block.counts != counts:
        block.sequence = chunk.sequence
        block.counts.CopyFrom(counts)
        encoded = response.SerializeToString()
    return Answer(encoded, tally, _use(block, predictions), tuple(_parts(block, predictions)))


def encode_event(event: ScreenEvent) -> bytes:
    """The ScreenResponse of an event."""
    match event:
        case Answer():
            return event.encoded
        case Loss():
            return _lost_response(event).SerializeToString()
        case _:
            return ScreenResponse(summary=_summary(event)).SerializeToString()


def _settle_columns(encoded: bytes, response: EvaluateResponse, chunk: Chunk) -> Answer:
    block = response.results
    columns.check_columns(block.columns, chunk.n_structures)
    try:
        tally, parts = columns.tally_columns(block.columns), tuple(columns.parts(block))
    except (IndexError, TypeError, ValueError) as error:  # an index beyond the texts, or half a number
        raise InternalError("the prediction service's answer has columns that contradict each other") from error
    counts = columns.counts(tally)
    if block.sequence != chunk.sequence or block.counts != counts:
        block.sequence = chunk.sequence
        block.counts.CopyFrom(counts)
        encoded = response.SerializeToString()
    use = ModelUse(block.model.name, block.model.version, columns.property_uses(block))
    return Answer(encoded, tally, use, parts)


def _parse(encoded: bytes) -> EvaluateResponse:
    try:
        return EvaluateResponse.FromString(encoded)
    except DecodeError as error:
        raise InternalError("the prediction service's answer is not a valid EvaluateResponse") from error


def _predictions(block: ResultBlock) -> list[StructurePrediction]:
    return [result.prediction for result in block.results if result.HasField("prediction")]


def _tally(block: ResultBlock, predictions: Sequence[StructurePrediction]) -> Tally:
    return _tally_of([result.error for result in block.results if result.HasField("error")], predictions)


def _tally_of(errors: Sequence[ItemError], predictions: Sequence[StructurePrediction]) -> Tally:
    reviews = [prediction.review for prediction in predictions]
    n_failed = sum(error.retryable for error in errors)
    return Tally(
        answered=len(predictions),
        refused=len(errors) - n_failed,
        failed=n_failed,
        cache_hits=sum(prediction.cache_hit for prediction in predictions),
        errors_by_reason=Counter((error.reason, error.retryable) for error in errors),
        domain_verdicts=Counter(DOMAIN_NAMES.get(prediction.domain.verdict, "") for prediction in predictions),
        review_verdicts=Counter(REVIEW_NAMES.get(review.verdict, "") for review in reviews),
        review_rules=Counter(rule.code for review in reviews for rule in review.rules),
    )


def _parts(block: ResultBlock, predictions: Sequence[StructurePrediction]) -> Iterator[tuple[ModelUse, Tally]]:
    """The models of a block that several answered, each with what it answered; nothing for any other block."""
    if not any(stamp.HasField("model") for stamp in block.properties):
        return
    stamps = [stamp.model if stamp.HasField("model") else block.model for stamp in block.properties]
    by_model: dict[tuple[str, str], list[StructurePrediction]] = {}
    for prediction in predictions:
        index = prediction.values[0].property_index if prediction.values else 0
        stamp = stamps[index] if index < len(stamps) else block.model
        by_model.setdefault((stamp.name, stamp.version), []).append(prediction)
    uses = _property_uses(block, predictions)
    for (name, version), own in by_model.items():
        used = [use for use, stamp in zip(uses, stamps, strict=True) if (stamp.name, stamp.version) == (name, version)]
        yield ModelUse(name, version, tuple(used)), _tally_of([], own)


def _use(block: ResultBlock, predictions: Sequence[StructurePrediction]) -> ModelUse:
    """The model of a block, with values and spreads summed by property."""
    return ModelUse(block.model.name, block.model.version, _property_uses(block, predictions))


def _property_uses(block: ResultBlock, predictions: Sequence[StructurePrediction]) -> tuple[PropertyUse, ...]:
    counts, spreads = [0] * len(block.properties), [0.0] * len(block.properties)
    for prediction in predictions:
        for value in prediction.values:
            index = value.property_index
            if index < len(counts):
                counts[index] += 1
                spreads[index] += value.epistemic_std
    return tuple(map(_property_use, block.properties, counts, spreads))


def _property_use(stamp: PropertyStamp, n_values: int, epistemic_std: float) -> PropertyUse:
    calibration = stamp.calibration
    return PropertyUse(
        stamp.definition.name, n_values, epistemic_std, calibration.measured_coverage, calibration.nominal_coverage
    )


def _fill_gaps(block: ResultBlock, ids: Sequence[str]) -> None:
    """Keeps one result a structure that was asked for, and adds an error for each that has none."""
    results = [result for result in block.results if result.WhichOneof("outcome") is not None]
    kept = [*_unanswered(results, ids), *_asked_for(results, ids)]
    block.ClearField("results")
    block.results.extend(kept)


def _unanswered(results: Sequence[StructureResult], ids: Sequence[str]) -> Iterator[StructureResult]:
    given = Counter(result.id for result in results)
    for name in ids:
        given[name] -= 1
        if given[name] < 0:
            yield StructureResult(id=name, error=UNANSWERED)


def _asked_for(results: Sequence[StructureResult], ids: Sequence[str]) -> Iterator[StructureResult]:
    wanted = Counter(ids)
    for result in results:
        if wanted[result.id] > 0:
            wanted[result.id] -= 1
            yield result


def _lost_response(loss: Loss) -> ScreenResponse:
    """A block in which every structure of the lost chunk has its error."""
    error = ItemError(reason=loss.error.reason, message=_loss_message(loss), retryable=loss.is_retryable)
    request = EvaluateRequest.FromString(loss.chunk.encoded)
    block = ResultBlock(sequence=loss.chunk.sequence, counts=columns.counts(loss.tally))
    if request.options.answer_form == AnswerForm.ANSWER_FORM_COLUMNS:
        block.columns.CopyFrom(columns.lost_columns(loss.chunk.n_structures, error))
    else:
        ids = structure_ids(request.structures)
        block.results.extend(StructureResult(id=name, error=error) for name in ids)
    return ScreenResponse(results=block)


def _loss_message(loss: Loss) -> str:
    if loss.error.reason == "INTERNAL":
        return "internal error; send this structure again"
    message = shortened(loss.error.message)
    return f"{message}; send this structure again" if loss.is_retryable else message


def _summary(summary: Summary) -> ScreenSummary:
    by_reason: Counter[str] = Counter()
    for (reason, _), count in summary.tally.errors_by_reason.items():
        by_reason[reason] += count
    elapsed = Duration()
    elapsed.FromNanoseconds(int(summary.elapsed_seconds * 1e9))
    return ScreenSummary(
        counts=columns.counts(summary.tally),
        errors_by_reason=by_reason,
        domain_verdicts=summary.tally.domain_verdicts,
        elapsed_duration=elapsed,
        review_verdicts=summary.tally.review_verdicts,
    )
