"""``epitaxy capacity``: how long a screening takes and on how many cores, from measured costs."""

import json
import re
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from epitaxy.capacity import CapacityError, Demand, Estimate, estimate, read_costs
from epitaxy.cli.terminal import stdout_console, usage_error

_FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9}
_COUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?)([kmgb]?)")


def capacity(
    structures: Annotated[str, typer.Option(help="How many, such as 10M, 250k or 1000.")],
    atoms: Annotated[float, typer.Option(help="Atoms a cell on average.")] = 30.0,
    cores: Annotated[int | None, typer.Option(help="Cores of the server.", show_default="those measured on")] = None,
    cached: Annotated[float, typer.Option(metavar="SHARE", help="Share that the cache knows, 0 to 1.")] = 0.0,
    within: Annotated[
        float | None, typer.Option(metavar="HOURS", help="Tell the cores that it takes to end within so long.")
    ] = None,
    gpu: Annotated[str, typer.Option(metavar="NAME", help="Networks on a GPU: needs --speedup.")] = "",
    speedup: Annotated[
        float | None, typer.Option(help="Of the networks on that GPU over one core, measured by you.")
    ] = None,
    costs: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Costs of a machine of yours, as loadtest.growth writes them.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Estimate the time and the cores of a screening from the costs that were measured for this version.

    No figure of a GPU was measured: without --speedup, --gpu is refused (exit code 2).
    """
    try:
        demand = Demand(count_of(structures), atoms, cores, cached, gpu, speedup, within)
        found = estimate(demand, read_costs(costs))
    except CapacityError as error:
        raise usage_error(str(error)) from error
    if as_json:
        sys.stdout.write(json.dumps(found.as_record()) + "\n")
        return
    stdout_console().print(_table(found))
    for remark in found.remarks:
        stdout_console().print(f"- {remark}")


def count_of(text: str) -> int:
    """``10M`` as a number. Raises CapacityError."""
    match = _COUNT.fullmatch(text.strip().lower().replace("_", "").replace(",", ""))
    if match is None:
        raise CapacityError(f"{text!r} is no number of structures: write 10M, 250k or 1000")
    return round(float(match[1]) * _FACTORS[match[2]])


def _table(found: Estimate) -> Table:
    table = Table(show_header=False, box=None)
    table.add_row("time", f"{_hours(found.hours)} ({_hours(found.hours_low)} to {_hours(found.hours_high)})")
    table.add_row("rate", f"{found.structures_per_second:.0f} structures/s, limited by {_limit(found)}")
    table.add_row("server", f"{found.core_ms:.2f} core ms a structure; of all work {_share(found)} is the networks'")
    if found.gpu_ms:
        table.add_row("GPU", f"{found.gpu_ms:.3f} ms a structure")
    table.add_row("client", f"{found.client_ms:.2f} core ms a structure, where it runs")
    if found.cores_needed is not None:
        table.add_row("cores", f"{found.cores_needed} to end in time")
    return table


def _limit(found: Estimate) -> str:
    return "the GPU" if found.limited_by == "gpu" else f"{found.cores} cores"


def _share(found: Estimate) -> str:
    return f"{100 * found.network_share:.0f} %"


def _hours(hours: float) -> str:
    return f"{hours:.1f} h" if hours >= 1 else f"{60 * hours:.1f} min" if hours >= 1 / 60 else f"{3600 * hours:.1f} s"
