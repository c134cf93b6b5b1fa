"""``python -m loadtest.scenario FILE [--target HOST:PORT --key KEY ...]``: load with a verdict.

Without ``--target`` a stack is started on free ports of this machine, loaded, watched and stopped. Exit code 0 when
every threshold holds, 1 when one does not, 2 when the scenario or the options cannot be used.
"""

import argparse
import json
import os
import sys
from contextlib import nullcontext
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

from rich.console import Console

from loadtest.local_stack import local_stack
from loadtest.scenario.config import Scenario, ScenarioError, read_scenario
from loadtest.scenario.display import Display, print_result
from loadtest.scenario.drive import Server
from loadtest.scenario.run import Result, run_scenario

PASSED, FAILED, USAGE = 0, 1, 2


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    console = Console(stderr=True, markup=False, emoji=False, highlight=False)
    try:
        scenario = read_scenario(options.file).scaled(options.scale)
        keys = _keys(options)
        if options.target and 1 < scenario.n_tenants != len(keys):
            raise ScenarioError(f"{scenario.name} is of {scenario.n_tenants} tenants: give --key as often")
    except ScenarioError as error:
        console.print(f"loadtest: {error}", soft_wrap=True)
        return USAGE
    result = _run(scenario, options, keys, console)
    print_result(console, result)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(result.as_record(), indent=1) + "\n")
    if options.json:
        sys.stdout.write(json.dumps(result.as_record()) + "\n")
    return PASSED if result.passes else FAILED


def _run(scenario: Scenario, options: argparse.Namespace, keys: list[str], console: Console) -> Result:
    if not options.target:
        console.print("starting a stack")
    tenants = scenario.n_tenants if scenario.n_tenants > 1 else 0
    with nullcontext() if options.target else local_stack(tenants) as stack, Display(console) as display:
        server = (
            Server(options.target, keys)
            if stack is None
            else Server(stack.target, list(stack.keys.values()), stack.pid)
        )
        return run_scenario(scenario, server, options.parquet, display.tell)


def _keys(options: argparse.Namespace) -> list[str]:
    """Given ones, or those of a file with one a line, or of EPITAXY_API_KEY."""
    if options.keys_file:
        try:
            return [line.strip() for line in options.keys_file.read_text().splitlines() if line.strip()]
        except OSError as error:
            raise ScenarioError(f"{options.keys_file} cannot be read: {error.strerror}") from error
    known = os.environ.get("EPITAXY_API_KEY")
    return options.key or ([known] if known and options.target else [])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m loadtest.scenario", description=__doc__)
    parser.add_argument("file", type=Path, help="a scenario, such as loadtest/scenarios/steady.yaml")
    parser.add_argument("--target", help="HOST:PORT of a running server; without it a stack is started here")
    parser.add_argument("--key", action="append", help="API key; once a tenant (visible to others on this machine)")
    parser.add_argument("--keys-file", type=Path, help="API keys, one a line")
    parser.add_argument("--parquet", type=Path, help="crystals to send instead of the bundled ones")
    parser.add_argument("--scale", type=float, default=1.0, help="part of the scenario's length, such as 0.1")
    parser.add_argument("--out", type=Path, help="JSON file of the result")
    parser.add_argument("--json", action="store_true", help="the result as one line of JSON on stdout")
    return parser


if __name__ == "__main__":
    sys.exit(main())
