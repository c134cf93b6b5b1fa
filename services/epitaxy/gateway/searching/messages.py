"""Messages of a search on the wire: requests become the use case's own, events become responses."""

import math
from collections import Counter

from google.protobuf.duration_pb2 import Duration

from epitaxy.api.common.v1.model_pb2 import ModelStamp
from epitaxy.api.internal.v1.prediction_backend_pb2 import EvaluateResponse
from epitaxy.api.prediction.v1 import search_pb2 as wire
from epitaxy.api.prediction.v1.prediction_pb2 import OutcomeCounts
from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.chassis.structure_ids import count_structures, structure_ids
from epitaxy.gateway.blocks import encode_event
from epitaxy.gateway.bounds import check_structures, check_texts
from epitaxy.gateway.domain import Answer, Loss, Tally
from epitaxy.gateway.messages import parse
from epitaxy.gateway.search import Comparison, Condition, Direction, End, Goal, Quantity, SearchOrder
from epitaxy.gateway.search.goal import DEFAULT_RECALL
from epitaxy.gateway.searching.domain import (
    Begin,
    Begun,
    CandidateBlock,
    EndOfCandidates,
    Fate,
    Finished,
    Progress,
    Question,
    SearchEvent,
    SearchRequest,
    Wanted,
    WantedStructures,
    WhyQuestion,
)

ENDS = {
    wire.VALUE_END_UNSPECIFIED: End.VALUE,
    wire.VALUE_END_VALUE: End.VALUE,
    wire.VALUE_END_LOWER: End.LOWER,
    wire.VALUE_END_UPPER: End.UPPER,
}
_COMPARISONS = {
    wire.CONDITION_COMPARISON_LESS: Comparison.LESS,
    wire.CONDITION_COMPARISON_LESS_OR_EQUAL: Comparison.LESS_OR_EQUAL,
    wire.CONDITION_COMPARISON_GREATER: Comparison.GREATER,
    wire.CONDITION_COMPARISON_GREATER_OR_EQUAL: Comparison.GREATER_OR_EQUAL,
    wire.CONDITION_COMPARISON_EQUAL: Comparison.EQUAL,
}
_DIRECTIONS = {"maximize": Direction.MAX, "minimize": Direction.MIN, "match": Direction.MATCH}


def read_request(encoded: bytes) -> SearchRequest:
    """A SearchRequest. Raises InvalidRequestError."""
    request = parse(wire.SearchRequest, encoded)
    match request.WhichOneof("payload"):
        case "begin":
            return _begin(request.begin)
        case "candidates":
            return _candidates(request.candidates)
        case "end_of_candidates":
            return EndOfCandidates()
        case "structures":
            return _structures(request.structures)
        case "why":
            return WhyQuestion(request.why.index)
        case _:
            raise InvalidRequestError("a message of a search carries nothing that this server knows")


def encode_search_event(event: SearchEvent) -> bytes:
    """The SearchResponse of an event."""
    return _response(event).SerializeToString()


def _response(event: SearchEvent) -> wire.SearchResponse:
    match event:
        case Begun():
            students = event.students
            begun = wire.SearchBegun(
                model=ModelStamp.FromString(students.stamp), has_students=not students.reason, reason=students.reason
            )
            return wire.SearchResponse(begun=begun)
        case Wanted():
            return wire.SearchResponse(wanted=wire.WantedCandidates(sequence=event.sequence, indices=event.indices))
        case Answer() | Loss():
            # A ScreenResponse and an EvaluateResponse are alike.
            return wire.SearchResponse(results=EvaluateResponse.FromString(encode_event(event)).results)
        case Progress():
            return wire.SearchResponse(progress=_progress(event))
        case Finished():
            return wire.SearchResponse(summary=_summary(event))
        case Fate():
            return wire.SearchResponse(fate=_fate(event))


def _begin(begin: wire.SearchOrder) -> Begin:
    check_texts(begin, "begin.")
    if not begin.HasField("goal"):
        raise InvalidRequestError.of_field("begin.goal", "is missing: name what candidates are ranked by")
    order = SearchOrder(
        best=begin.best,
        goal=_goal(begin.goal),
        where=tuple(_condition(condition, f"begin.where[{at}]") for at, condition in enumerate(begin.where)),
        recall=begin.recall or DEFAULT_RECALL,
        in_domain=begin.in_domain,
        per_formula=begin.per_formula,
        seed=begin.seed,
    )
    options = type(begin.options)()
    options.CopyFrom(begin.options)
    if options.properties:
        asked = dict.fromkeys([*options.properties, *(quantity.property_name for quantity in order.quantities)])
        options.properties[:] = list(asked)
    question = Question(options.SerializeToString(), options.model.name, options.coverage)
    return Begin(order, question, begin.n_candidates)


def _goal(goal: wire.SearchGoal) -> Goal:
    direction = goal.WhichOneof("direction")
    if direction is None:
        raise InvalidRequestError.of_field("begin.goal", "has no direction: set maximize, minimize or match")
    return Goal(_quantity(goal.quantity, "begin.goal.quantity"), _DIRECTIONS[direction], goal.match)


def _condition(condition: wire.SearchCondition, place: str) -> Condition:
    comparison = _COMPARISONS.get(condition.comparison)
    if comparison is None:
        raise InvalidRequestError.of_field(f"{place}.comparison", "is missing or unknown")
    return Condition(_quantity(condition.quantity, f"{place}.quantity"), comparison, condition.bound)


def _quantity(quantity: wire.SearchQuantity, place: str) -> Quantity:
    if not quantity.property:
        raise InvalidRequestError.of_field(f"{place}.property", "is empty")
    if quantity.end not in ENDS:
        raise InvalidRequestError.of_field(f"{place}.end", "is unknown")
    return Quantity(quantity.property, ENDS[quantity.end])


def _candidates(block: wire.CandidateBlock) -> CandidateBlock:
    if block.HasField("columns"):
        n_candidates, rest = divmod(len(block.columns.n_elements), 4)
        if rest:
            raise InvalidRequestError.of_field("candidates.columns.n_elements", "is not an array of uint32 values")
        return CandidateBlock(block.SerializeToString(), n_candidates, is_columns=True)
    check_structures(block.structures.structures)
    n_candidates = count_structures(block.structures.structures)
    return CandidateBlock(block.SerializeToString(), n_candidates, is_columns=False)


def _structures(wanted: wire.WantedStructures) -> WantedStructures:
    check_structures(wanted.structures)
    return WantedStructures(wanted.SerializeToString(), wanted.sequence, tuple(structure_ids(wanted.structures)))


def _progress(progress: Progress) -> wire.SearchProgress:
    message = wire.SearchProgress(
        stage=wire.SEARCH_STAGE_SCORING if progress.is_scoring else wire.SEARCH_STAGE_EVALUATING,
        seen=progress.seen,
        scored=progress.scored,
        evaluated=progress.evaluated,
        dropped_share=0.0 if progress.is_scoring else 1.0 - progress.evaluated / max(progress.scored, 1),
        threshold=_known(progress.threshold),
        expected_missed=_known(progress.expected_missed),
        per_second=progress.per_second,
    )
    if not math.isnan(progress.eta_seconds):
        message.eta_duration.CopyFrom(_duration(progress.eta_seconds))
    return message


def _summary(finished: Finished) -> wire.SearchSummary:
    summary, tally = finished.summary, finished.tally
    by_reason: Counter[str] = Counter()
    for (reason, _), count in tally.errors_by_reason.items():
        by_reason[reason] += count
    return wire.SearchSummary(
        best=finished.best,
        n_candidates=summary.n_candidates,
        n_evaluated=summary.n_evaluated,
        counts=_counts(tally),
        errors_by_reason=by_reason,
        n_eligible=summary.n_eligible,
        n_dropped=summary.n_dropped,
        n_surveyed=summary.n_surveyed,
        n_audited=summary.n_audited,
        audit_hits=summary.audit_hits,
        share_evaluated=summary.share_evaluated,
        expected_missed=summary.expected_missed,
        recall_estimate=summary.recall_estimate,
        recall_low=min(summary.recall_low, summary.recall_estimate),
        recall_high=max(summary.recall_high, summary.recall_estimate),
        recall_target=summary.recall_target,
        threshold=_known(summary.threshold),
        student_correlation=_known(summary.student_correlation),
        notes=summary.notes,
        elapsed_duration=_duration(finished.elapsed_seconds),
    )


def _fate(fate: Fate) -> wire.CandidateFate:
    why = fate.why
    return wire.CandidateFate(
        index=fate.index,
        fate=str(why.fate),
        student_value=_known(why.student_value),
        student_scale=_known(why.student_scale) if not math.isnan(why.student_value) else None,
        chance=why.chance,
        threshold=_known(why.threshold),
        words=why.words,
    )


def _counts(tally: Tally) -> OutcomeCounts:
    return OutcomeCounts(
        answered=tally.answered, refused=tally.refused, failed=tally.failed, cache_hits=tally.cache_hits
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(int(seconds * 1e9))
    return duration
