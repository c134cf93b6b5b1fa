"""From the wire to campaigns, batches and outcomes."""

from collections.abc import Sequence

from epitaxy.api.campaigns.v1 import campaigns_pb2
from epitaxy.api.common.v1 import structure_pb2
from epitaxy.client.campaigns.goals import Limit, Objective
from epitaxy.client.campaigns.results import (
    Batch,
    BestCandidate,
    Campaign,
    CampaignEvent,
    CampaignFailure,
    CampaignNews,
    CampaignPrediction,
    CandidateOutcome,
    MeasuredNeighbour,
    Outlook,
    PoolProgress,
    Recommendation,
    ResultOutcome,
)
from epitaxy.client.inputs.item import ConditionValue
from epitaxy.client.reading import enum_name, read_item_error, read_time


def read_campaign(campaign: campaigns_pb2.Campaign) -> Campaign:
    """The campaign as the server gave it."""
    spec = campaign.spec
    limits = (Limit(entry.property, entry.limit, entry.is_upper) for entry in spec.constraints)
    return Campaign(
        name=spec.name,
        state=enum_name(campaigns_pb2.CampaignState.Name, "CAMPAIGN_STATE_", campaign.state),
        objectives=tuple(map(Objective.of_proto, spec.objectives)),
        limits=tuple(map(str, limits)),
        batch_size=spec.batch_size,
        seed=spec.seed,
        pool=_read_pool(campaign.pool),
        n_results=campaign.n_results,
        n_labels=dict(campaign.n_labels),
        n_failed=campaign.n_failed,
        n_pending=campaign.n_pending,
        n_batches=campaign.n_batches,
        spent=campaign.spent,
        left=campaign.left if campaign.HasField("left") else None,
        best=tuple(
            BestCandidate(best.id, best.formula, dict(best.values), dict(best.measured)) for best in campaign.best
        ),
        outlook=_read_outlook(campaign.outlook),
        failure=_read_failure(campaign),
        create_time=read_time(campaign, "create_time"),
        update_time=read_time(campaign, "update_time"),
        last_sequence=campaign.last_sequence,
    )


def read_batch(response: campaigns_pb2.RecommendResponse) -> Batch:
    """The batch as the server gave it."""
    return Batch(tuple(map(_read_recommendation, response.batch)), tuple(response.notes))


def read_outcomes(outcomes: Sequence[campaigns_pb2.ResultOutcome], indices: Sequence[int]) -> list[ResultOutcome]:
    """One outcome for each result that was sent, with the number of its row."""
    return [_read_outcome(outcome, index) for outcome, index in zip(outcomes, indices, strict=True)]


def read_candidate_outcome(outcome: campaigns_pb2.CandidateOutcome) -> CandidateOutcome:
    """Why a candidate was not taken."""
    return CandidateOutcome(outcome.id, read_item_error(outcome.error))


def read_news(message: campaigns_pb2.WatchCampaignResponse) -> CampaignNews:
    """One message of a watch."""
    event, campaign = None, None
    if message.HasField("event"):
        told = message.event
        event = CampaignEvent(told.sequence, read_time(told, "create_time"), told.kind, told.message)
    if message.HasField("campaign"):
        campaign = read_campaign(message.campaign)
    return CampaignNews(event, campaign)


def _read_pool(pool: campaigns_pb2.PoolProgress) -> PoolProgress:
    return PoolProgress(
        pool.n_candidates,
        pool.n_ready,
        pool.n_refused,
        pool.n_copies,
        pool.n_open,
        dict(pool.n_left_out),
        dict(pool.refusals),
    )


def _read_outlook(outlook: campaigns_pb2.CampaignOutlook) -> Outlook:
    # Without a margin there is nothing yet that could be better by it.
    is_known = outlook.margin > 0
    return Outlook(
        advice=enum_name(campaigns_pb2.Advice.Name, "ADVICE_", outlook.advice),
        message=outlook.message,
        better_left_probability=outlook.better_left_probability if is_known else None,
        margin=outlook.margin if is_known else None,
        expected_gain=outlook.expected_gain if is_known else None,
        last_expected_gain=outlook.last_expected_gain,
        last_gain=outlook.last_gain,
        coverage=outlook.coverage,
        nominal_coverage=outlook.nominal_coverage,
        n_predicted=outlook.n_predicted,
        mean_absolute_error=dict(outlook.mean_absolute_error),
        speaking=dict(outlook.speaking),
        since_batch=dict(outlook.since_batch),
    )


def _read_failure(campaign: campaigns_pb2.Campaign) -> CampaignFailure | None:
    if not campaign.HasField("failure"):
        return None
    return CampaignFailure(campaign.failure.reason, campaign.failure.message)


def _read_recommendation(entry: campaigns_pb2.Recommendation) -> Recommendation:
    return Recommendation(
        ticket=entry.ticket,
        id=entry.id,
        formula=entry.formula,
        predictions=tuple(
            CampaignPrediction(one.property, one.unit, one.value, one.lower, one.upper, one.coverage)
            for one in entry.predictions
        ),
        score=entry.score,
        reason=entry.reason,
        exploitation=entry.exploitation,
        success_probability=entry.success_probability,
        domain_verdict=entry.domain_verdict,
        domain_score=entry.domain_score,
        nearest=tuple(MeasuredNeighbour(one.id, one.distance, dict(one.values)) for one in entry.nearest),
        blocks=dict(sorted(entry.blocks.items(), key=lambda block: -block[1])),
        cost=entry.cost,
        is_replicate=entry.is_replicate,
        expire_time=read_time(entry, "expire_time"),
        conditions=tuple(_read_condition(name, given) for name, given in sorted(entry.conditions.items())),
    )


def _read_condition(name: str, given: structure_pb2.ConditionValue) -> ConditionValue:
    value = given.category if given.WhichOneof("value") == "category" else given.number
    return ConditionValue(name, value, given.unit)


def _read_outcome(outcome: campaigns_pb2.ResultOutcome, index: int) -> ResultOutcome:
    name = enum_name(campaigns_pb2.ReportOutcome.Name, "REPORT_OUTCOME_", outcome.outcome)
    error = read_item_error(outcome.error) if outcome.HasField("error") else None
    return ResultOutcome(index, outcome.ticket, outcome.id, name, error)
