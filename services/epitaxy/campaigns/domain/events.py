"""What happens to a campaign: the entries of its log. The log is the truth; everything shown is a fold over it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Discriminator

from epitaxy.campaigns.domain.candidates import ConditionValue
from epitaxy.campaigns.domain.spec import CampaignSpec, Constraint, Objective, PoolFile

TRANSFERRED = "transferred"
"""The model that speaks unless a simpler one predicts better."""


class ResultStatus(StrEnum):
    """What became of a sample."""

    MEASURED = "MEASURED"
    FAILED = "FAILED"
    ABANDONED = "ABANDONED"


class Outcome(StrEnum):
    """What became of a reported result."""

    RECORDED = "RECORDED"
    REPEATED = "REPEATED"
    RECORDED_LATE = "RECORDED_LATE"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class Measured:
    """One measured value in its unit; a ``std`` of 0 is not known."""

    value: float
    std: float = 0.0
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Predicted:
    """What was predicted of one property, in its unit, before the result."""

    property: str
    unit: str
    value: float
    lower: float
    upper: float
    coverage: float


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A measured candidate that is near, with its results by property when it was named."""

    row: int
    id: str
    distance: float
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ticket:
    """One recommended candidate.

    Attributes:
        ticket: Unguessable name.
        row: Row of the candidate in the pool.
        record: What the planner keeps of its predictions, as plain containers.
        conditions: Under which it is to be measured.
    """

    ticket: str
    row: int
    id: str
    expires_at: datetime
    cost: float = 1.0
    formula: str = ""
    score: float = 0.0
    reason: str = ""
    exploitation: float = 0.0
    success: float = 1.0
    domain_verdict: str = ""
    domain_score: float = 0.0
    is_replicate: bool = False
    predictions: tuple[Predicted, ...] = ()
    nearest: tuple[Neighbour, ...] = ()
    blocks: Mapping[str, float] = field(default_factory=dict)
    record: tuple[Mapping[str, Any], ...] = ()
    conditions: Mapping[str, ConditionValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the planner expected when a batch was chosen; see ``CampaignOutlook`` of the proto."""

    better_left: float | None = None
    margin: float = 0.0
    expected_gain: float | None = None
    advice: str = ""
    message: str = ""
    best: tuple[tuple[int, str, Mapping[str, float]], ...] = ()
    speaking: Mapping[str, str] = field(default_factory=dict)
    replicates: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """One result that is kept.

    Attributes:
        ticket: Of the recommendation that it answers; empty: nobody recommended the sample.
        is_late: Whether the lease had ended or the ticket had been given back.
        cost: What the candidate costs, for results without a ticket.
    """

    row: int
    id: str
    status: ResultStatus
    values: Mapping[str, Measured] = field(default_factory=dict)
    ticket: str = ""
    measurement_id: str = ""
    note: str = ""
    is_late: bool = False
    cost: float = 1.0


@dataclass(frozen=True, slots=True)
class Told:
    """What the caller was told of one result."""

    ticket: str
    id: str
    outcome: Outcome
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class PoolCounts:
    """What rules leave of a pool.

    Attributes:
        n_allowed: Candidates that all rules let pass.
        left_out: Candidates that each rule leaves out, by rule.
    """

    n_allowed: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Created:
    """A campaign began."""

    spec: CampaignSpec
    file: PoolFile | None = None
    kind: Literal["created"] = "created"


@dataclass(frozen=True, slots=True)
class CandidatesAdded:
    """A chunk of candidates was kept; ``refused`` are those of the request that were not."""

    chunk: int
    n_rows: int
    is_last: bool
    refused: tuple[Told, ...] = ()
    kind: Literal["candidates_added"] = "candidates_added"


@dataclass(frozen=True, slots=True)
class FileRead:
    """The pool's file was kept in chunks of ``chunk_rows``, the last one shorter."""

    n_rows: int
    chunk_rows: int
    kind: Literal["file_read"] = "file_read"


@dataclass(frozen=True, slots=True)
class PoolReady:
    """All rows up to ``n_rows`` are featurized, or refused."""

    n_rows: int
    n_ready: int
    n_refused: int
    n_copies: int
    refusals: Mapping[str, int]
    substrate: str
    weights_digest: str
    counts: PoolCounts
    kind: Literal["pool_ready"] = "pool_ready"


@dataclass(frozen=True, slots=True)
class PoolFailed:
    """The pool cannot be used."""

    reason: str
    message: str
    kind: Literal["pool_failed"] = "pool_failed"


@dataclass(frozen=True, slots=True)
class Excluded:
    """Candidates were taken out of the choice by their owner, or put back."""

    rows: tuple[int, ...]
    unknown_ids: tuple[str, ...]
    reason: str
    is_undone: bool
    kind: Literal["excluded"] = "excluded"


@dataclass(frozen=True, slots=True)
class Recommended:
    """A batch was chosen.

    Attributes:
        n_wanted: Candidates that the planner was asked for: the budget may have left more of them out.
        based_on: Number of the last event that the planner knew.
        n_rows: Rows of the pool that it knew.
        planner_before: State of the planner before the choice: with it and the log, the choice can be made again.
        planner: State after it.
    """

    number: int
    tickets: tuple[Ticket, ...]
    n_wanted: int
    based_on: int
    n_rows: int
    notes: tuple[str, ...] = ()
    worker: str = ""
    outlook: Outlook = field(default_factory=Outlook)
    planner_before: Mapping[str, Any] = field(default_factory=dict)
    planner: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    kind: Literal["recommended"] = "recommended"


@dataclass(frozen=True, slots=True)
class Reported:
    """Results came in.

    Attributes:
        told: One a result of the request, in order.
        readings: Those that are kept.
        chunk: Chunk of the samples from outside of the pool; -1: there are none.
        n_rows: Rows of that chunk, which may be learned from and not chosen.
    """

    told: tuple[Told, ...]
    readings: tuple[Reading, ...]
    chunk: int = -1
    n_rows: int = 0
    kind: Literal["reported"] = "reported"


@dataclass(frozen=True, slots=True)
class Fix:
    """One correction: the place of the reading in the order of the log, and what replaces it."""

    place: int
    reason: str
    reading: Reading | None = None


@dataclass(frozen=True, slots=True)
class Corrected:
    """Results were retracted or replaced; the log keeps both."""

    told: tuple[Told, ...]
    fixes: tuple[Fix, ...]
    kind: Literal["corrected"] = "corrected"


@dataclass(frozen=True, slots=True)
class Released:
    """Tickets were given back: by their owner, or because their leases ended."""

    tickets: tuple[str, ...]
    cause: Literal["caller", "expired"]
    ignored: tuple[str, ...] = ()
    kind: Literal["released"] = "released"


@dataclass(frozen=True, slots=True)
class ObjectivesChanged:
    """Other objectives and constraints from now on."""

    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]
    counts: PoolCounts | None = None
    kind: Literal["objectives_changed"] = "objectives_changed"


@dataclass(frozen=True, slots=True)
class Paused:
    """Nothing is recommended until the campaign is resumed."""

    kind: Literal["paused"] = "paused"


@dataclass(frozen=True, slots=True)
class Resumed:
    """Recommendations go on."""

    kind: Literal["resumed"] = "resumed"


@dataclass(frozen=True, slots=True)
class Closed:
    """The campaign ended, and these pending tickets were given back."""

    released: tuple[str, ...] = ()
    kind: Literal["closed"] = "closed"


@dataclass(frozen=True, slots=True)
class Promoted:
    """A fine-tune job was started on the results."""

    job_id: str
    model_name: str
    property: str
    kind: Literal["promoted"] = "promoted"


Happening = (
    Created
    | CandidatesAdded
    | FileRead
    | PoolReady
    | PoolFailed
    | Excluded
    | Recommended
    | Reported
    | Corrected
    | Released
    | ObjectivesChanged
    | Paused
    | Resumed
    | Closed
    | Promoted
)


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of a log; sequence numbers count from 1 in each campaign."""

    sequence: int
    at: datetime
    happening: Annotated[Happening, Discriminator("kind")]
