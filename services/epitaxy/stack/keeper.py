"""Keeps one child alive."""

import time

from epitaxy.stack.child import Child, Command
from epitaxy.stack.reaper import Reaper

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
# A child that lives this long has recovered.
_RECOVERED_SECONDS = 60.0


class Keeper:
    """Starts a command again when it dies, after pauses that double up to half a minute."""

    def __init__(self, command: Command, reaper: Reaper) -> None:
        self._command = command
        self._reaper = reaper
        self.child = Child(command, reaper)
        self._started = time.monotonic()
        self._pause = _FIRST_PAUSE_SECONDS
        self._due: float | None = None
        self._is_buried = False

    def died(self) -> str | None:
        """A line for the operator, once per death."""
        if self.child.exit_code is None or self._due is not None:
            return None
        now = time.monotonic()
        if now - self._started > _RECOVERED_SECONDS:
            self._pause = _FIRST_PAUSE_SECONDS
        self._due = now + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)
        return obituary(self.child)

    def revive(self) -> bool:
        """Restarts the child when the pause is over; True if it did."""
        if self._due is None or time.monotonic() < self._due:
            return False
        # Processes that the dead child left behind would hold its port.
        if not self._is_buried:
            self.child.stop(0)
            self._is_buried = True
        try:
            self.child = Child(self._command, self._reaper)
        except OSError:  # no process to be had: the machine is short of something
            self._due = time.monotonic() + self._pause
            return False
        self._started, self._due, self._is_buried = time.monotonic(), None, False
        return True


def obituary(child: Child) -> str:
    """What died, how, its last words, and where to read more."""
    code = child.exit_code
    how = f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with exit code {code}"
    return f"{child.command.name} {how}: {child.last_words()} (log: {child.command.log})"
