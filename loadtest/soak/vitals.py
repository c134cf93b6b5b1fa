"""What the processes of a stack hold, and what it keeps on disk, looked at again and again. Linux only, from /proc."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadtest.harm import part_of
from loadtest.processes import descendants, resident_mib_of
from loadtest.spread import slope

# What grows by design: one more job is one more job.
DURABLE = frozenset({"finetune", "registry", "campaigns"})
_MIB = 2**20
# A process loads and fills its caches at first.
_SETTLED_AFTER_SECONDS = 150.0
_FEWEST_SECONDS = 120.0
_FEWEST_LOOKS = 6
_SHARE, _MOST_MIB, _MOST_DESCRIPTORS, _MOST_DISK_MIB = 0.10, 16.0, 8.0, 48.0


@dataclass(slots=True)
class Life:
    """One process: what it held at each look."""

    pid: int
    part: str
    at: list[float] = field(default_factory=list)
    mib: list[float] = field(default_factory=list)
    descriptors: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Growth:
    """How one thing grew while it was looked at, settled.

    Attributes:
        name: Of a process or folder.
        unit: What was counted.
        seconds: Time that it was looked at.
        level: Mean of what it held.
        grown: Slope of the least-squares line times ``seconds``.
        most: The largest growth that counts as none.
    """

    name: str
    unit: str
    seconds: float
    level: float
    grown: float
    most: float

    @property
    def is_flat(self) -> bool:
        return self.grown <= self.most

    def as_record(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "unit": self.unit,
            "minutes": round(self.seconds / 60, 1),
            "level": round(self.level, 1),
            "grown": round(self.grown, 2),
            "most": round(self.most, 2),
            "is_flat": self.is_flat,
        }


def growth_of(name: str, unit: str, at: Sequence[float], held: Sequence[float], allowance: float) -> Growth:
    """Growth over these looks: a tenth of the level is none, nor is the allowance."""
    level, seconds = sum(held) / len(held), at[-1] - at[0]
    return Growth(name, unit, seconds, level, slope(at, held) * seconds, max(_SHARE * level, allowance))


class Vitals:
    """Lives of all processes below one, and the sizes of folders."""

    def __init__(self, root: int, folders: Sequence[Path]) -> None:
        """``folders`` are looked at whole, but for what is durable in them."""
        self._root, self._folders = root, folders
        self._lives: dict[int, Life] = {}
        self._disk_at: list[float] = []
        self._disk: list[float] = []
        self._durable: list[float] = []

    def look(self, at: float) -> None:
        """Notes everything as it is ``at`` seconds from the beginning."""
        for pid in descendants(self._root):
            with suppress(OSError):
                self._look_at(pid, at)
        sizes = [_sizes(folder) for folder in self._folders]
        self._disk_at.append(at)
        self._disk.append(sum(passing for passing, _ in sizes))
        self._durable.append(sum(durable for _, durable in sizes))

    def growths(self) -> list[Growth]:
        """Of every process that lived long enough to tell, and of the disk."""
        found = []
        for life in self._lives.values():
            settled = [row for row, at in enumerate(life.at) if at >= life.at[0] + _SETTLED_AFTER_SECONDS]
            if len(settled) < _FEWEST_LOOKS or life.at[settled[-1]] - life.at[settled[0]] < _FEWEST_SECONDS:
                continue
            at, name = [life.at[row] for row in settled], f"{life.part} {life.pid}"
            found.append(growth_of(name, "MiB", at, [life.mib[row] for row in settled], _MOST_MIB))
            descriptors = [life.descriptors[row] for row in settled]
            found.append(growth_of(name, "descriptors", at, descriptors, _MOST_DESCRIPTORS))
        if len(self._disk) >= _FEWEST_LOOKS:
            half = len(self._disk) // 2
            at, held = self._disk_at[half:], self._disk[half:]
            found.append(growth_of("disk beside jobs, models and campaigns", "MiB", at, held, _MOST_DISK_MIB))
        return found

    def as_record(self) -> dict[str, Any]:
        return {
            "processes": [
                {"pid": life.pid, "part": life.part, "at": life.at, "mib": life.mib, "descriptors": life.descriptors}
                for life in self._lives.values()
                if len(life.at) > 1
            ],
            "disk": {"at": self._disk_at, "mib": self._disk, "durable_mib": self._durable},
        }

    def _look_at(self, pid: int, at: float) -> None:
        process = Path(f"/proc/{pid}")
        command = (process / "cmdline").read_bytes()
        if not command:
            return
        mib = resident_mib_of(pid)
        descriptors = len(list((process / "fd").iterdir()))
        name = "supervisor" if pid == self._root else part_of(command) or "other"
        life = self._lives.get(pid)
        # Ray names its workers by what they do at the moment; a number may be another process's by now.
        if life is None or (life.part != name and "worker" not in (life.part, name)):
            life = self._lives[pid] = Life(pid, name)
        life.at.append(round(at, 1))
        life.mib.append(round(mib, 1))
        life.descriptors.append(descriptors)


def _sizes(folder: Path) -> tuple[float, float]:
    """MiB that take room in a folder: what is not durable, and what is."""
    passing = durable = 0.0
    for path in folder.rglob("*"):
        with suppress(OSError):
            if path.is_file() and not path.is_symlink():
                mib = path.stat().st_blocks * 512 / _MIB
                if path.relative_to(folder).parts[0] in DURABLE:
                    durable += mib
                else:
                    passing += mib
    return passing, durable
