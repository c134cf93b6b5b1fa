"""One process of the stack, in a session of its own."""

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from epitaxy.stack.reaper import Reaper
from epitaxy.stack.sessions import kill_session

_TAIL_BYTES = 4000
_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Warning|Exit)(:|$)")


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
        with _open_log(command.log) as log:
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
        """The last error in the log; its last line if there is none, or if a signal killed the child."""
        lines = [line.strip() for line in _tail(self.command.log).splitlines() if line.strip()]
        last = lines[-1] if lines else "it wrote nothing"
        if (self.exit_code or 0) < 0:
            return last
        return next((error for line in reversed(lines) if (error := _error_in(line))), last)


def _open_log(path: Path) -> BinaryIO:
    """The log, to append to; nowhere if it cannot be made, because a full disk is no reason not to start."""
    try:
        return path.open("ab")
    except OSError:
        return Path(os.devnull).open("ab")


def _error_in(line: str) -> str:
    """What a line says of an error: the last line of a traceback, or a JSON line of that level; else nothing."""
    if _EXCEPTION.match(line):
        return line
    try:
        record = json.loads(line)
    except ValueError:
        return ""
    if not isinstance(record, dict) or record.get("level") not in ("ERROR", "CRITICAL"):
        return ""
    trace = str(record.get("exception", "")).splitlines()
    return ": ".join(filter(None, (str(record.get("message", "")), trace[-1] if trace else "")))


def _tail(path: Path) -> str:
    with suppress(OSError), path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        return log.read().decode(errors="replace")
    return ""
