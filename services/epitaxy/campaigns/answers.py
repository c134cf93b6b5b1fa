"""Campaigns, batches and outcomes into protobuf."""

from collections.abc import Sequence
from datetime import datetime

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from epitaxy.api.campaigns.v1 import campaigns_pb2 as pb
from epitaxy.api.common.v1.structure_pb2 import ConditionValue as ConditionValueMessage
from epitaxy.api.common.v1.structure_pb2 import ItemError
from epitaxy.campaigns.campaigns import View
from epitaxy.campaigns.domain.candidates import ConditionValue
from epitaxy.campaigns.domain.events import Event, Recommended, Ticket, Told
from epitaxy.campaigns.domain.narration import line_of
from epitaxy.campaigns.domain.record import CampaignRecord, CampaignState
from epitaxy.campaigns.domain.scores import scores_of
from epitaxy.campaigns.domain.spec import Acquisition, CampaignSpec
from epitaxy.campaigns.planning.insight import fallbacks_of, gains_of, pool_coverage_of
from epitaxy.campaigns.planning.planner import means_of
from epitaxy.campaigns.recommending import failure_of
from epitaxy.chassis.short_text import shortened
from epitaxy_models.calibration.coverage import DEFAULT_COVERAGE

_MOST_BEST = 50


def campaign_message(view: View) -> pb.Campaign:
    """A campaign as it is now."""
    record = view.record
    message = pb.Campaign(
        spec=_spec(record.known_spec, record),
        state=f"CAMPAIGN_STATE_{record.state.value}",
        create_time=timestamp(record.created_at),
        update_time=timestamp(record.updated_at),
        pool=_pool(view),
        n_results=sum(held.reading.status != "FAILED" for held in record.counted()),
        n_failed=len(record.failed_rows()),
        n_pending=len(record.pending()),
        spent=record.spent(),
        left=record.left(),
        outlook=_outlook(view),
        last_sequence=record.sequence,
        n_batches=len(record.batches),
        n_labels=record.label_counts(),
    )
    for row, name, values in (view.outlook.best if view.outlook else ())[:_MOST_BEST]:
        best = message.best.add(id=name, formula=view.formula_of(row), values=values)
        best.measured.update(means_of(record, row))
    failure = failure_of(record)
    if record.state is CampaignState.FAILED and failure is not None:
        message.failure.reason, message.failure.message = failure
    return message


def batch_message(batch: Recommended) -> pb.RecommendResponse:
    """A batch."""
    return pb.RecommendResponse(batch=[_recommendation(ticket) for ticket in batch.tickets], notes=batch.notes)


def outcome_message(told: Told) -> pb.ResultOutcome:
    """What became of one result."""
    outcome = f"REPORT_OUTCOME_{told.outcome.value}"
    return pb.ResultOutcome(ticket=told.ticket, id=told.id, outcome=outcome, error=_error(told))


def candidate_outcomes(told: Sequence[Told]) -> list[pb.CandidateOutcome]:
    """Candidates that were not taken."""
    return [pb.CandidateOutcome(id=entry.id, error=_error(entry)) for entry in told]


def event_message(event: Event) -> pb.CampaignEvent:
    """One entry of a log."""
    return pb.CampaignEvent(
        sequence=event.sequence,
        create_time=timestamp(event.at),
        kind=event.happening.kind,
        message=line_of(event.happening),
    )


def condition_message(given: ConditionValue) -> ConditionValueMessage:
    """The value of one condition on the wire."""
    if isinstance(given.value, str):
        return ConditionValueMessage(category=given.value)
    return ConditionValueMessage(number=given.value, unit=given.unit)


def timestamp(at: datetime) -> Timestamp:
    """A time on the wire."""
    message = Timestamp()
    message.FromDatetime(at)
    return message


def _error(told: Told) -> ItemError | None:
    return ItemError(reason=told.reason, message=shortened(told.message)) if told.reason else None


def _recommendation(ticket: Ticket) -> pb.Recommendation:
    return pb.Recommendation(
        ticket=ticket.ticket,
        id=ticket.id,
        predictions=[
            pb.Prediction(
                property=entry.property,
                unit=entry.unit,
                value=entry.value,
                lower=entry.lower,
                upper=entry.upper,
                coverage=entry.coverage,
            )
            for entry in ticket.predictions
        ],
        score=ticket.score,
        reason=ticket.reason,
        exploitation=ticket.exploitation,
        success_probability=ticket.success,
        domain_verdict=ticket.domain_verdict,
        domain_score=ticket.domain_score,
        nearest=[
            pb.MeasuredNeighbour(id=near.id, distance=near.distance, values=near.values) for near in ticket.nearest
        ],
        blocks=ticket.blocks,
        expire_time=timestamp(ticket.expires_at),
        cost=ticket.cost,
        is_replicate=ticket.is_replicate,
        formula=ticket.formula,
        conditions={name: condition_message(given) for name, given in ticket.conditions.items()},
    )


def _spec(spec: CampaignSpec, record: CampaignRecord) -> pb.CampaignSpec:
    """The specification, with the objectives and constraints of now."""
    acquisition = "UNSPECIFIED" if spec.acquisition is Acquisition.AUTO else spec.acquisition.value
    message = pb.CampaignSpec(
        name=spec.name,
        objectives=[
            pb.Objective(
                property=entry.property,
                unit=entry.unit,
                goal=f"GOAL_{entry.goal.value}",
                target=entry.target,
                low=entry.low,
                high=entry.high,
            )
            for entry in record.objectives
        ],
        constraints=[
            pb.Constraint(property=entry.property, is_upper=entry.is_upper, limit=entry.limit)
            for entry in record.constraints
        ],
        rules=pb.PoolRules(
            allowed_elements=spec.rules.allowed_elements,
            excluded_elements=spec.rules.excluded_elements,
            domain_verdicts=spec.rules.domain_verdicts,
            review_verdicts=spec.rules.review_verdicts,
        ),
        batch_size=spec.batch_size,
        seed=spec.seed,
        start=f"START_{spec.start.value}",
        acquisition=f"ACQUISITION_{acquisition}",
        base_model=spec.base_model,
        lease_duration=_duration(spec.lease_seconds),
        is_cost_aware=spec.is_cost_aware,
        margin=spec.margin,
    )
    if spec.budget is not None and spec.budget.is_cost:
        message.budget.cost = spec.budget.limit
    elif spec.budget is not None:
        message.budget.n_candidates = int(spec.budget.limit)
    return message


def _pool(view: View) -> pb.PoolProgress:
    record, progress = view.record, view.progress
    pool = record.pool
    message = pb.PoolProgress(n_candidates=record.n_rows - record.n_outside)
    if pool is not None:
        message.n_ready, message.n_refused, message.n_copies = pool.n_ready, pool.n_refused, pool.n_copies
        message.refusals.update(pool.refusals)
        message.n_open = view.n_open
        message.n_left_out.update(record.pool_counts.left_out)
    elif progress is not None:
        message.n_ready = max(0, progress.n_done - progress.n_refused)
        message.n_refused = progress.n_refused
    return message


def _outlook(view: View) -> pb.CampaignOutlook:
    record, outlook = view.record, view.outlook
    advice = outlook.advice if outlook is not None and outlook.advice else "UNSPECIFIED"
    message = pb.CampaignOutlook(nominal_coverage=DEFAULT_COVERAGE, advice=f"ADVICE_{advice}")
    scores = scores_of(record)
    message.n_predicted = len(scores)
    if scores:
        message.coverage = sum(score.is_inside for score in scores) / len(scores)
    for name in {score.predicted.property for score in scores}:
        errors = [abs(score.predicted.value - score.value) for score in scores if score.predicted.property == name]
        message.mean_absolute_error[name] = sum(errors) / len(errors)
    message.pool_coverage.update(pool_coverage_of(record))
    message.since_batch.update(fallbacks_of(record))
    expected, seen = gains_of(record)
    message.last_expected_gain, message.last_gain = expected or 0.0, seen or 0.0
    if outlook is not None:
        message.better_left_probability = outlook.better_left or 0.0
        message.margin, message.expected_gain = outlook.margin, outlook.expected_gain or 0.0
        message.message = outlook.message
        message.speaking.update(outlook.speaking)
    return message


def _duration(seconds: float) -> Duration:
    message = Duration()
    message.FromNanoseconds(int(seconds * 1e9))
    return message
