"""Progress of a fine-tune job on stderr: a bar on a terminal, a line every two seconds elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from epitaxy.cli.wording import duration_text
from epitaxy.client import JobEvent

_SECONDS_A_LINE = 2.0
# Wide enough for the longest state, so that the bar does not jump.
_STATE_WIDTH = 10


@contextmanager
def show_job(console: Console) -> Iterator[Callable[[JobEvent], None]]:
    """Shows events as they arrive: the stage, the share of its work that is done, and the time left of the job."""
    if not console.is_terminal:
        yield _Lines(console).tell
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[note]}"),
    )  # fmt: skip
    with Progress(*columns, console=console) as progress:
        yield _Bar(progress).tell


class _Bar:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("pending".ljust(_STATE_WIDTH), total=1.0, note="")

    def tell(self, event: JobEvent) -> None:
        description = event.state.lower().ljust(_STATE_WIDTH)
        # rich reads a column's text as markup.
        note = escape(_note(event))
        self._progress.update(self._task, description=description, completed=event.progress.fraction, note=note)


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._state, self._told = "", 0.0

    def tell(self, event: JobEvent) -> None:
        now = time.monotonic()
        if event.state == self._state and now - self._told < _SECONDS_A_LINE:
            return
        self._state, self._told = event.state, now
        note = _note(event)
        line = f"{event.state.lower():<{_STATE_WIDTH}} {event.progress.fraction:>4.0%}{f'  {note}' if note else ''}"
        self._console.print(line, soft_wrap=True)


def _note(event: JobEvent) -> str:
    left = event.progress.remaining_seconds
    parts = [event.progress.message, f"{duration_text(left)} left" if left else ""]
    return ", ".join(part for part in parts if part)
