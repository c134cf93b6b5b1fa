"""Progress of a screening on stderr: a bar on a terminal, a line every two seconds elsewhere."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from epitaxy.cli.waiting import show_waiting
from epitaxy.cli.wording import duration_text

_SECONDS_A_LINE = 2.0


class ProgressReport(Protocol):
    """Receives the progress of a screening."""

    def advance(self, n_structures: int) -> None:
        """Reports that this many more structures are done."""


@contextmanager
def show_progress(console: Console, total: int, n_done: int) -> Iterator[ProgressReport]:
    """Shows progress from ``n_done`` of ``total`` structures. The rate counts only structures of this run."""
    if not console.is_terminal:
        with show_waiting("awaiting the first answers") as has_answered:
            yield _Lines(console, total, n_done, has_answered)
        return
    columns = (TextColumn("screening"), BarColumn(), MofNCompleteColumn(), _RateColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        yield _Bar(progress, total, n_done)


class _Bar:
    def __init__(self, progress: Progress, total: int, n_done: int) -> None:
        self._progress = progress
        self._task = progress.add_task("screening", total=total, completed=n_done)

    def advance(self, n_structures: int) -> None:
        self._progress.advance(self._task, n_structures)


class _RateColumn(TextColumn):
    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.0f}/s" if speed else "")


class _Lines:
    def __init__(self, console: Console, total: int, n_done: int, has_answered: threading.Event) -> None:
        self._console, self._has_answered = console, has_answered
        self._total = total
        self._n_done = n_done
        self._n_before = n_done
        self._began = self._told = time.monotonic()

    def advance(self, n_structures: int) -> None:
        self._has_answered.set()
        self._n_done += n_structures
        now = time.monotonic()
        if now - self._told >= _SECONDS_A_LINE:
            self._told = now
            self._tell((self._n_done - self._n_before) / (now - self._began))

    def _tell(self, rate: float) -> None:
        if self._n_done > self._total:  # a CSV file of structures is not counted before it is read
            self._console.print(f"screened {self._n_done}, {rate:.0f}/s")
            return
        left = duration_text((self._total - self._n_done) / rate)
        self._console.print(f"screened {self._n_done} of {self._total}, {rate:.0f}/s, {left} left")
