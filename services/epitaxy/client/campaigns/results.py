"""What the client returns of campaigns. Frozen values."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from epitaxy.client.campaigns.goals import Objective
from epitaxy.client.inputs.item import ConditionValue
from epitaxy.client.results import ItemError


@dataclass(frozen=True, slots=True)
class PoolProgress:
    """How far the preparation of a pool has come.

    Attributes:
        n_candidates: Candidates that were sent.
        n_ready: Candidates that are featurized.
        n_refused: Candidates that cannot be used.
        n_copies: Candidates that are copies of another one.
        n_open: Candidates that may be chosen.
        n_left_out: Candidates that a rule leaves out, by rule.
        refusals: Candidates that cannot be used, by reason.
    """

    n_candidates: int = 0
    n_ready: int = 0
    n_refused: int = 0
    n_copies: int = 0
    n_open: int = 0
    n_left_out: Mapping[str, int] = field(default_factory=dict)
    refusals: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BestCandidate:
    """One of the best that are known.

    Attributes:
        id: Its id.
        formula: Its formula.
        values: Expected values by property after the results: not the luckiest reading.
        measured: Mean measured values by property.
    """

    id: str
    formula: str
    values: Mapping[str, float]
    measured: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a campaign knows of itself.

    Attributes:
        advice: ``"GO_ON"``, ``"STOP"``, ``"REPLICATE"``, or ``"UNSPECIFIED"`` while there is nothing to go by.
        message: The advice with its reason.
        better_left_probability: Chance that a candidate is left that is better by the margin, 0 to 1; None while there
            are too few results to say.
        margin: The margin, in the first objective's unit; None likewise.
        expected_gain: Expected gain of the next batch, in the first objective's unit, or of the hypervolume; None
            likewise.
        last_expected_gain: Gain that the last batch was expected to bring.
        last_gain: Gain that it brought.
        coverage: Share of results inside the intervals that were on record before them.
        nominal_coverage: The share that the intervals promise.
        n_predicted: Results that had a prediction on record.
        mean_absolute_error: Error of those predictions by property, in its unit.
        speaking: Which model speaks, by property: ``"transferred"``, ``"descriptor"``, ``"mean"``.
        since_batch: Batch since which another model than ``"transferred"`` speaks, by property.
    """

    advice: str = "UNSPECIFIED"
    message: str = ""
    better_left_probability: float | None = None
    margin: float | None = None
    expected_gain: float | None = None
    last_expected_gain: float = 0.0
    last_gain: float = 0.0
    coverage: float = 0.0
    nominal_coverage: float = 0.0
    n_predicted: int = 0
    mean_absolute_error: Mapping[str, float] = field(default_factory=dict)
    speaking: Mapping[str, str] = field(default_factory=dict)
    since_batch: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CampaignFailure:
    """Why a campaign cannot go on: a stable code, and one line for a person."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign as the server last stated it.

    Attributes:
        name: Name of the campaign.
        state: ``"COLLECTING"``, ``"PREPARING"``, ``"ACTIVE"``, ``"PAUSED"``, ``"CLOSED"`` or ``"FAILED"``.
        objectives: What it is after.
        limits: What else has to hold, as text.
        batch_size: Candidates of a batch unless a call asks for another number.
        seed: Seed of every random choice.
        pool: How far the pool has come.
        n_results: Results that count.
        n_labels: Labels by property.
        n_failed: Samples that could not be made.
        n_pending: Tickets that are pending.
        n_batches: Batches that were recommended.
        spent: What was spent, in the unit of the budget.
        left: What is left; None without a budget.
        best: The best so far; for several objectives the Pareto front.
        outlook: What the campaign knows of itself.
        failure: Why it cannot go on; None unless it FAILED.
        create_time: When it was created, UTC.
        update_time: When its log was last written, UTC.
        last_sequence: Number of the last event of the log.
    """

    name: str
    state: str
    objectives: tuple[Objective, ...]
    limits: tuple[str, ...]
    batch_size: int
    seed: int
    pool: PoolProgress
    n_results: int
    n_labels: Mapping[str, int]
    n_failed: int
    n_pending: int
    n_batches: int
    spent: float
    left: float | None
    best: tuple[BestCandidate, ...]
    outlook: Outlook
    failure: CampaignFailure | None
    create_time: datetime | None
    update_time: datetime | None
    last_sequence: int

    @property
    def is_preparing(self) -> bool:
        """True until the pool can be recommended from, or cannot be used."""
        return self.state in ("COLLECTING", "PREPARING")


@dataclass(frozen=True, slots=True)
class CampaignPrediction:
    """What is predicted of one property of a candidate, on record before its result.

    Attributes:
        property: Name of the property.
        unit: Unit of the values.
        value: Predicted value.
        lower: Lower end of the interval for a measurement.
        upper: Upper end.
        coverage: Nominal coverage of the interval.
    """

    property: str
    unit: str
    value: float
    lower: float
    upper: float
    coverage: float


@dataclass(frozen=True, slots=True)
class MeasuredNeighbour:
    """A measured candidate that resembles a recommended one.

    Attributes:
        id: Its id.
        distance: 0 for the same, 1 for unrelated.
        values: Its results by property.
    """

    id: str
    distance: float
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One candidate to measure.

    Attributes:
        ticket: Results and releases refer to it.
        id: The candidate's id.
        formula: The candidate's formula; of a molecule its SMILES, of a polymer that of its repeat unit.
        predictions: What is predicted; empty before there is a model.
        score: Of the acquisition function; comparable within a batch only.
        reason: Why it was chosen.
        exploitation: Share of the score that comes from the predicted value, 0 to 1.
        success_probability: Probability that it can be made, learned from failures.
        domain_verdict: Domain verdict of the substrate.
        domain_score: Domain score of the substrate, 0 to 1.
        nearest: The nearest measured candidates.
        blocks: Share of each block of features in what the model knows of it.
        cost: What measuring it costs.
        is_replicate: True if it was measured before and is to be measured again.
        expire_time: End of the lease, UTC.
        conditions: Under which to measure it.
    """

    ticket: str
    id: str
    formula: str
    predictions: tuple[CampaignPrediction, ...]
    score: float
    reason: str
    exploitation: float
    success_probability: float
    domain_verdict: str
    domain_score: float
    nearest: tuple[MeasuredNeighbour, ...]
    blocks: Mapping[str, float]
    cost: float
    is_replicate: bool
    expire_time: datetime | None
    conditions: tuple[ConditionValue, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch of recommendations, the best first; iterate it.

    Attributes:
        recommendations: The candidates.
        notes: What is to be known about the batch: cut by the budget, a fallback, few candidates left.
    """

    recommendations: tuple[Recommendation, ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.recommendations)

    def __iter__(self) -> Iterator[Recommendation]:
        return iter(self.recommendations)


@dataclass(frozen=True, slots=True)
class ResultOutcome:
    """What became of one reported result.

    Attributes:
        index: Position of the row in the input, from 0.
        ticket: Ticket of the result.
        id: Id of the candidate.
        outcome: ``"RECORDED"``, ``"REPEATED"``, ``"RECORDED_LATE"`` or ``"REFUSED"``.
        error: Why it was refused; None if it was not.
    """

    index: int
    ticket: str
    id: str
    outcome: str
    error: ItemError | None = None


@dataclass(frozen=True, slots=True)
class ResultReport:
    """What became of all reported results.

    Attributes:
        outcomes: One for each row that holds a result, in the order of the rows.
        n_empty: Rows that hold no result yet.
        campaign: The campaign after them; None if nothing was sent.
    """

    outcomes: tuple[ResultOutcome, ...]
    n_empty: int = 0
    campaign: Campaign | None = None

    @property
    def refused(self) -> Sequence[ResultOutcome]:
        """Outcomes of the rows that were refused."""
        return [outcome for outcome in self.outcomes if outcome.error is not None]


@dataclass(frozen=True, slots=True)
class CandidateOutcome:
    """Why a candidate was not taken into the pool, or was taken as a copy.

    Attributes:
        id: Its id.
        error: The reason; ``DUPLICATE_OF_CANDIDATE`` for a copy.
    """

    id: str
    error: ItemError


@dataclass(frozen=True, slots=True)
class PoolReport:
    """What became of candidates that were sent.

    Attributes:
        n_sent: Candidates that were read.
        outcomes: Those that were not taken, or were taken as copies; of very many the first 10,000.
    """

    n_sent: int
    outcomes: tuple[CandidateOutcome, ...] = ()


@dataclass(frozen=True, slots=True)
class CampaignEvent:
    """One entry of a campaign's log.

    Attributes:
        sequence: Number of the event, from 1.
        create_time: When it happened, UTC.
        kind: ``"created"``, ``"recommended"``, ``"reported"``, ``"released"``, ...
        message: One line for a person.
    """

    sequence: int
    create_time: datetime | None
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class CampaignNews:
    """One message of a watch: what happened, and the campaign as it was then.

    Attributes:
        event: What happened; None if the pool came further.
        campaign: The campaign; None if the server did not send it.
    """

    event: CampaignEvent | None
    campaign: Campaign | None


@dataclass(frozen=True, slots=True)
class Release:
    """Tickets that were given back, and those that were not pending or are not known."""

    released: tuple[str, ...]
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Ids that are not in the pool, and the campaign after the change."""

    unknown_ids: tuple[str, ...]
    campaign: Campaign


@dataclass(frozen=True, slots=True)
class Promotion:
    """The fine-tune job that makes a model of a campaign's results.

    Attributes:
        job_id: Id of the job.
        model: Name of the model that it makes a version of.
    """

    job_id: str
    model: str
