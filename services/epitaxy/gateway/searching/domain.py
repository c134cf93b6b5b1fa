"""What passes through a search: requests of the caller, and events that answer them."""

from dataclasses import dataclass

from epitaxy.chassis.errors import InvalidRequestError
from epitaxy.gateway.domain import Answer, Loss, Tally
from epitaxy.gateway.search import Quantity, ResidualTable, SearchOrder, SearchSummary, Why

MAX_BEST = 1_000_000
MAX_COLUMN_CANDIDATES = 8192


@dataclass(frozen=True, slots=True)
class Question:
    """What the model is asked of each candidate.

    Attributes:
        options: PredictionOptions, encoded.
        model: Name of the model; empty: the server's default model.
        coverage: Nominal coverage of the intervals; 0: the default.
    """

    options: bytes
    model: str
    coverage: float


@dataclass(frozen=True, slots=True)
class Begin:
    """Opens a search.

    Attributes:
        order: What is looked for.
        question: What the model is asked.
        n_candidates: Number of candidates to come; 0: not known.
    """

    order: SearchOrder
    question: Question
    n_candidates: int = 0


@dataclass(frozen=True, slots=True)
class CandidateBlock:
    """Candidates in a cheap form; ``encoded`` is their message, as the caller sent it."""

    encoded: bytes
    n_candidates: int
    is_columns: bool


@dataclass(frozen=True, slots=True)
class EndOfCandidates:
    """All candidates were sent."""


@dataclass(frozen=True, slots=True)
class WantedStructures:
    """Structures that the search asked for.

    Attributes:
        encoded: The message, as the caller sent it.
        sequence: The message that asked for them.
        ids: One id for each structure.
    """

    encoded: bytes
    sequence: int
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WhyQuestion:
    """Asks what became of a candidate."""

    index: int


SearchRequest = Begin | CandidateBlock | EndOfCandidates | WantedStructures | WhyQuestion


@dataclass(frozen=True, slots=True, eq=False)
class Students:
    """What the model's students know before they see a candidate.

    Attributes:
        question: The caller's, with the model's version in it if the model has students.
        stamp: ModelStamp of the weights, encoded.
        tables: Errors of the students, by quantity.
        reason: Why there are no students; empty if there are.
    """

    question: Question
    stamp: bytes
    tables: dict[Quantity, ResidualTable]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Begun:
    """The search is open."""

    students: Students


@dataclass(frozen=True, slots=True)
class Wanted:
    """Candidates that the search wants in full."""

    sequence: int
    indices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search is; NaN for what is not known."""

    is_scoring: bool
    seen: int
    scored: int
    evaluated: int
    threshold: float
    expected_missed: float
    per_second: float
    eta_seconds: float


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of the evaluation.

    Attributes:
        best: Positions of the best candidates, best first.
        summary: What the search reached.
        tally: Outcomes of evaluated candidates.
        elapsed_seconds: Time since the first message.
    """

    best: tuple[int, ...]
    summary: SearchSummary
    tally: Tally
    elapsed_seconds: float


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one candidate."""

    index: int
    why: Why


SearchEvent = Begun | Wanted | Answer | Loss | Progress | Finished | Fate


def check_best(best: int) -> None:
    """Raises InvalidRequestError for more than a million."""
    if best > MAX_BEST:
        raise InvalidRequestError.of_field("begin.best", f"is {best}; at most {MAX_BEST} are allowed")


def check_pool(n_candidates: int, limit: int) -> None:
    """Raises InvalidRequestError (TOO_MANY_CANDIDATES) for a pool that one search does not take."""
    if n_candidates > limit:
        message = f"a search takes at most {limit} candidates: search the pool in parts"
        raise InvalidRequestError(message, reason="TOO_MANY_CANDIDATES")


def check_block(block: CandidateBlock, max_structures: int) -> None:
    """Raises InvalidRequestError for a message without candidates or with too many."""
    limit = MAX_COLUMN_CANDIDATES if block.is_columns else max_structures
    if not 1 <= block.n_candidates <= limit:
        description = f"has {block.n_candidates} candidates; give 1 to {limit}"
        raise InvalidRequestError.of_field("candidates", description)
