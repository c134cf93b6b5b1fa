"""What a search tells: how far it is, what it reached, and what became of a candidate."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from epitaxy.api.prediction.v1 import search_pb2


@dataclass(frozen=True, slots=True)
class SearchProgress:
    """How far a search is.

    Attributes:
        stage: ``scoring`` while students score candidates, ``evaluating`` while the model evaluates the best of them.
        sent: Candidates that were read and sent.
        scored: Candidates that the students scored.
        evaluated: Candidates that the model evaluated.
        dropped_share: Share of the candidates that would be dropped if the search ended now, 0 to 1.
        threshold: What the goal's quantity is at the running K-th best; None if fewer than K were found.
        expected_missed: Hits that are expected among candidates not evaluated; None while not known.
        per_second: Candidates scored, or evaluated, a second.
        eta_seconds: Estimated time to the end of the stage; None while not known.
    """

    stage: str = "scoring"
    sent: int = 0
    scored: int = 0
    evaluated: int = 0
    dropped_share: float = 0.0
    threshold: float | None = None
    expected_missed: float | None = None
    per_second: float = 0.0
    eta_seconds: float | None = None

    def in_words(self) -> str:
        """Progress in one line."""
        if self.stage == "scoring":
            return f"{self.scored} candidates scored, {self.per_second:.0f} per second"
        best = "" if self.threshold is None else f", the last of the best has {self.threshold:.4g}"
        return f"{self.evaluated} of {self.scored} candidates evaluated, {self.per_second:.0f} per second{best}"


@dataclass(frozen=True, slots=True)
class SearchSummary:
    """What a search reached.

    Attributes:
        n_found: Best candidates in the result, at most K.
        n_candidates: Candidates that were sent.
        n_evaluated: Candidates that the model was asked about, survey and audit included.
        answered: Evaluated candidates with a prediction.
        refused: Evaluated candidates that cannot be predicted as they are, and rows that the client itself refused.
        failed: Evaluated candidates lost to a fault that a later run may not see.
        errors_by_reason: Refused and failed candidates by reason.
        n_eligible: Evaluated candidates that meet all conditions.
        n_dropped: Candidates that were never evaluated.
        n_surveyed: Evaluated candidates that were drawn by lot from the whole pool.
        n_audited: Evaluated candidates that were drawn by lot from those about to be dropped.
        audit_hits: Audited candidates that turned out to be among the best K.
        share_evaluated: ``n_evaluated / n_candidates``.
        expected_missed: How many of the model's own best K are expected among the dropped.
        recall_estimate: Estimated share of the model's own best K that was found.
        recall_interval: 95 % interval of the estimate.
        recall_target: The recall that was asked for.
        threshold: What the goal's quantity is at the K-th best; None if fewer than K were found.
        student_correlation: Rank correlation of student and model on the survey; None if not known.
        notes: Why much was evaluated, or little found; one sentence each.
        model: Name and version of the weights.
        elapsed_seconds: Time that the server took.
    """

    n_found: int
    n_candidates: int
    n_evaluated: int
    answered: int
    refused: int
    failed: int
    errors_by_reason: Mapping[str, int] = field(default_factory=dict)
    n_eligible: int = 0
    n_dropped: int = 0
    n_surveyed: int = 0
    n_audited: int = 0
    audit_hits: int = 0
    share_evaluated: float = 0.0
    expected_missed: float = 0.0
    recall_estimate: float = 1.0
    recall_interval: tuple[float, float] = (1.0, 1.0)
    recall_target: float = 0.99
    threshold: float | None = None
    student_correlation: float | None = None
    notes: tuple[str, ...] = ()
    model: str = ""
    elapsed_seconds: float = 0.0

    def in_words(self) -> str:
        """The summary in one sentence."""
        low, high = self.recall_interval
        return (
            f"{self.n_found} found; {self.n_evaluated} of {self.n_candidates} candidates evaluated "
            f"({self.share_evaluated:.1%}); recall {self.recall_estimate:.3f} ({low:.3f} to {high:.3f})"
        )


@dataclass(frozen=True, slots=True)
class CandidateFate:
    """What became of one candidate.

    Attributes:
        id: Its id.
        fate: ``best``, ``beaten``, ``not_eligible``, ``refused``, ``dropped`` or ``waiting``.
        student_value: What the student expected of the goal's quantity; None if it could not tell.
        student_scale: Expected size of the student's error; None if it could not tell.
        chance: Chance to be among the best K before it was evaluated, 0 to 1.
        threshold: What the goal's quantity is at the K-th best; None if fewer than K were found.
        words: The same as one sentence.
    """

    id: str
    fate: str
    student_value: float | None
    student_scale: float | None
    chance: float
    threshold: float | None
    words: str


def read_progress(progress: search_pb2.SearchProgress, n_sent: int) -> SearchProgress:
    """Progress from the wire."""
    is_scoring = progress.stage == search_pb2.SEARCH_STAGE_SCORING
    return SearchProgress(
        stage="scoring" if is_scoring else "evaluating",
        sent=n_sent,
        scored=progress.scored,
        evaluated=progress.evaluated,
        dropped_share=progress.dropped_share,
        threshold=progress.threshold if progress.HasField("threshold") else None,
        expected_missed=progress.expected_missed if progress.HasField("expected_missed") else None,
        per_second=progress.per_second,
        eta_seconds=progress.eta_duration.ToMilliseconds() / 1000 if progress.HasField("eta_duration") else None,
    )


def read_summary(summary: search_pb2.SearchSummary, model: str, own_refusals: Mapping[str, int]) -> SearchSummary:
    """A summary from the wire; ``own_refusals`` are rows that the client did not send, by reason."""
    reasons = dict(summary.errors_by_reason)
    for reason, number in own_refusals.items():
        reasons[reason] = reasons.get(reason, 0) + number
    return SearchSummary(
        n_found=len(summary.best),
        n_candidates=summary.n_candidates,
        n_evaluated=summary.n_evaluated,
        answered=summary.counts.answered,
        refused=summary.counts.refused + sum(own_refusals.values()),
        failed=summary.counts.failed,
        errors_by_reason=dict(sorted(reasons.items(), key=lambda pair: -pair[1])),
        n_eligible=summary.n_eligible,
        n_dropped=summary.n_dropped,
        n_surveyed=summary.n_surveyed,
        n_audited=summary.n_audited,
        audit_hits=summary.audit_hits,
        share_evaluated=summary.share_evaluated,
        expected_missed=summary.expected_missed,
        recall_estimate=summary.recall_estimate,
        recall_interval=(summary.recall_low, summary.recall_high),
        recall_target=summary.recall_target,
        threshold=summary.threshold if summary.HasField("threshold") else None,
        student_correlation=summary.student_correlation if summary.HasField("student_correlation") else None,
        notes=tuple(summary.notes),
        model=model,
        elapsed_seconds=summary.elapsed_duration.ToMilliseconds() / 1000,
    )


def read_fate(fate: search_pb2.CandidateFate, candidate_id: str) -> CandidateFate:
    """A fate from the wire, under the caller's own id."""
    return CandidateFate(
        candidate_id,
        fate.fate,
        fate.student_value if fate.HasField("student_value") else None,
        fate.student_scale if fate.HasField("student_scale") else None,
        fate.chance,
        fate.threshold if fate.HasField("threshold") else None,
        fate.words,
    )
