"""What the operator sees on stderr while the stack starts."""

import time
from contextlib import suppress
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table

# Without a terminal to redraw: no longer than this without a word.
_HEARTBEAT_SECONDS = 5.0


@dataclass(slots=True)
class _Part:
    detail: str = ""
    seconds: float | None = None
    mark: str = ""


class Progress:
    """One line per part with its seconds, redrawn on a terminal, printed at each change elsewhere."""

    def __init__(self, console: Console, parts: tuple[str, ...]) -> None:
        self._console = console
        self._started = time.monotonic()
        self._parts = {name: _Part() for name in parts}
        self._spoke = self._started
        self._spinner = Spinner("dots")
        # Drawn by `tick`: a thread of its own would be alive across the forks that start children.
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        if self._live is not None:
            self._live.start()

    @property
    def elapsed_seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._started

    def detail(self, name: str, detail: str) -> None:
        """A part is at work on something."""
        self._parts[name].detail = detail
        self._changed(name)

    def done(self, name: str, detail: str = "up", mark: str = "✓") -> None:
        """A part is up, or is left out."""
        self._parts[name] = _Part(detail, self.elapsed_seconds, mark)
        self._changed(name)

    def tick(self) -> None:
        """Called several times a second."""
        if self._live is not None:
            self._live.update(self._table(), refresh=True)
        elif time.monotonic() - self._spoke > _HEARTBEAT_SECONDS:
            waiting = [name for name, part in self._parts.items() if part.seconds is None]
            self._print(f"waiting for {', '.join(waiting)}")

    def say(self, line: str) -> None:
        """A line that stays."""
        with suppress(OSError):  # a full disk under the standard error: the stack goes on without words
            self._console.print(line, soft_wrap=True)

    def close(self) -> None:
        """Leaves the lines as they are."""
        if self._live is not None:
            self._live.update(self._table())
            self._live.stop()
            self._live = None

    def _changed(self, name: str) -> None:
        part = self._parts[name]
        if self._live is None:
            self._print(f"{name:<11} {part.detail}")
        self.tick()

    def _print(self, line: str) -> None:
        self._spoke = time.monotonic()
        self.say(f"{self.elapsed_seconds:6.1f} s  {line}")

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 1))
        table.add_column(width=1)
        table.add_column(min_width=11)
        table.add_column(justify="right", min_width=7)
        table.add_column()
        for name, part in self._parts.items():
            seconds = self.elapsed_seconds if part.seconds is None else part.seconds
            table.add_row(part.mark or self._spinner, name, f"{seconds:.1f} s", part.detail)
        return table
