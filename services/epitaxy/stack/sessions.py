"""Process sessions, as the kernel's table has them."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def kill_session(session: int, patience_seconds: float = 5.0) -> None:
    """Kills every process of a session and returns when none is left.

    Killing the process group is not enough: Ray gives every worker a group of its own.
    """
    limit = time.monotonic() + patience_seconds
    while members := list(session_members(session)):
        # Again until it is empty: a process can be born while this loop reads the table.
        for pid in members:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > limit:
            return
        time.sleep(0.02)


def session_members(session: int) -> Iterator[int]:
    """Process ids of a session, without zombies."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        with suppress(OSError, IndexError, ValueError):
            # "pid (name) state ppid pgrp session": the name can hold anything, so split after its bracket.
            state, _, _, owner = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(owner) == session and state != "Z":
                yield int(entry.name)
