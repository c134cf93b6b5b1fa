"""What passes through the gateway, and the rules that hold for it."""

from collections import Counter
from dataclasses import dataclass, field

from epitaxy.chassis.errors import (
    DeadlineExceededError,
    InternalError,
    InvalidRequestError,
    OverloadedError,
    QuotaExceededError,
    UnavailableError,
)
from epitaxy.chassis.limits import DEFAULT_COVERAGE, MAX_COVERAGE, MAX_PAGE_SIZE, MIN_COVERAGE
from epitaxy_models.errors import EpitaxyError

MAX_NEAREST = 20


class AnswerTooLargeError(QuotaExceededError):
    """The request or its answer is larger than one message may be: ask for less at once. Waiting does not help."""

    default_reason = "ANSWER_TOO_LARGE"


CHUNK_FAULTS = (UnavailableError, OverloadedError, DeadlineExceededError, InternalError)
"""Faults of ours: they cost a stream one chunk."""
CHUNK_LOSSES = (*CHUNK_FAULTS, AnswerTooLargeError)
"""What costs a stream one chunk. Every other error is the caller's, holds for all of its chunks and ends the stream."""


@dataclass(frozen=True, slots=True)
class StructureBlock:
    """Structures that travel in one message.

    Attributes:
        encoded: The message as its sender encoded it. Only edges and adapters look inside.
        n_structures: Number of structures; those inside packed blocks count one by one.
        model: Name of the model; empty: the server's default model.
    """

    encoded: bytes
    n_structures: int
    model: str = ""


@dataclass(frozen=True, slots=True)
class Chunk(StructureBlock):
    """Structures to predict.

    Attributes:
        coverage: Nominal coverage of the intervals; 0: the default.
        sequence: The caller's number of the message, which its answer repeats.
    """

    coverage: float = 0.0
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class ExplainQuery(StructureBlock):
    """Structures whose predictions are to be explained.

    Attributes:
        n_nearest: Number of known materials to name beside each structure; 0: the default.
    """

    n_nearest: int = 0


@dataclass(frozen=True, slots=True)
class ModelsPage:
    """Asks for one page of the list of models.

    Attributes:
        encoded: The message as its sender encoded it.
        size: Number of cards on the page; 0: the default.
    """

    encoded: bytes
    size: int = 0


@dataclass(frozen=True, slots=True)
class ModelQuery:
    """Asks for the card of one model.

    Attributes:
        encoded: The message as its sender encoded it.
        model: Name of the model; empty: the server's default model.
    """

    encoded: bytes
    model: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """Outcomes of some structures; ``failed`` counts those lost to a fault that a retry may cure."""

    answered: int = 0
    refused: int = 0
    failed: int = 0
    cache_hits: int = 0
    errors_by_reason: Counter[tuple[str, bool]] = field(default_factory=Counter)
    """Structures without a prediction, by (reason, retryable)."""
    domain_verdicts: Counter[str] = field(default_factory=Counter)
    review_verdicts: Counter[str] = field(default_factory=Counter)
    review_rules: Counter[str] = field(default_factory=Counter)
    """Rules of the model's review policy that fired, by code."""

    @property
    def n_structures(self) -> int:
        """Number of all structures, whatever their outcome."""
        return self.answered + self.refused + self.failed

    def __add__(self, other: "Tally") -> "Tally":
        """Outcomes of both."""
        return Tally(
            answered=self.answered + other.answered,
            refused=self.refused + other.refused,
            failed=self.failed + other.failed,
            cache_hits=self.cache_hits + other.cache_hits,
            errors_by_reason=self.errors_by_reason + other.errors_by_reason,
            domain_verdicts=self.domain_verdicts + other.domain_verdicts,
            review_verdicts=self.review_verdicts + other.review_verdicts,
            review_rules=self.review_rules + other.review_rules,
        )


@dataclass(frozen=True, slots=True)
class PropertyUse:
    """One property in an answer.

    Attributes:
        name: Name of the property.
        n_values: Number of values in the answer.
        epistemic_std: Sum of the values' epistemic standard deviations, in the property's unit.
        measured_coverage: Coverage that the calibration of the answer measured.
        nominal_coverage: Nominal coverage at which it was measured; 0: it was not.
    """

    name: str
    n_values: int
    epistemic_std: float
    measured_coverage: float
    nominal_coverage: float


@dataclass(frozen=True, slots=True)
class ModelUse:
    """The model version that answered a chunk, and what it answered; the name is empty if the answer names none."""

    model: str = ""
    version: str = ""
    properties: tuple[PropertyUse, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the prediction application answered to a chunk: each of its structures once.

    Attributes:
        encoded: The answer as it goes to the caller.
        tally: Outcomes of the structures.
        use: The model version that answered.
        parts: Where several answered, as of a message that mixes kinds of material: each, with its own outcomes.
    """

    encoded: bytes
    tally: Tally
    use: ModelUse = ModelUse()
    parts: tuple[tuple[ModelUse, Tally], ...] = ()

    @property
    def uses(self) -> tuple[tuple[ModelUse, Tally], ...]:
        """Every model version that answered, and what became of its structures."""
        return self.parts or ((self.use, self.tally),)


@dataclass(frozen=True, slots=True)
class Loss:
    """A chunk that got no answer, and why."""

    chunk: Chunk
    error: EpitaxyError

    @property
    def is_retryable(self) -> bool:
        """Whether the same chunk can be answered later."""
        return not isinstance(self.error, AnswerTooLargeError)

    @property
    def tally(self) -> Tally:
        """Every structure of the chunk, failed, or refused if no retry can help."""
        n_lost, is_retryable = self.chunk.n_structures, self.is_retryable
        reasons = Counter({(self.error.reason, is_retryable): n_lost})
        return Tally(
            failed=n_lost if is_retryable else 0, refused=0 if is_retryable else n_lost, errors_by_reason=reasons
        )


@dataclass(frozen=True, slots=True)
class Summary:
    """The end of a stream."""

    tally: Tally
    elapsed_seconds: float


ScreenEvent = Answer | Loss | Summary


def check_size(block: StructureBlock, limit: int) -> None:
    """Raises InvalidRequestError for a message without structures or with more than ``limit``."""
    if block.n_structures == 0:
        raise InvalidRequestError.of_field("structures", "is empty")
    if block.n_structures > limit:
        description = f"has {block.n_structures} structures; at most {limit} are allowed"
        raise InvalidRequestError.of_field("structures", description)


def check_coverage(coverage: float) -> None:
    """Raises InvalidRequestError unless 0 (the default) or from 0.5 to 0.99."""
    if coverage != 0 and not MIN_COVERAGE <= coverage <= MAX_COVERAGE:
        description = f"is {coverage:g}; give {MIN_COVERAGE} to {MAX_COVERAGE}, or 0 for {DEFAULT_COVERAGE}"
        raise InvalidRequestError.of_field("options.coverage", description)


def check_page_size(page_size: int) -> None:
    """Raises InvalidRequestError above 100."""
    if page_size > MAX_PAGE_SIZE:
        raise InvalidRequestError.of_field("page_size", f"is {page_size}; at most {MAX_PAGE_SIZE} are allowed")


def check_nearest(n_nearest: int) -> None:
    """Raises InvalidRequestError above 20."""
    if n_nearest > MAX_NEAREST:
        raise InvalidRequestError.of_field("n_nearest", f"is {n_nearest}; at most {MAX_NEAREST} are allowed")
