"""What passes through the gateway, and the rules that hold for it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from epitaxy.chassis.errors import (
    DeadlineExceededError,
    InternalError,
    InvalidRequestError,
    OverloadedError,
    UnavailableError,
)
from epitaxy_models.errors import EpitaxyError

DEFAULT_COVERAGE = 0.9
MIN_COVERAGE = 0.5
MAX_COVERAGE = 0.99
MAX_PAGE_SIZE = 100
MAX_NEAREST = 20

CHUNK_FAULTS = (UnavailableError, OverloadedError, DeadlineExceededError, InternalError)
"""Faults of ours: they cost a stream one chunk. Every other error is the caller's, holds for all of its chunks and
ends the stream."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Structures that travel in one message.

    Attributes:
        n_structures: How many, those inside packed blocks counted.
        payload: The message itself. Only the servicer and the upstream adapter look inside.
    """

    n_structures: int
    payload: Any


@dataclass(frozen=True, slots=True)
class Tally:
    """Outcomes of some structures; ``failed`` are those lost to a fault that a retry may cure."""

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
        """All of them."""
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
        name: Of the property.
        n_values: Values answered.
        epistemic_std: Sum over them, in the property's unit.
        measured_coverage: Of the calibration that the answer carries.
        promised_coverage: At which it was measured; 0: it was not.
    """

    name: str
    n_values: int
    epistemic_std: float
    measured_coverage: float
    promised_coverage: float


@dataclass(frozen=True, slots=True)
class ModelUse:
    """The model version that answered a chunk, and what it said; the name is empty where the answer names none."""

    model: str = ""
    version: str = ""
    properties: tuple[PropertyUse, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What upstream said about a chunk; ``payload`` is its message."""

    payload: Any
    tally: Tally
    use: ModelUse = ModelUse()


@dataclass(frozen=True, slots=True)
class Loss:
    """A chunk that upstream did not answer, and why."""

    chunk: Chunk
    error: EpitaxyError

    @property
    def tally(self) -> Tally:
        """Every structure of the chunk, failed."""
        n_lost = self.chunk.n_structures
        return Tally(failed=n_lost, errors_by_reason=Counter({(self.error.reason, True): n_lost}))


@dataclass(frozen=True, slots=True)
class Summary:
    """The end of a stream."""

    tally: Tally
    elapsed_seconds: float


ScreenEvent = Answer | Loss | Summary


def check_size(chunk: Chunk, limit: int) -> None:
    """Raises InvalidRequestError for a message without structures or with more than ``limit``."""
    if chunk.n_structures == 0:
        raise InvalidRequestError.of_field("structures", "is empty")
    if chunk.n_structures > limit:
        raise InvalidRequestError.of_field("structures", f"has {chunk.n_structures} structures, at most {limit} go")


def check_coverage(coverage: float) -> None:
    """Raises InvalidRequestError unless 0 (the default) or from 0.5 to 0.99."""
    if coverage != 0 and not MIN_COVERAGE <= coverage <= MAX_COVERAGE:
        description = f"is {coverage:g}; it goes from {MIN_COVERAGE} to {MAX_COVERAGE}, 0 means {DEFAULT_COVERAGE}"
        raise InvalidRequestError.of_field("options.coverage", description)


def check_page_size(page_size: int) -> None:
    """Raises InvalidRequestError above 100."""
    if page_size > MAX_PAGE_SIZE:
        raise InvalidRequestError.of_field("page_size", f"is {page_size}, at most {MAX_PAGE_SIZE} go")


def check_nearest(n_nearest: int) -> None:
    """Raises InvalidRequestError above 20."""
    if n_nearest > MAX_NEAREST:
        raise InvalidRequestError.of_field("n_nearest", f"is {n_nearest}, at most {MAX_NEAREST} go")
