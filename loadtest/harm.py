"""Harm to a running stack: which process each part is, and how it is killed or stopped for a while."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from loadtest.processes import descendants

# What a command line holds, by part. Ray's own titles and paths, and the modules of this product. The raylet has two
# agents, dies with either, and both change their titles once they are up.
PARTS: Mapping[str, tuple[bytes, ...]] = {
    "gateway": (b"epitaxy.gateway",),
    "proxy": (b"ray::ProxyActor",),
    "intake": (b"ray::ServeReplica:prediction:intake",),
    "ensemble": (b"ray::ServeReplica:prediction:ensemble",),
    "explainer": (b"ray::ServeReplica:prediction:explainer",),
    "controller": (b"ray::ServeController",),
    "redis": (b"redis-server",),
    "finetune": (b"epitaxy.finetune",),
    "campaigns": (b"epitaxy.campaigns",),
    "gcs": (b"gcs_server",),
    "raylet": (b"raylet/raylet",),
    "agent": (b"dashboard/agent.py", b"ray::DashboardAgent", b"runtime_env/agent", b"ray::RuntimeEnvAgent"),
    "driver": (b"epitaxy.stack.driver",),
}
# Whatever else Ray runs: workers of jobs and of pools of candidates.
WORKER = "worker"
_WORKER_MARK = b"ray::"
# The loss of one of these costs the whole of Ray, which a stack survives once in ten minutes, as it promises.
CORE = frozenset({"gcs", "raylet", "agent", "driver"})
CORE_PAUSE_SECONDS = 660.0


class How(StrEnum):
    """What is done to a process."""

    KILL = "kill"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Blow:
    """One act of harm.

    Attributes:
        at: Seconds from the beginning of the run.
        seconds: How long the process stood still; 0 where it was killed.
    """

    at: float
    part: str
    pid: int
    how: How
    seconds: float = 0.0

    def as_record(self) -> dict[str, Any]:
        return asdict(self)


def part_of(command_line: bytes) -> str:
    """Name of the part, of Ray's further workers ``worker``; empty for what is not to be harmed.

    The stack's first process and its reaper are not: their end is the end of the stack.
    """
    for name, marks in PARTS.items():
        if any(mark in command_line for mark in marks):
            return name
    return WORKER if command_line.startswith(_WORKER_MARK) else ""


def pids_by_part(root: int) -> dict[str, list[int]]:
    """Processes of a stack that may be harmed."""
    found: dict[str, list[int]] = {}
    for pid in descendants(root):
        with suppress(OSError):
            if part := part_of(Path(f"/proc/{pid}/cmdline").read_bytes()):
                found.setdefault(part, []).append(pid)
    return found


def kill(pid: int) -> None:
    """Kills a process, if it still is."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def stop_for(pid: int, seconds: float, sleep: Callable[[float], object] = time.sleep) -> None:
    """Lets a process stand still, whatever happens meanwhile."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        try:
            sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)


@dataclass(frozen=True, slots=True)
class Plan:
    """The next act: after a pause, to a part, and how long it stands still (0: it is killed)."""

    pause: float
    part: str
    place: float
    seconds: float

    def target(self, pids: Mapping[str, list[int]]) -> tuple[str, int] | None:
        """Part and process it falls on: another than the planned one if that is not there just now; None if none is."""
        others = [(part, pid) for part in sorted(pids) for pid in pids[part] if part not in CORE]
        there = [(self.part, pid) for pid in sorted(pids.get(self.part, ()))] or others
        return there[int(self.place * len(there))] if there else None


def plans(seed: int, shortest_pause: float, longest_pause: float, longest_stop: float = 8.0) -> Iterator[Plan]:
    """Acts without end; every second part of Ray's core is struck no sooner than the stack promises to survive it."""
    drawn = random.Random(seed)
    names, elapsed, core_at = [*PARTS, WORKER], 0.0, -CORE_PAUSE_SECONDS / 2
    while True:
        pause = drawn.uniform(shortest_pause, longest_pause)
        part, place, is_kill = drawn.choice(names), drawn.random(), drawn.random() < 0.6
        seconds = 0.0 if is_kill else drawn.uniform(1.0, longest_stop)
        elapsed += pause + seconds
        if part in CORE:
            if elapsed - core_at < CORE_PAUSE_SECONDS:
                part = drawn.choice([name for name in names if name not in CORE])
            else:
                core_at = elapsed
        yield Plan(pause, part, place, seconds)
