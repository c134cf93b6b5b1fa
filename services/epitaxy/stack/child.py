"""One process of the stack, in a session of its own."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

_PR_SET_PDEATHSIG = 1
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

    def __init__(self, command: Command) -> None:
        self.command = command
        with command.log.open("ab") as log:
            parent = os.getpid()
            self.process = subprocess.Popen(
                command.arguments,
                stdin=subprocess.PIPE if command.stdin else subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **command.environment},
                pass_fds=command.inherited,
                start_new_session=True,
                # Python 3.11 has no other way to reach prctl between fork and exec; it takes no lock.
                preexec_fn=lambda: _die_with(parent),  # noqa: PLW1509
            )

    @property
    def pid(self) -> int:
        """Process id, which is also the id of its session."""
        return self.process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for the signal that killed it."""
        return self.process.poll()

    def stop(self, grace_seconds: float) -> None:
        """Asks, waits, then kills it and every process of its session."""
        if self.exit_code is None and grace_seconds > 0:
            with suppress(ProcessLookupError):
                self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(grace_seconds)
        kill_session(self.pid)
        self.process.wait()

    def last_words(self) -> str:
        """The last line of the log that is not empty."""
        lines = [line.strip() for line in _tail(self.command.log).splitlines()]
        return next((line for line in reversed(lines) if line), "it wrote nothing")


def kill_session(session: int, patience_seconds: float = 5.0) -> None:
    """Kills every process of a session and returns when none is left.

    Killing the process group is not enough: Ray gives every worker a group of its own.
    """
    limit = time.monotonic() + patience_seconds
    while members := list(_members(session)):
        # Again until it is empty: a process can be born while this loop reads the table.
        for pid in members:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > limit:
            return
        time.sleep(0.02)


def _members(session: int) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        with suppress(OSError, IndexError):
            # "pid (name) state ppid pgrp session": the name can hold anything, so split after its bracket.
            state, _, _, owner = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(owner) == session and state != "Z":
                yield int(entry.name)


def _die_with(parent: int) -> None:
    """Between fork and exec: the kernel kills this process when its parent dies, SIGKILL included."""
    if sys.platform != "linux":
        return
    _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def _tail(path: Path) -> str:
    with suppress(OSError), path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        return log.read().decode(errors="replace")
    return ""
