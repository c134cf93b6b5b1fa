"""Twelve faults under load: ``python -m loadtest.faults [--items 20000] [--only gateway redis] [--write-docs]``.

Kills (SIGKILL) or stops (SIGSTOP for some seconds) in turn the gateway, Serve's proxy, an intake replica, the ensemble
replica, Serve's controller, Ray's GCS, raylet and agent, Redis, the fine-tune service and the campaign service, while
structures are screened, and fills the disk of the stack. Every structure has to have exactly one answer, the same as
undisturbed; a job and a campaign that were under way have to end. Ends with 1 if one fault cost anything.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

from epitaxy.client import AsyncClient
from loadtest.faults import report as reports
from loadtest.faults.faults import DISK, Fault, all_faults
from loadtest.faults.trial import Arena, Trial
from loadtest.harm import How
from loadtest.local_stack import LocalStack, local_stack
from loadtest.machine import machine_record
from loadtest.small_disk import SmallDisk, small_disk
from loadtest.trials.work import Screening, crystals

_SETTINGS = {"EPITAXY_PREDICTION_INTAKE_REPLICAS": "2", "EPITAXY_PREDICTION_ENSEMBLE_REPLICAS": "1"}
_DISK_BYTES = 512 << 20
_TIMEOUT_SECONDS = 120.0


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Raises SystemExit where an argument is wrong."""
    parser = argparse.ArgumentParser(prog="loadtest.faults", description=__doc__)
    parser.add_argument("--items", type=int, default=20_000, help="structures for each fault (default: 20000)")
    parser.add_argument("--pool", type=int, default=2_000, help="different ones among them (default: 2000)")
    parts = list(dict.fromkeys(fault.part for fault in all_faults()))
    parser.add_argument("--only", nargs="*", choices=parts, default=parts, help="parts to strike (default: all)")
    hows = [how.value for how in How]
    parser.add_argument("--how", nargs="*", choices=hows, default=hows, help="ways to strike (default: both)")
    parser.add_argument("--out", type=Path, default=Path("scratch/faults"), help="folder of the report")
    parser.add_argument("--write-docs", action="store_true", help="the table into docs/soak.md")
    options = parser.parse_args(given)
    if options.items < 1 or options.pool < 1:
        parser.error("--items and --pool must be positive")
    return options


def chosen(options: argparse.Namespace) -> list[list[Fault]]:
    """Faults that share a stack: the loss of Ray's core and a full disk have one to themselves."""
    faults = [fault for fault in all_faults([How(how) for how in options.how]) if fault.part in options.only]
    shared = [fault for fault in faults if not fault.is_core and fault.part != DISK]
    alone = [[fault] for fault in faults if fault.is_core or fault.part == DISK]
    return [shared, *alone] if shared else alone


def main(given: Sequence[str] | None = None) -> int:
    options = arguments(given)
    machine, trials = machine_record(), list[Trial]()
    for faults in chosen(options):
        with _stack(has_small_disk=faults[0].part == DISK) as (stack, disk):
            for trial in asyncio.run(_tried(faults, stack, disk, options)):
                trials.append(trial)
        # After each stack: what is measured stays where the next one fails.
        report = reports.record_of(trials, machine, options.items)
        reports.write(report, options.out)
    if options.write_docs:
        reports.write_docs(report, Path(__file__).parents[2])
    sys.stdout.write(reports.markdown(report))
    return 0 if all(trial.passes for trial in trials) else 1


@contextmanager
def _stack(*, has_small_disk: bool) -> Iterator[tuple[LocalStack, SmallDisk | None]]:
    with ExitStack() as opened:
        if not has_small_disk:
            yield opened.enter_context(local_stack(settings=_SETTINGS)), None
            return
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="epitaxy-disk-")))
        disk = opened.enter_context(small_disk(folder, _DISK_BYTES))
        yield opened.enter_context(local_stack(settings=_SETTINGS, within=folder)), disk


async def _tried(
    faults: Sequence[Fault], stack: LocalStack, disk: SmallDisk | None, options: argparse.Namespace
) -> list[Trial]:
    screening, trials = Screening("screens", crystals(options.pool), 256, 0.0), []
    async with AsyncClient(stack.target, timeout=_TIMEOUT_SECONDS) as client:
        arena = Arena(stack, client, screening, disk)
        await arena.learn()
        for fault in faults:
            trial = await arena.tried(fault, options.items)
            trials.append(trial)
            sys.stderr.write(f"faults: {reports.in_words(trial.as_record())}\n")
            if not trial.survived:
                break
    return trials


if __name__ == "__main__":
    sys.exit(main())
