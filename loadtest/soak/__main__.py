"""Mixed load with random kills: ``python -m loadtest.soak [--minutes 30] [--seed 0] [--write-docs]``.

One stack of its own and two tenants, who screen crystals, molecules and compositions, predict one crystal at a time,
run fine-tune jobs and read their reports, explain, report measurements, and run campaigns. In the first two thirds of
the time processes of the stack are killed or stand still for some seconds, chosen by the seed. Every answer is held
against the one that an undisturbed stack gave before. The last third is calm: memory, descriptors and disk have to be
flat there. Ends with 1 if anything was lost, doubled, wrong, unfinished, or grew.
"""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

from loadtest.local_stack import LocalStack, local_stack
from loadtest.machine import machine_record
from loadtest.soak import report as reports
from loadtest.soak.run import Outcome, Soak

_N_TENANTS = 2


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Raises SystemExit where an argument is wrong."""
    parser = argparse.ArgumentParser(prog="loadtest.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="length of the load (default: 30)")
    parser.add_argument("--seed", type=int, default=0, help="who is harmed, when and how (default: 0)")
    parser.add_argument("--out", type=Path, default=Path("scratch/soak"), help="folder of the report and the logs")
    parser.add_argument("--write-docs", action="store_true", help="the tables into docs/soak.md")
    options = parser.parse_args(given)
    if options.minutes <= 0:
        parser.error("--minutes must be positive")
    return options


def main(given: Sequence[str] | None = None) -> int:
    options = arguments(given)
    machine = machine_record()
    # What a worker leaves in the temporary folder is room that is never given back.
    with (
        tempfile.TemporaryDirectory(prefix="epitaxy-soak-") as temporary,
        local_stack(_N_TENANTS, {"TMPDIR": temporary}) as stack,
    ):
        try:
            outcome = _soaked(stack, Path(temporary), options)
        finally:
            _keep_logs(stack, options.out)
    report = reports.record_of(outcome, machine, options.seed)
    reports.write(report, outcome.vitals, options.out)
    if options.write_docs:
        reports.write_docs(report, Path(__file__).parents[2])
    sys.stdout.write(reports.markdown(report))
    return 0 if outcome.passes else 1


def _soaked(stack: LocalStack, temporary: Path, options: argparse.Namespace) -> Outcome:
    soak = Soak(stack, (stack.home, temporary), 60 * options.minutes, options.seed, _say)
    return asyncio.run(soak.run())


def _keep_logs(stack: LocalStack, out: Path) -> None:
    """The logs go with the stack otherwise, and with them what a fault came from."""
    kept = out / "logs"
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(stack.home / "logs", kept)
    shutil.copy(stack.home.parent / "stderr", kept / "stderr")


def _say(text: str) -> None:
    sys.stderr.write(f"soak: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
