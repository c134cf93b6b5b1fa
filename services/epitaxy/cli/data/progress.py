"""Progress over rows on stderr: a bar on a terminal, a line every two seconds elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from epitaxy.cli.wording import duration_text

_SECONDS_A_LINE = 2.0


@contextmanager
def show_rows(console: Console, verb: str, total: int | None) -> Iterator["RowReport"]:
    """Shows progress over rows; ``total`` is None if unknown."""
    if not console.is_terminal:
        yield RowReport(console, verb, total)
        return
    columns = (TextColumn(verb), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        yield _BarReport(console, verb, total, progress)


class RowReport:
    """Receives progress over rows, and prints at most one line every two seconds."""

    def __init__(self, console: Console, verb: str, total: int | None) -> None:
        self._console = console
        self._verb = verb
        self._total = total
        self._n_done = 0
        self._n_before: int | None = None
        self._began = self._told = time.monotonic()

    def advance(self) -> None:
        """Reports that one more row is done."""
        self.at(self._n_done + 1, self._total)

    def at(self, n_done: int, total: int | None) -> None:
        """Reports the number of rows done so far. The rate leaves out the rows of the first report of this run."""
        if self._n_before is None:
            self._n_before = n_done
        self._n_done, self._total = n_done, total
        self._show()

    def _show(self) -> None:
        now = time.monotonic()
        if now - self._told < _SECONDS_A_LINE:
            return
        self._told = now
        rate = (self._n_done - (self._n_before or 0)) / (now - self._began)
        of_total = f" of {self._total}" if self._total is not None else ""
        left = duration_text((self._total - self._n_done) / rate) if self._total is not None and rate > 0 else "unknown"
        self._console.print(f"{self._verb} {self._n_done}{of_total}, {rate:.0f}/s, {left} left")


class _BarReport(RowReport):
    def __init__(self, console: Console, verb: str, total: int | None, progress: Progress) -> None:
        super().__init__(console, verb, total)
        self._progress = progress
        self._task = progress.add_task(verb, total=total)

    def _show(self) -> None:
        self._progress.update(self._task, completed=self._n_done, total=self._total)
