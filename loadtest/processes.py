"""CPU time and memory of a running stack's processes, by what they do. Linux only, from /proc."""

import os
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 2**20
_ROLES = (
    ("ServeReplica:prediction:intake", "intake"),
    ("ServeReplica:prediction:ensemble", "ensemble"),
    ("epitaxy.gateway", "gateway"),
    ("redis-server", "redis"),
    ("epitaxy.finetune", "finetune"),
    ("epitaxy.campaigns", "campaigns"),
    ("ProxyActor", "proxy"),
)
_QUIET_SECONDS = 5.0
# Serve's proxy, raylet, GCS, controller and the supervisor.
_REST = "ray"


def descendants(root: int) -> list[int]:
    """Process ids below this one, and itself."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [root], [root]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def is_running(pid: int) -> bool:
    """Whether there is such a process, and it is not one whose end nobody has heard of yet."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


def role_of(command_line: str) -> str:
    return next((role for mark, role in _ROLES if mark in command_line), _REST)


def cpu_seconds(root: int) -> Counter[str]:
    """Processor time spent so far, by role."""
    spent: Counter[str] = Counter()
    for pid, role in _roles(root):
        with suppress(OSError):
            spent[role] += cpu_seconds_of(pid)
    return spent


def cpu_seconds_of(pid: int) -> float:
    """Processor time that one process has spent so far. Raises OSError where there is none."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def await_quiet(root: int, most_seconds: float) -> None:
    """Waits until this process and those below it have used a third of a core or less for some seconds."""
    limit = time.monotonic() + most_seconds
    spent = cpu_seconds(root).total()
    while time.monotonic() < limit:
        time.sleep(_QUIET_SECONDS)
        before, spent = spent, cpu_seconds(root).total()
        if spent - before < _QUIET_SECONDS / 3:
            return


def idle_seconds() -> float:
    """Time that all cores of this machine have spent with nothing to do."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()
    return (int(fields[4]) + int(fields[5])) / _TICKS


def resident_mib(root: int) -> Counter[str]:
    """Resident memory, by role."""
    held: Counter[str] = Counter()
    for pid, role in _roles(root):
        with suppress(OSError):
            held[role] += resident_mib_of(pid)
    return held


def resident_mib_of(pid: int) -> float:
    """Resident memory of one process. Raises OSError where there is none."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_MIB


def _roles(root: int) -> list[tuple[int, str]]:
    found = []
    for pid in descendants(root):
        with suppress(OSError):
            line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if line:
                found.append((pid, role_of(line)))
    return found
