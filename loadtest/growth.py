"""How cost grows: ``python -m loadtest.growth [--parquet FILE] [--write-costs]``.

Through ``epitaxy serve``: atoms per cell, structures a message, replicas. In this process: members of the ensemble,
size of the nearest-neighbour index. Costs are processor time of all processes of the stack by role, which other load on
the machine moves less than wall time. Lines over the atoms are fitted on every other size and judged on the rest, and
on crystals of all sizes as they come; ``--write-costs`` ships them with the package, for ``epitaxy capacity``.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import numpy as np

from epitaxy.capacity.costs import Line, MeasuredCosts, costs_file
from epitaxy.chassis.cores import usable_cores
from epitaxy.client import Client
from epitaxy.stack.plan import replicas_by_cores
from epitaxy_models.structures import Structure
from loadtest import corpus, growth_report
from loadtest.growth_local import forward_ms, index_growth, member_growth
from loadtest.local_stack import LocalStack, local_stack
from loadtest.machine import machine_record
from loadtest.processes import cpu_seconds, idle_seconds

# Fitted on the first, third, ...; judged on the others.
_SIZES = (2, 4, 8, 14, 24, 40, 64, 100, 160, 240, 340)
_MESSAGES = (1, 4, 16, 64, 256, 512)
_WARM = 1000
# Intake, ensemble; 0: intake runs the networks. The first, on which all else is measured, is as `epitaxy serve` has it.
_REPLICAS = ((replicas_by_cores(), 0), (1, 0), (1, 1))
_INTAKE, _ENSEMBLE = "intake", "ensemble"
CLIENT = "client"


@dataclass(frozen=True, slots=True)
class Cost:
    """One screening: processor milliseconds a structure by role, the client's among them, and wall time."""

    atoms: float
    rate: float
    busy_share: float
    by_role: Counter[str]

    @property
    def server_ms(self) -> float:
        return self.by_role.total() - self.by_role[CLIENT]

    def as_record(self) -> dict[str, Any]:
        roles = {role: round(value, 4) for role, value in self.by_role.items()}
        return {
            "atoms": round(self.atoms, 1),
            "structures_per_second": round(self.rate, 1),
            "busy_share": round(self.busy_share, 3),
            "cpu_ms": roles,
        }


class Meter:
    """Screens through a running stack and reads what each process spent."""

    def __init__(self, stack: LocalStack, client: Client) -> None:
        self._stack, self._client = stack, client

    def screen(self, structures: Sequence[Structure], *, message: int = 256) -> Cost:
        inputs = corpus.named_triples(structures)
        before, own, idle = cpu_seconds(self._stack.pid), time.process_time(), idle_seconds()
        began, answered = time.perf_counter(), 0
        with self._client.screen(inputs, chunk_size=message) as run:
            for result in run:
                answered += result.error is None
        seconds = time.perf_counter() - began
        spent = cpu_seconds(self._stack.pid) - before
        spent[CLIENT] = time.process_time() - own
        by_role = Counter({role: 1e3 * value / max(answered, 1) for role, value in spent.items()})
        # Of the time that others left: what else runs here says nothing of how well the stack fills its cores.
        busy = spent.total() / max(spent.total() + idle_seconds() - idle, 1e-9)
        return Cost(float(np.mean([s.n_sites for s in structures])), answered / seconds, busy, by_role)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parquet", type=Path, help="crystals to measure on instead of the bundled ones")
    parser.add_argument("--budget", type=int, default=9000, help="atoms a measured size, which fixes its crystals")
    parser.add_argument(
        "--mix", type=int, default=600, help="crystals of all sizes for messages, replicas and the error"
    )
    parser.add_argument("--out", type=Path, default=Path("scratch/growth"))
    parser.add_argument("--write-costs", action="store_true", help="ship the fitted costs with the package")
    parser.add_argument("--write-docs", action="store_true", help="into docs/performance.md and docs/images")
    options = parser.parse_args()
    record = machine_record()
    report: dict[str, Any] = {"record": record, "replicas": []}
    report["members"], report["index"] = member_growth(options.parquet), index_growth()
    _say("members and index done")
    pool = corpus.crystals(options.parquet, 8_000 if options.parquet else 557)
    for intake, ensemble in _REPLICAS:
        _one_stack(intake, ensemble, pool, options, report)
        # After each stack: what is measured stays where the next one fails.
        _keep(report, options)
    sys.stdout.write(growth_report.markdown(report))
    return 0


def _keep(report: dict[str, Any], options: argparse.Namespace) -> None:
    costs = fitted(report, report["record"]).as_record()
    report["costs"] = costs
    growth_report.write(report, options.out)
    (options.out / "costs.json").write_text(json.dumps(costs, indent=1) + "\n")
    if options.write_costs:
        costs_file().write_text(json.dumps(costs, indent=1) + "\n")
    if options.write_docs:
        growth_report.write_docs(report, Path(__file__).parents[1])


def _one_stack(
    intake: int, ensemble: int, pool: Sequence[Structure], options: argparse.Namespace, report: dict[str, Any]
) -> None:
    """The natural mix on every stack; sizes and messages on the first."""
    random, mix = np.random.default_rng(0), pool[: options.mix]
    settings = {
        "EPITAXY_PREDICTION_INTAKE_REPLICAS": str(intake),
        "EPITAXY_PREDICTION_ENSEMBLE_REPLICAS": str(ensemble),
    }
    with local_stack(settings=settings) as stack, Client(stack.target) as client:
        meter = Meter(stack, client)
        # Every replica loads its kernels with its first crystals: measured cold, they cost ten times as much.
        for _ in range(2 * max(intake, ensemble)):
            meter.screen([corpus.strained(s, random) for s in mix])
        cost = meter.screen([corpus.strained(s, random) for s in mix])
        report["replicas"].append({"intake": intake, "ensemble": ensemble} | cost.as_record())
        _say(f"replicas {intake} and {ensemble}: {cost.rate:.0f} structures/s")
        if "sizes_cold" not in report:
            report["natural_mix"] = cost.as_record()
            report.update(_sizes(meter, pool, options.budget, random) | _messages(meter, mix, random))


def _sizes(meter: Meter, pool: Sequence[Structure], budget: int, random: np.random.Generator) -> dict[str, Any]:
    cold, warm = [], []
    for size in _SIZES:
        structures = cells_of(pool, size, min(384, max(24, budget // size)), random)
        # Twice with new crystals: the cheaper of the two, for nothing makes a process spend less than it must.
        costs = [meter.screen([corpus.strained(s, random) for s in structures]) for _ in range(2)]
        cheapest = min(costs, key=lambda cost: cost.by_role.total())
        cold.append(_with_networks_apart(cheapest, forward_ms(structures)).as_record())
        meter.screen(structures)
        # The kernel counts in hundredths of a second: so many that they do not matter.
        warm.append(meter.screen(structures * (1 + _WARM // len(structures))).as_record())
        _say(f"{size} atoms: {cold[-1]['cpu_ms']}")
    return {"sizes_cold": cold, "sizes_warm": warm}


def _with_networks_apart(cost: Cost, networks_ms: float) -> Cost:
    """Of what an intake replica spends, what the networks take when they run alone, as a role of its own."""
    networks = min(networks_ms, cost.by_role[_INTAKE])
    by_role = cost.by_role + Counter({_ENSEMBLE: networks})
    by_role[_INTAKE] -= networks
    return replace(cost, by_role=by_role)


def _messages(meter: Meter, mix: Sequence[Structure], random: np.random.Generator) -> dict[str, Any]:
    found = []
    for size in _MESSAGES:
        sample = list(mix[: min(len(mix), 24 * size)])
        meter.screen(sample)
        cold = meter.screen([corpus.strained(s, random) for s in sample], message=size)
        warm = meter.screen(sample, message=size)
        found.append({"message": size, "cold": cold.as_record(), "warm": warm.as_record()})
    return {"messages": found}


def cells_of(pool: Sequence[Structure], size: int, count: int, random: np.random.Generator) -> list[Structure]:
    """Cells within a fifth of a size, built from smaller ones where the pool has too few."""
    near = [structure for structure in pool if 0.8 <= structure.n_sites / size <= 1.25]
    if len(near) >= count // 2:
        return [near[row] for row in random.choice(len(near), min(count, len(near)), replace=False)]
    small = [structure for structure in pool if structure.n_sites <= size] or list(pool)
    return [corpus.shaken_supercell(small[row], size, random) for row in random.integers(len(small), size=count)]


def fitted(report: dict[str, Any], record: dict[str, Any]) -> MeasuredCosts:
    """Lines by role from every other size, and how they err on the sizes between and on the natural mix."""
    cold, warm = report["sizes_cold"], report["sizes_warm"]
    lines = {kind: _lines(entries[::2]) for kind, entries in (("cold", cold), ("warm", warm))}
    errors = [abs(_predicted(lines["cold"], entry["atoms"]) / _measured(entry) - 1) for entry in cold[1::2]]
    natural = report["natural_mix"]
    return MeasuredCosts(
        cold={role: line for role, line in lines["cold"].items() if role != CLIENT},
        warm={role: line for role, line in lines["warm"].items() if role != CLIENT},
        client=lines["cold"][CLIENT],
        busy_share=round(natural["busy_share"], 3),
        error_share=round(float(np.mean(errors)), 3),
        worst_error_share=round(max(errors), 3),
        mix_error_share=round(abs(_predicted(lines["cold"], natural["atoms"]) / _measured(natural) - 1), 3),
        atoms=(cold[0]["atoms"], cold[-1]["atoms"]),
        machine=f"{record['machine']}, load {record['load_before']} before",
        commit=record["commit"],
        measured_at=record["measured_at"],
        n_cores=usable_cores(),
    )


def _lines(entries: Sequence[dict[str, Any]]) -> dict[str, Line]:
    roles = sorted({role for entry in entries for role in entry["cpu_ms"]})
    atoms = np.array([entry["atoms"] for entry in entries])
    return {role: line_through(atoms, [entry["cpu_ms"].get(role, 0.0) for entry in entries]) for role in roles}


def line_through(atoms: Sequence[float], milliseconds: Sequence[float]) -> Line:
    """The line of least relative error, with neither part below zero: large cells must not outvote small ones."""
    x, y = np.asarray(atoms, dtype=float), np.asarray(milliseconds, dtype=float)
    from scipy.optimize import nnls  # noqa: PLC0415 - for this alone

    weights = 1 / np.maximum(y, max(1e-6, 0.02 * float(np.max(y))))
    fixed, per_atom = nnls(np.stack([weights, weights * x], axis=1), weights * y)[0]
    return Line(float(fixed), float(per_atom))


def _predicted(lines: dict[str, Line], atoms: float) -> float:
    return sum(line.at(atoms) for line in lines.values())


def _measured(entry: dict[str, Any]) -> float:
    return float(sum(entry["cpu_ms"].values()))


def _say(text: str) -> None:
    sys.stderr.write(f"growth: {text}\n")


if __name__ == "__main__":
    sys.exit(main())
