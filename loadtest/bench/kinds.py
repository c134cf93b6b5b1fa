"""Molecules, polymers and compositions a second through the served stack: a part of the bench, and a run of its own.

``python -m loadtest.bench.kinds [--data ../shared/data]`` starts a stack, screens materials that nothing has seen
before and the same again, and prints the rates and what they cost.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import numpy as np
import pandas as pd

from epitaxy.client import composition, molecule, polymer
from loadtest.bench.rounds import Measured, Served
from loadtest.local_stack import local_stack
from loadtest.machine import machine_record
from loadtest.spread import Spread

DATA = Path("../shared/data")


@dataclass(frozen=True, slots=True)
class KindOfInput:
    """Where the materials of one kind come from.

    Attributes:
        name: In the table.
        files: Shared data sets.
        column: Of their texts.
        source: From a text to what a client sends.
    """

    name: str
    files: tuple[str, ...]
    column: str
    source: Callable[[str], Any]

    def hands(self, data: Path, rounds: int, size: int) -> list[list[Any]]:
        """One hand for the warm-up and one a round, without a text in common, of at most ``size`` materials."""
        columns = [pd.read_parquet(data / f"{name}.parquet", columns=[self.column])[self.column] for name in self.files]
        texts = pd.concat(columns).drop_duplicates().to_numpy()
        texts = texts[np.random.default_rng(0).permutation(len(texts))]
        each = min(size, len(texts) // (rounds + 1))
        return [[self.source(text) for text in texts[hand * each :][:each]] for hand in range(rounds + 1)]


KINDS = (
    KindOfInput("molecules", ("mol_cep_pce", "mol_esol"), "smiles", molecule),
    KindOfInput("polymers", ("poly_tg_exp",), "smiles", polymer),
    KindOfInput("compositions", ("comp_log_kvrh", "comp_expt_gap"), "composition", composition),
)


def measure_kinds(served: Served, data: Path, rounds: int, size: int) -> None:
    """Rates and costs, ``served, KIND, cold`` and ``.. warm``, into what ``served`` measures."""
    hands = {kind.name: kind.hands(data, rounds, size) for kind in KINDS}
    for number in range(rounds + 1):
        for name, dealt in hands.items():
            hand = dealt[number]
            if not number:
                # Kernels, connections and the substrates themselves; the materials are of no round.
                with served.client.screen(hand) as run:
                    list(run)
                continue
            served.screen(f"served, {name}, cold", hand, len(hand), is_cold=True)
            served.screen(f"served, {name}, warm", hand, len(hand), is_cold=False)


def table(measured: Measured) -> str:
    """Rates and costs as Markdown."""
    lines = ["| way | materials/s: median (lowest to highest) | processor ms a material |", "|---|---|---|"]
    for name, rates in measured.rates.items():
        rate, cost = Spread.of(rates), Spread.of(measured.cpu[name])
        lines.append(f"| {name} | {rate.median:.0f} ({rate.lowest:.0f} to {rate.highest:.0f}) | {cost.median:.2f} |")
    return "\n".join(lines)


def record(measured: Measured) -> Mapping[str, Any]:
    """The same as JSON."""
    return {
        "materials_per_second": {name: Spread.of(found).as_record() for name, found in measured.rates.items()},
        "cpu_ms_a_material": {name: Spread.of(found).as_record() for name, found in measured.cpu.items()},
        "unanswered": measured.unanswered,
        "hits_when_cold": measured.hits_when_cold,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the shared data sets")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=2048, help="materials a round of each kind")
    parser.add_argument("--out", type=Path, default=Path("scratch/bench"))
    options = parser.parse_args(arguments)
    measured = Measured()
    with local_stack() as stack:
        served = Served(stack, measured)
        measure_kinds(served, options.data, options.rounds, options.size)
        served.client.close()
    options.out.mkdir(parents=True, exist_ok=True)
    found = {"record": machine_record(), **record(measured)}
    (options.out / "kinds.json").write_text(json.dumps(found, indent=1) + "\n")
    sys.stdout.write(f"{table(measured)}\n\n{measured.unanswered} without an answer, ")
    sys.stdout.write(f"{measured.hits_when_cold} cache hits in cold runs\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
