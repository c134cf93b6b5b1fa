"""``python -m loadtest.bench [--parquet FILE]``: this product and what a user would take instead, side by side.

In every round each way answers crystals that nothing has seen before, in turn, on the same machine: from CIF text and
from structures in memory, cold and again, through ``epitaxy serve`` (started here, stopped at the end) and in worker
processes without it. Ratios are taken within a round. Writes JSON, Markdown and a picture to ``--out``;
``--write-docs`` puts the tables into docs/performance.md and README.md. Exit code 1 where a target is missed and
``--strict`` is given.

``--against COMMIT`` runs this tree and another commit of it in turns instead, each with a stack and a client of its
own, and writes the ratios. Exit code 1 where the two builds give different answers, too.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

from loadtest import corpus
from loadtest.bench import report as reports
from loadtest.bench.against import report as comparisons
from loadtest.bench.against.build import running
from loadtest.bench.against.checkout import checkout, resolved, weights_digest
from loadtest.bench.against.legs import compare, hunt
from loadtest.bench.hand import Hand
from loadtest.bench.kinds import DATA, measure_kinds
from loadtest.bench.rounds import PEERS, Served, measure
from loadtest.bench.targets import judged
from loadtest.local_stack import local_stack
from loadtest.machine import commit, machine_record
from loadtest.spread import Spread
from loadtest.stages import graph_sizes, stage_costs

_ROOT = Path(__file__).parents[2]


def main() -> int:
    options = _options()
    if options.against:
        return _against(options)
    began = time.monotonic()
    record = machine_record()
    hands_of = corpus.crystals(options.parquet, 2 * options.size * (options.rounds + 1))
    with tempfile.TemporaryDirectory() as folder:
        _say(f"writing {len(hands_of) // 2} CIF files")
        hands = _hands(hands_of, options.rounds + 1, Path(folder))
        stages = _stages(hands[0], Path(folder)) if options.stages else {}
        _say("starting the stack")
        with local_stack() as stack:
            measured = measure(stack, hands, _say, options.peers)
            if options.data.exists():
                _say("molecules, polymers, compositions")
                served = Served(stack, measured)
                measure_kinds(served, options.data, options.rounds, options.size)
                served.client.close()
    targets = judged(measured.rates, measured.latencies_ms)
    report: dict[str, Any] = {
        "record": record,
        "source": _source(options.parquet, hands),
        "rounds": options.rounds,
        "structures_a_round": 2 * options.size,
        "unanswered": measured.unanswered,
        "hits_when_cold": measured.hits_when_cold,
        "notes": [*measured.notes, _peer_atoms(hands)],
        "structures_per_second": {name: Spread.of(found).as_record() for name, found in measured.rates.items()},
        "cpu_ms_a_structure": {name: Spread.of(found).as_record() for name, found in measured.cpu.items()},
        "targets": [target.as_record() for target in targets],
        "stages": stages,
        "seconds": round(time.monotonic() - began),
    }
    reports.write(report, options.out)
    if options.write_docs:
        reports.write_docs(report, _ROOT)
    sys.stdout.write(reports.markdown(report))
    _say(f"{report['seconds']} s; written to {options.out}")
    return int(options.strict and any(target.verdict == "missed" for target in targets))


def _against(options: argparse.Namespace) -> int:
    """This tree and another commit, in turns."""
    began, record = time.monotonic(), machine_record()
    structures = corpus.crystals(options.parquet, 2 * options.size * (options.rounds + 1))
    with tempfile.TemporaryDirectory() as folder, checkout(options.against, _ROOT) as tree:
        if weights_digest(tree) != weights_digest(_ROOT):
            raise SystemExit(f"{options.against} has other weights: its answers and its work are not comparable")
        _say(f"writing {len(structures) // 2} CIF files")
        hands = _hands(structures, options.rounds + 1, Path(folder))
        names = commit(), options.against
        _say(f"starting the stacks of {' and '.join(names)}")
        with running(names[0], _ROOT) as new, running(names[1], tree) as old:
            found = compare(new, old, hands, _say)
            if options.pool:
                hunt(new, old, corpus.pool(options.parquet, options.pool), found, _say)
    report = {
        "record": record,
        "source": _source(options.parquet, hands),
        "rounds": options.rounds,
        "structures_a_round": 2 * options.size,
        **comparisons.record_of(found, *names),
        "seconds": round(time.monotonic() - began),
    }
    comparisons.write(report, options.out)
    if options.write_docs:
        comparisons.write_docs(report, _ROOT)
    sys.stdout.write(comparisons.markdown(report))
    _say(f"{report['seconds']} s; written to {options.out}")
    return int(bool(found.unequal) or (options.strict and comparisons.is_missed(report)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parquet", type=Path, help="structures to measure on instead of the bundled crystals")
    parser.add_argument("--data", type=Path, default=DATA, help="shared data sets of molecules, polymers, compositions")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--size", type=int, default=1536, help="structures a round of each kind of input")
    parser.add_argument("--peers", nargs="*", default=PEERS, choices=PEERS)
    parser.add_argument("--no-stages", dest="stages", action="store_false", help="leave the stages out")
    parser.add_argument("--out", type=Path, default=Path("scratch/bench"))
    parser.add_argument("--write-docs", action="store_true", help="into docs/performance.md, README.md, docs/images")
    parser.add_argument("--strict", action="store_true", help="exit code 1 where a target is missed")
    parser.add_argument("--against", metavar="COMMIT", help="another commit of this repository, measured in turns")
    parser.add_argument("--pool", type=int, default=0, help="with --against: crystals to find the best 1 %% among")
    options = parser.parse_args()
    if options.against:
        try:
            options.against = resolved(options.against, _ROOT)
        except ValueError as error:
            parser.error(str(error))
    return options


def _hands(structures: list[Any], rounds: int, folder: Path) -> list[Hand]:
    """One for the warm-up, then one a round."""
    dealt = corpus.dealt(structures, 2 * rounds)
    return [
        Hand(corpus.write_cifs(files, folder / f"cif-{number}"), [structure.n_sites for structure in files], others)
        for number, (files, others) in enumerate(zip(dealt[::2], dealt[1::2], strict=True))
    ]


def _stages(hand: Hand, folder: Path) -> dict[str, Any]:
    _say("stages")
    import torch  # noqa: PLC0415 - after the number of threads is set

    torch.set_num_threads(1)
    sample = list(hand.structures)[:384]
    return {
        "graph_sizes_mean": graph_sizes(sample),
        "cpu_microseconds_a_structure": stage_costs(sample, folder / "crystals"),
    }


def _source(parquet: Path | None, hands: list[Hand]) -> str:
    sites = [structure.n_sites for hand in hands[1:] for structure in hand.structures]
    what = f"a random sample of {parquet.name}" if parquet else "the bundled crystals and strained copies of them"
    return f"{what}, {sum(sites) / len(sites):.1f} atoms a cell on average, {max(sites)} at most"


def _peer_atoms(hands: list[Hand]) -> str:
    """Whether the peer's share of the crystals is as large as the whole."""
    whole = [atoms for hand in hands[1:] for atoms in hand.file_atoms]
    share = [hand.file_atoms[row] for hand in hands[1:] for half in (0, 1) for row in hand.peer_rows("CIF", half)]
    return f"Atoms a CIF: {sum(whole) / len(whole):.1f} in ours, {sum(share) / len(share):.1f} in the peer's share"


def _say(text: str) -> None:
    sys.stderr.write(f"bench: {text}\n")


if __name__ == "__main__":
    sys.exit(main())
