"""The summary of a screening: inputs counted by outcome, from the rows of its table."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from epitaxy.cli import exit_codes
from epitaxy.cli.wording import duration_text
from epitaxy.client.results import ItemError
from epitaxy.client.screening.column_counts import counts_of
from epitaxy.client.screening.columns import FAILED, ScreenColumns
from epitaxy.client.screening.repeats import IdTally
from epitaxy.client.screening.rows import COLUMNS, Row


class OutcomeTally:
    """Counts inputs, not rows: an input has one row per property.

    Attributes:
        errors: Why inputs have no answer, by their position in the input; the first alone unless all are kept.
    """

    def __init__(self, *, keeps_errors: bool = True) -> None:
        """``keeps_errors`` False: of ten million inputs as many may be refused, and nobody asks for them again."""
        self._keeps_errors = keeps_errors
        self.n_answered = 0
        self.n_cache_hits = 0
        self.errors: dict[int, ItemError] = {}
        self._n_inputs = 0
        self._ids = IdTally()
        self._reviews: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._repairs: Counter[str] = Counter()
        self._notes: Counter[str] = Counter()

    def see(self, rows: Sequence[Row], *, is_final: bool) -> None:
        """Counts the input that these rows answer."""
        reason = rows[0][_REASON] if rows else None
        index, self._n_inputs = self._n_inputs, self._n_inputs + 1
        if rows:
            self._ids.add(str(rows[0][_ID]))
        if reason is not None:
            (self._refused if is_final else self._failed)[str(reason)] += 1
            self.note_error(index, ItemError(str(reason), str(rows[0][_MESSAGE] or "")))
            return
        self.n_answered += 1
        self.n_cache_hits += bool(rows and rows[0][_CACHE_HIT])
        if rows and rows[0][_REVIEW] in _HELD_BACK:
            self._reviews[str(rows[0][_REVIEW])] += 1
        if rows:
            self._repairs.update(_codes_in(rows[0][_REPAIRS]))
            self._notes.update(_codes_in(rows[0][_NOTES]))

    def add(self, answers: ScreenColumns) -> None:
        """Counts these answers; ``errors`` is not filled."""
        counts = counts_of(answers)
        self.add_ids(answers.ids)
        failed = Counter(
            answers.texts[code] or "UNKNOWN"
            for row, code in zip(answers.errors.rows.tolist(), answers.errors.codes.tolist(), strict=True)
            if answers.outcomes[row] == FAILED
        )
        self.add_counts(
            {
                "answered": counts.outcomes.get("answered", 0),
                "cache_hits": counts.cache_hits,
                "reviews": {name: number for name, number in counts.review_verdicts.items() if name in _HELD_BACK},
                "refused": Counter(counts.reasons) - failed,
                "failed": failed,
                "repairs": counts.repairs,
                "notes": counts.notes,
            }
        )

    def note_error(self, index: int, error: ItemError) -> bool:
        """Keeps why an input has no answer; False if further ones need not be told."""
        if self._keeps_errors or not self.errors:
            self.errors[index] = error
        return self._keeps_errors

    def add_ids(self, ids: Sequence[str]) -> None:
        """Notes ids of inputs, to tell of repeated ones."""
        self._ids.add_all(ids)

    def add_counts(self, counts: Mapping[str, Any]) -> None:
        """Adds what ``counts`` of another tally returned."""
        self.n_answered += counts["answered"]
        self.n_cache_hits += counts["cache_hits"]
        for name, counter in self._counters().items():
            counter.update(counts[name])

    def counts(self) -> dict[str, Any]:
        """All counts, for ``add_counts``."""
        counters = {name: dict(counter) for name, counter in self._counters().items()}
        return {"answered": self.n_answered, "cache_hits": self.n_cache_hits, **counters}

    def _counters(self) -> dict[str, Counter[str]]:
        return {
            "reviews": self._reviews,
            "refused": self._refused,
            "failed": self._failed,
            "repairs": self._repairs,
            "notes": self._notes,
        }

    @property
    def remarks(self) -> list[str]:
        """What the summary tells of the inputs as a whole: repeated ids."""
        sentence = self._ids.sentence()
        return [sentence] if sentence else []

    @property
    def exit_code(self) -> int:
        """0 if every input was answered."""
        has_all = not self._refused and not self._failed
        return exit_codes.ALL_ANSWERED if has_all else exit_codes.SOME_REFUSED

    def print(self, console: Console, n_screened: int, screening_seconds: float, elapsed_seconds: float) -> None:
        """Prints the outcomes, then the time.

        Args:
            console: Console to print to.
            n_screened: Structures screened by this run, without those of a run that it resumes.
            screening_seconds: Time from the first structure read to the last answer kept.
            elapsed_seconds: Time of the whole run, including the writing of the table.
        """
        console.print(f"answered  {self.n_answered} ({self.n_cache_hits} cache hits)")
        for verdict, what in _HELD_BACK.items():
            if self._reviews[verdict]:
                console.print(f"  {self._reviews[verdict]:>7} {what}")
        for title, found in (("repaired", self._repairs), ("noted", self._notes)):
            if found:
                self._print_kinds(console, f"{title} (see column {_COLUMN_OF[title]})", found)
        self._print_reasons(console, "refused", self._refused)
        if self.errors and not self.n_answered:
            # Nothing was answered: one mistake, such as the name of a column, is behind it most of the time.
            console.print(f"  the first: {next(iter(self.errors.values())).message}", soft_wrap=True)
        self._print_reasons(console, "failed", self._failed)
        rate = n_screened / screening_seconds if screening_seconds > 0 else 0.0
        screening = f"screening {duration_text(screening_seconds)}, {rate:,.0f} structures/s"
        console.print(f"elapsed   {duration_text(elapsed_seconds)} ({screening})")

    def _print_reasons(self, console: Console, title: str, reasons: Counter[str]) -> None:
        self._print_kinds(console, f"{title:<9} {reasons.total()}", reasons)

    def _print_kinds(self, console: Console, head: str, kinds: Counter[str]) -> None:
        console.print(head)
        for kind, number in kinds.most_common():
            console.print(f"  {number:>7} {kind}")


def _codes_in(cell: object) -> set[str]:
    """The codes of a cell ``CODE: message; CODE: message``; messages hold no such codes themselves."""
    return set(_CODE.findall(cell)) if isinstance(cell, str) else set()


_HELD_BACK = {
    "REVIEW": "need review (see column review_reason)",
    "REJECT": "rejected by the model's review policy",
}
_COLUMN_OF = {"repaired": "repairs", "noted": "notes"}
_CODE = re.compile(r"(?:^|; )([A-Z0-9]+_[A-Z0-9_]+): ")
_REVIEW = COLUMNS.index("review")
_REPAIRS, _NOTES = COLUMNS.index("repairs"), COLUMNS.index("notes")
_ID, _MESSAGE = COLUMNS.index("id"), COLUMNS.index("error_message")
_REASON, _CACHE_HIT = COLUMNS.index("error_reason"), COLUMNS.index("cache_hit")
