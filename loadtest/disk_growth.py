"""Disk of a month: ``python -m loadtest.disk_growth [--minutes 5] [--every 2]``.

Starts ``epitaxy serve``, sends a small screen every few seconds, and looks at the size of each part of its folder.
What grows is extrapolated to 30 days by the slope of the second half of the run, after what is written once at the
start. Logs are bounded by the stack, so that they count with their bounds where the slope leads beyond. Models, jobs
and campaigns, which grow by what tenants do, are left out.
"""

import argparse
import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from epitaxy.client import Client
from epitaxy.stack.logs import LOG_BYTES
from epitaxy.stack.ray_head import RAY_LOG_BYTES
from epitaxy_models.data.crystals import bundled_crystals
from loadtest.local_stack import LocalStack, local_stack
from loadtest.spread import slope

DAYS = 30.0
LIMIT_BYTES = 2 * 2**30
_OF_TENANTS = frozenset({"registry", "finetune", "campaigns"})
_CRYSTALS_EACH = 16
_SECONDS_BETWEEN_LOOKS = 10.0
_SERVICE_LOGS, _RAY_LOGS = "logs of services", "logs of Ray"
# Of each log: itself, and one file that was set aside.
_BOUNDS = {_SERVICE_LOGS: 2.0 * LOG_BYTES, _RAY_LOGS: 2.0 * RAY_LOG_BYTES}


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the folder.

    Attributes:
        name: What it is.
        n_bytes: Size at the end of the run.
        bytes_per_day: Slope over its second half, of what grows.
        bytes_after: Size after 30 days of the same load.
    """

    name: str
    n_bytes: float
    bytes_per_day: float
    bytes_after: float


def parts_of(looks: Sequence[tuple[float, Mapping[Path, int]]], days: float = DAYS) -> list[Part]:
    """The parts, by seconds and sizes of files at all looks. A log grows to the bound that the stack keeps it under."""
    second_half = looks[len(looks) // 2 :]
    seconds = [at for at, _ in second_half]
    sums: dict[str, list[float]] = {}
    for path, n_bytes in looks[-1][1].items():
        name = _part_of(path)
        if not name:
            continue
        sizes = [sizes.get(path, 0) for _, sizes in second_half]
        per_day = max(0.0, slope(seconds, sizes)) * 86_400
        after = min(n_bytes + per_day * days, max(float(n_bytes), _BOUNDS.get(name, math.inf)))
        total = sums.setdefault(name, [0.0, 0.0, 0.0])
        for at, value in enumerate((n_bytes, per_day, after)):
            total[at] += value
    return [Part(name, *totals) for name, totals in sorted(sums.items())]


def _part_of(path: Path) -> str:
    if path.parts[0] in _OF_TENANTS:
        return ""
    if path.parts[0] == "logs":
        return _SERVICE_LOGS
    return _RAY_LOGS if "logs" in path.parts else path.parts[0]


def _files(home: Path) -> Iterator[tuple[Path, int]]:
    for path in home.rglob("*"):
        try:
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(home), path.stat().st_size
        except OSError:
            continue


def _observe(stack: LocalStack, seconds: float, every: float) -> list[tuple[float, dict[Path, int]]]:
    crystals = [crystal.structure for crystal in bundled_crystals()]
    rows = [(entry.lattice, entry.atomic_numbers, entry.frac_coords) for entry in crystals]
    began, looks, number = time.monotonic(), [], 0
    with Client(stack.target) as client:
        while (now := time.monotonic() - began) < seconds:
            chosen = [rows[(number + step) % len(rows)] for step in range(_CRYSTALS_EACH)]
            answered = sum(result.error is None for result in client.screen(chosen))
            if answered < _CRYSTALS_EACH:
                raise RuntimeError(f"{_CRYSTALS_EACH - answered} crystals were not answered")
            number += _CRYSTALS_EACH
            if not looks or now - looks[-1][0] >= _SECONDS_BETWEEN_LOOKS:
                looks.append((now, dict(_files(stack.home))))
            time.sleep(every)
    return looks


def main() -> int:
    """Measures, prints the table, and ends with 1 if a month takes more than the limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--every", type=float, default=2.0, help="seconds between two screens")
    arguments = parser.parse_args()
    with local_stack() as stack:
        looks = _observe(stack, arguments.minutes * 60, arguments.every)
    parts = parts_of(looks)
    sys.stdout.write(table(parts))
    return int(sum(part.bytes_after for part in parts) > LIMIT_BYTES)


def table(parts: Sequence[Part]) -> str:
    """The parts as rows of a Markdown table, their sum last."""
    rows = ["| part | now, MiB | per day, MiB | after 30 days, MiB |", "|---|---|---|---|"]
    everything = [(part.name, part.n_bytes, part.bytes_per_day, part.bytes_after) for part in parts]
    totals = [sum(column) for column in zip(*(numbers for _, *numbers in everything), strict=True)]
    for name, *numbers in [*everything, ("all", *totals)]:
        rows.append(f"| {name} | {' | '.join(f'{number / 2**20:,.1f}' for number in numbers)} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.exit(main())
