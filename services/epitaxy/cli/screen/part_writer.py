"""Answers as they come into parts of consecutive inputs: memory holds the answers of one part."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from epitaxy.cli.screen.outcome import OutcomeTally
from epitaxy.cli.screen.parts import Part, PartFolder
from epitaxy.client.screening.column_table import arrow_table
from epitaxy.client.screening.columns import ANSWERED, FAILED, ScreenColumns

STRUCTURES_A_PART = 50_000
# On a slow server a part is closed after so long: that much of a killed run is asked for again.
SECONDS_A_PART = 60.0
# Answers come nearly in order: after a vain look for a whole part, so many more are awaited, or an eighth of a part.
_MORE = 4_096


@dataclass(frozen=True, slots=True)
class _Span:
    """Inputs without an answer: those of a part to be written anew, or, without an end, all after the last part."""

    number: int
    start: int
    end: int | None = None


class PartWriter:
    """Writes parts as soon as all answers to their inputs are there."""

    def __init__(
        self,
        folder: PartFolder,
        structures_a_part: int = STRUCTURES_A_PART,
        seconds_a_part: float = SECONDS_A_PART,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Awaits what ``folder`` lacks: answers to its parts with passing faults, then to all inputs after the last."""
        self._folder, self._size, self._patience, self._clock = folder, structures_a_part, seconds_a_part, clock
        parts = folder.parts
        self._spans = deque(_Span(part.number, part.start, part.end) for part in parts if part.n_failed)
        self._spans.append(_Span(parts[-1].number + 1 if parts else 0, folder.end))
        self._awaited = [(span.start, span.end) for span in self._spans]
        self._pending: list[ScreenColumns] = []
        self._n_pending, self._look_at = 0, structures_a_part
        self._written_at = clock()

    @property
    def n_answers(self) -> int:
        """Inputs of earlier runs that are not asked for again."""
        return self._folder.end - sum(end - start for start, end in self._awaited if end is not None)

    def __contains__(self, index: int) -> bool:
        """Whether an input needs no answer."""
        return not any(start <= index and (end is None or index < end) for start, end in self._awaited)

    def append(self, answers: ScreenColumns) -> None:
        """Takes some answers, and writes the parts that they complete."""
        self._pending.append(answers)
        self._n_pending += len(answers)
        is_late = self._clock() - self._written_at > self._patience
        if self._n_pending >= self._look_at or is_late:
            self._write_whole_parts(is_late=is_late)

    def flush(self) -> None:
        """Writes what can be written of the answers so far."""
        self._write_whole_parts(is_late=True)

    def finish(self) -> None:
        """Writes what is left; every answer is there. Of no inputs at all, a part without rows."""
        self._write_whole_parts(is_late=True)
        if not self._folder.parts:
            self._folder.write(Part(0, 0, 0, 0, OutcomeTally().counts()), arrow_table([]))

    def _write_whole_parts(self, *, is_late: bool) -> None:
        while self._pending and self._write_part(is_late=is_late):
            pass
        more = min(_MORE, max(self._size // 8, 1))
        self._look_at = max(self._n_pending + more, self._size if self._spans[0].end is None else 0)
        self._written_at = self._clock()

    def _write_part(self, *, is_late: bool) -> bool:
        """Writes the next part if its answers are there; True if another may be written after it."""
        span = self._spans[0]
        indices = np.sort(np.concatenate([block.indices for block in self._pending]))
        # The first gap ends the run of answers.
        n_ready = int(np.flatnonzero(np.append(indices, -1) != np.arange(span.start, span.start + len(indices) + 1))[0])
        wanted = self._size if span.end is None else span.end - span.start
        is_whole = n_ready >= wanted
        if not n_ready or not (is_whole or (is_late and span.end is None)):
            return False
        self._write(span, span.start + min(n_ready, wanted))
        return True

    def _write(self, span: _Span, end: int) -> None:
        ready = [_below(block, end) for block in self._pending]
        rest = [block.take(np.flatnonzero(block.indices >= end)) for block in self._pending]
        self._pending = [block for block in rest if len(block)]
        self._n_pending = sum(map(len, self._pending))
        answers = [block for block in ready if len(block)]
        table, tally = arrow_table(answers), OutcomeTally()
        for block in answers:
            tally.add(block)
        errors = sorted(error for block in answers for error in _errors(block))
        n_failed = sum(int((block.outcomes == FAILED).sum()) for block in answers)
        part = Part(span.number, span.start, end, table.num_rows, tally.counts(), tuple(errors), n_failed)
        self._folder.write(part, table)
        self._spans.popleft()
        if span.end is None:
            self._spans.append(_Span(span.number + 1, end))


def _below(block: ScreenColumns, end: int) -> ScreenColumns:
    rows = np.flatnonzero(block.indices < end)
    return block if len(rows) == len(block) else block.take(rows)


def _errors(block: ScreenColumns) -> Iterator[tuple[int, str, str]]:
    if (block.outcomes == ANSWERED).all():
        return
    for row, [(reason, message)] in block.errors.by_row(block.texts).items():
        yield int(block.indices[row]), reason or "UNKNOWN", message
