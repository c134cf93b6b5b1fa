"""Counts of a screening, kept by the client: they hold across reconnects, the server's do not."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from epitaxy.client.inputs.reading_log import ReadingLog
from epitaxy.client.results import ScreenResult
from epitaxy.client.screening.repeats import IdTally


@dataclass(frozen=True, slots=True)
class RunSummary:
    """Outcomes of a screening so far.

    Attributes:
        answered: Structures with a prediction.
        refused: Structures that cannot be predicted as they are.
        failed: Structures lost to a fault that a later run may not see.
        cache_hits: Answered structures whose embedding came from a cache.
        errors_by_reason: Refused and failed structures by reason, the most frequent first.
        domain_verdicts: Answered structures by domain verdict, the most frequent first.
        review_verdicts: Answered structures by verdict of the review policy, the most frequent first.
        repairs: Answered structures by code of their repairs, the most frequent first; one may have several.
        notes: Answered structures by code of their notes, likewise.
        elapsed_seconds: Time since the run began.
        total: Structures in the input; None if nobody counted them.
        n_ignored: Files in folders and archives that hold no structures.
        ignored: The first of those, each with why.
        remarks: How tables were read where that is not obvious, and, once the run has ended, repeated ids.
    """

    answered: int = 0
    refused: int = 0
    failed: int = 0
    cache_hits: int = 0
    errors_by_reason: Mapping[str, int] = field(default_factory=dict)
    domain_verdicts: Mapping[str, int] = field(default_factory=dict)
    review_verdicts: Mapping[str, int] = field(default_factory=dict)
    repairs: Mapping[str, int] = field(default_factory=dict)
    notes: Mapping[str, int] = field(default_factory=dict)
    elapsed_seconds: float = 0.0
    total: int | None = None
    n_ignored: int = 0
    ignored: tuple[tuple[str, str], ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def n_done(self) -> int:
        """Structures with an outcome."""
        return self.answered + self.refused + self.failed

    @property
    def fraction(self) -> float | None:
        """Part of the input that has an outcome, 0 to 1; None if nobody counted the input."""
        return min(self.n_done / self.total, 1.0) if self.total else None

    def in_words(self) -> str:
        """Progress and rate in one line: ``"60 of 120 structures, 150 per second, 2 refused"``."""
        done = f"{self.n_done} structures" if self.total is None else f"{self.n_done} of {self.total} structures"
        counts = {"refused": self.refused, "failed": self.failed}
        parts = [f"{number} {name}" for name, number in counts.items() if number]
        rate = self.structures_per_second
        return ", ".join([done, f"{rate:.0f} per second" if rate >= 10 else f"{rate:.2g} per second", *parts])

    @property
    def structures_per_second(self) -> float:
        """Mean rate since the run began."""
        return self.n_done / self.elapsed_seconds if self.elapsed_seconds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class BlockCounts:
    """Some answers counted by outcome.

    Attributes:
        ids: Ids of all structures.
        outcomes: Structures by outcome.
        cache_hits: Answered structures whose embedding came from a cache.
        reasons: Refused and failed structures by reason.
        domain_verdicts: Answered structures by domain verdict.
        review_verdicts: Answered structures by verdict of the review policy.
        repairs: Answered structures by code of their repairs.
        notes: Answered structures by code of their notes.
        first: Gives the first so many results.
    """

    ids: Sequence[str]
    outcomes: Mapping[str, int]
    cache_hits: int
    reasons: Mapping[str, int]
    domain_verdicts: Mapping[str, int]
    review_verdicts: Mapping[str, int]
    repairs: Mapping[str, int]
    notes: Mapping[str, int]
    first: Callable[[int], Sequence[ScreenResult]]


_N_FIRST = 5
ProgressCallback = Callable[[RunSummary], None]
"""Called with the running summary after every block of answers."""


class RunTally:
    """Counts results as they come.

    Attributes:
        first: The first results, for a look at them.
    """

    def __init__(self, count: Callable[[], int | None] = lambda: None, log: ReadingLog | None = None) -> None:
        self._count = count
        self._log = log if log is not None else ReadingLog()
        self.first: list[ScreenResult] = []
        self._ids = IdTally()
        self._repeats = ""
        self._total: int | None = None
        self._outcomes: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._verdicts: Counter[str] = Counter()
        self._reviews: Counter[str] = Counter()
        self._repairs: Counter[str] = Counter()
        self._notes: Counter[str] = Counter()
        self._cache_hits = 0
        self._began = time.monotonic()
        self._ended: float | None = None

    def count_inputs(self) -> None:
        """Counts the inputs, from footers and lines of files: this reads."""
        self._total = self._count()

    def add(self, result: ScreenResult) -> None:
        """Counts one result."""
        self._outcomes[result.outcome] += 1
        self._ids.add(result.id)
        if len(self.first) < _N_FIRST:
            self.first.append(result)
        if result.error is not None:
            self._reasons[result.error.reason] += 1
            return
        self._cache_hits += result.cache_hit
        self._verdicts[result.domain_verdict] += 1
        self._reviews[result.review.verdict] += 1
        self._repairs.update({repair.code for repair in result.repairs})
        self._notes.update({note.code for note in result.notes})

    def add_block(self, counts: BlockCounts) -> None:
        """Counts some answers at once."""
        self._outcomes.update(counts.outcomes)
        self._ids.add_all(counts.ids)
        if len(self.first) < _N_FIRST:
            self.first.extend(counts.first(_N_FIRST - len(self.first)))
        self._reasons.update(counts.reasons)
        self._cache_hits += counts.cache_hits
        self._verdicts.update(counts.domain_verdicts)
        self._reviews.update(counts.review_verdicts)
        self._repairs.update(counts.repairs)
        self._notes.update(counts.notes)

    def end(self) -> None:
        """Stops the clock, and looks for repeated ids."""
        self._ended = time.monotonic()
        self._repeats = self._ids.sentence()

    @property
    def summary(self) -> RunSummary:
        """The counts so far."""
        return RunSummary(
            answered=self._outcomes["answered"],
            refused=self._outcomes["refused"],
            failed=self._outcomes["failed"],
            cache_hits=self._cache_hits,
            errors_by_reason=dict(self._reasons.most_common()),
            domain_verdicts=dict(self._verdicts.most_common()),
            review_verdicts=dict(self._reviews.most_common()),
            repairs=dict(self._repairs.most_common()),
            notes=dict(self._notes.most_common()),
            elapsed_seconds=(self._ended or time.monotonic()) - self._began,
            total=self._total,
            n_ignored=self._log.n_ignored,
            ignored=tuple(self._log.ignored),
            remarks=(*self._log.notes, *([self._repeats] if self._repeats else [])),
        )
