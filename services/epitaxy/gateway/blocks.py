"""Result blocks: counts their outcomes, and sees to it that every structure of a request is in one."""

from collections import Counter

from epitaxy.api.common.v1.review_pb2 import ReviewVerdict
from epitaxy.api.common.v1.structure_pb2 import ItemError
from epitaxy.api.prediction.v1.prediction_pb2 import (
    DomainVerdict,
    OutcomeCounts,
    ResultBlock,
    ScreenRequest,
    ScreenSummary,
    StructureResult,
)
from epitaxy.chassis.structure_ids import structure_ids
from epitaxy.gateway.domain import Answer, Loss, ModelUse, PropertyUse, Summary, Tally

UNANSWERED = ItemError(
    reason="UNANSWERED", message="the prediction service left this structure out; send it again", retryable=True
)

_REVIEW_NAMES = {number: name.removeprefix("REVIEW_VERDICT_") for name, number in ReviewVerdict.items()}
_VERDICT_NAMES = {number: name.removeprefix("DOMAIN_VERDICT_") for name, number in DomainVerdict.items()}


def settle(block: ResultBlock, request: ScreenRequest, n_structures: int) -> Answer:
    """The block as an answer to the request: with the caller's sequence, every structure once, and true counts."""
    if len(block.results) != n_structures or any(result.WhichOneof("outcome") is None for result in block.results):
        _fill_gaps(block, request)
    tally = tally_of(block)
    block.sequence = request.sequence
    block.counts.CopyFrom(_counts(tally))
    return Answer(block, tally, use_of(block))


def lost_block(loss: Loss) -> ResultBlock:
    """A block in which every structure of the lost chunk has its error."""
    request: ScreenRequest = loss.chunk.payload
    error = ItemError(reason=loss.error.reason, message=_loss_message(loss), retryable=True)
    results = [StructureResult(id=name, error=error) for name in structure_ids(request.structures)]
    return ResultBlock(sequence=request.sequence, results=results, counts=_counts(loss.tally))


def tally_of(block: ResultBlock) -> Tally:
    """Outcomes of the structures of a block."""
    errors = [result.error for result in block.results if result.HasField("error")]
    predictions = [result.prediction for result in block.results if result.HasField("prediction")]
    n_failed = sum(error.retryable for error in errors)
    return Tally(
        answered=len(predictions),
        refused=len(errors) - n_failed,
        failed=n_failed,
        cache_hits=sum(prediction.cache_hit for prediction in predictions),
        errors_by_reason=Counter((error.reason, error.retryable) for error in errors),
        domain_verdicts=Counter(_VERDICT_NAMES.get(prediction.domain.verdict, "") for prediction in predictions),
        review_verdicts=Counter(_REVIEW_NAMES.get(prediction.review.verdict, "") for prediction in predictions),
        review_rules=Counter(rule.code for prediction in predictions for rule in prediction.review.rules),
    )


def use_of(block: ResultBlock) -> ModelUse:
    """The model of a block, with values and spreads summed by property."""
    values, spread = [0] * len(block.properties), [0.0] * len(block.properties)
    for result in block.results:
        for value in result.prediction.values:
            if value.property_index < len(values):
                values[value.property_index] += 1
                spread[value.property_index] += value.epistemic_std
    properties = tuple(
        PropertyUse(
            stamp.definition.name, count, total, stamp.calibration.measured_coverage, stamp.calibration.measured_at
        )
        for stamp, count, total in zip(block.properties, values, spread, strict=True)
    )
    return ModelUse(block.model.name, block.model.version, properties)


def summary_message(summary: Summary) -> ScreenSummary:
    """The last message of a stream."""
    by_reason: Counter[str] = Counter()
    for (reason, _), count in summary.tally.errors_by_reason.items():
        by_reason[reason] += count
    return ScreenSummary(
        counts=_counts(summary.tally),
        errors_by_reason=by_reason,
        domain_verdicts=summary.tally.domain_verdicts,
        elapsed_seconds=summary.elapsed_seconds,
        review_verdicts=summary.tally.review_verdicts,
    )


def _fill_gaps(block: ResultBlock, request: ScreenRequest) -> None:
    given = Counter(result.id for result in block.results if result.WhichOneof("outcome") is not None)
    kept: list[StructureResult] = []
    for name in structure_ids(request.structures):
        given[name] -= 1
        if given[name] < 0:
            kept.append(StructureResult(id=name, error=UNANSWERED))
    wanted = Counter(structure_ids(request.structures))
    for result in block.results:
        if result.WhichOneof("outcome") is not None and wanted[result.id] > 0:
            wanted[result.id] -= 1
            kept.append(result)
    block.ClearField("results")
    block.results.extend(kept)


def _counts(tally: Tally) -> OutcomeCounts:
    return OutcomeCounts(
        answered=tally.answered, refused=tally.refused, failed=tally.failed, cache_hits=tally.cache_hits
    )


def _loss_message(loss: Loss) -> str:
    if loss.error.reason == "INTERNAL":
        return "internal error; send this structure again"
    return f"{loss.error.message}; send this structure again"
