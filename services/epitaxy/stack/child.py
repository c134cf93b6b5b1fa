"""One process of the stack, in a session of its own."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from epitaxy.stack.reaper import Reaper
from epitaxy.stack.sessions import kill_session

_TAIL_BYTES = 4000


@dataclass(frozen=True, slots=True)
class Command:
    """How a child is started.

    Attributes:
        name: What the operator reads.
        arguments: Program and arguments.
        log: Takes stdout and stderr, appended.
        environment: Added to this process's own.
        inherited: File descriptors that the child keeps.
        stdin: A pipe that the child can read; without it, nothing.
    """

    name: str
    arguments: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    inherited: Sequence[int] = ()
    stdin: bool = False


class Child:
    """A started command. Ctrl-C in the terminal does not reach it: only the supervisor stops it."""

    def __init__(self, command: Command, reaper: Reaper) -> None:
        self.command = command
        self._reaper = reaper
        with command.log.open("ab") as log:
            self.process = subprocess.Popen(
                command.arguments,
                stdin=subprocess.PIPE if command.stdin else subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **command.environment},
                pass_fds=command.inherited,
                start_new_session=True,
            )
        reaper.watch(self.pid)

    @property
    def pid(self) -> int:
        """Process id, which is also the id of its session."""
        return self.process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for the signal that killed it."""
        return self.process.poll()

    def stop(self, grace_seconds: float) -> None:
        """Terminates the child, waits, then kills every process of its session."""
        if self.exit_code is None and grace_seconds > 0:
            with suppress(ProcessLookupError):
                self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(grace_seconds)
        kill_session(self.pid)
        self.process.wait()
        self._reaper.release(self.pid)

    def last_words(self) -> str:
        """The last non-empty line of the log."""
        lines = [line.strip() for line in _tail(self.command.log).splitlines()]
        return next((line for line in reversed(lines) if line), "it wrote nothing")


def _tail(path: Path) -> str:
    with suppress(OSError), path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        return log.read().decode(errors="replace")
    return ""
