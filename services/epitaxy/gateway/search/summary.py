"""What a search reached, and what became of one candidate."""

from dataclasses import dataclass
from enum import StrEnum


class Fate(StrEnum):
    """What became of a candidate."""

    BEST = "best"
    """Evaluated, and one of the best K."""
    BEATEN = "beaten"
    """Evaluated; K others are better."""
    NOT_ELIGIBLE = "not_eligible"
    """Evaluated; it misses a condition, lies outside the domain, or its formula has its share already."""
    REFUSED = "refused"
    """Sent to the ensemble, which gave no answer."""
    DROPPED = "dropped"
    """Never evaluated: too unlikely to be among the best."""
    WAITING = "waiting"
    """The search has not ended."""


@dataclass(frozen=True, slots=True)
class Why:
    """Why a candidate was dropped, or what else became of it.

    Attributes:
        fate: What became of it.
        student_value: What the student expected of the goal's quantity.
        student_scale: Expected size of the student's error.
        chance: Chance to be among the best K before it was evaluated, from 0 to 1.
        threshold: Merit of the K-th best, turned back into the unit of the goal; NaN if fewer than K were found.
        words: The same as one sentence.
    """

    fate: Fate
    student_value: float
    student_scale: float
    chance: float
    threshold: float
    words: str


@dataclass(frozen=True, slots=True)
class SearchSummary:
    """What a search reached.

    Attributes:
        n_candidates: Candidates in the pool.
        n_evaluated: Candidates that the ensemble was asked about, audited ones included.
        n_refused: Those of them without an answer.
        n_eligible: Those of them that meet all conditions.
        n_found: Best candidates in the result, at most K.
        n_dropped: Candidates that were never evaluated.
        n_surveyed: Evaluated candidates that were drawn by lot from the whole pool.
        n_audited: Evaluated candidates that were drawn by lot from those that were to be dropped.
        audit_hits: Those of them that turned out to be among the best K.
        share_evaluated: ``n_evaluated / n_candidates``.
        expected_missed: How many of the ensemble's own best K are expected among the dropped.
        recall_estimate: Expected share of the ensemble's own best K that was found.
        recall_low: Lower end of the estimate's 95 % interval.
        recall_high: Upper end.
        recall_target: The recall that was asked for.
        threshold: The goal's quantity at the K-th best; NaN if fewer than K were found.
        student_correlation: Rank correlation of student and ensemble on a random sample of the pool; NaN: too small.
        notes: What a reader should know, each one sentence: why much was evaluated, or why little was found.
    """

    n_candidates: int
    n_evaluated: int
    n_refused: int
    n_eligible: int
    n_found: int
    n_dropped: int
    n_surveyed: int
    n_audited: int
    audit_hits: int
    share_evaluated: float
    expected_missed: float
    recall_estimate: float
    recall_low: float
    recall_high: float
    recall_target: float
    threshold: float
    student_correlation: float
    notes: tuple[str, ...]
