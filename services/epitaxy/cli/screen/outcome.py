"""The summary of a screening: inputs counted by outcome, from the rows of its table."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Console

from epitaxy.cli import exit_codes
from epitaxy.cli.wording import duration_text
from epitaxy.client.screening.rows import COLUMNS, Row


class OutcomeTally:
    """Counts inputs, not rows: an input has one row per property."""

    def __init__(self) -> None:
        self.n_answered = 0
        self.n_cache_hits = 0
        self._reviews: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()

    def see(self, rows: Sequence[Row], *, is_final: bool) -> None:
        """Counts the input that these rows answer."""
        reason = rows[0][_REASON] if rows else None
        if reason is not None:
            (self._refused if is_final else self._failed)[str(reason)] += 1
            return
        self.n_answered += 1
        self.n_cache_hits += bool(rows and rows[0][_CACHE_HIT])
        if rows and rows[0][_REVIEW] in _HELD_BACK:
            self._reviews[str(rows[0][_REVIEW])] += 1

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
        self._print_reasons(console, "refused", self._refused)
        self._print_reasons(console, "failed", self._failed)
        rate = n_screened / screening_seconds if screening_seconds > 0 else 0.0
        screening = f"screening {duration_text(screening_seconds)}, {rate:,.0f} structures/s"
        console.print(f"elapsed   {duration_text(elapsed_seconds)} ({screening})")

    def _print_reasons(self, console: Console, title: str, reasons: Counter[str]) -> None:
        console.print(f"{title:<9} {reasons.total()}")
        for reason, number in reasons.most_common():
            console.print(f"  {number:>7} {reason}")


_HELD_BACK = {
    "REVIEW": "need review (see column review_reason)",
    "REJECT": "rejected by the model's review policy",
}
_REVIEW = COLUMNS.index("review")
_REASON, _CACHE_HIT = COLUMNS.index("error_reason"), COLUMNS.index("cache_hit")
