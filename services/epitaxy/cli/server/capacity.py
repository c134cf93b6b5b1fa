"""``epitaxy capacity``: the time and the cores that a screening needs, from measured costs."""

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
    structures: Annotated[str, typer.Option(help="Number of structures, such as 10M, 250k or 1000.")],
    atoms: Annotated[float, typer.Option(help="Average number of atoms per cell.")] = 30.0,
    cores: Annotated[
        int | None, typer.Option(help="Cores of the server.", show_default="those of the measured machine")
    ] = None,
    cached: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of the structures that are cached, 0 to 1.")
    ] = 0.0,
    within: Annotated[
        float | None, typer.Option(metavar="HOURS", help="Also print the cores needed to finish within this time.")
    ] = None,
    gpu: Annotated[str, typer.Option(metavar="NAME", help="Run the networks on this GPU (needs --speedup).")] = "",
    speedup: Annotated[
        float | None, typer.Option(help="Speed of the networks on that GPU relative to one core, as you measured it.")
    ] = None,
    costs: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Costs of your own machine, as written by loadtest.growth."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object to stdout.")] = False,
) -> None:
    """Estimate the time and cores that a screening needs.

    The estimate uses the costs that were measured for this version. No GPU was measured, so --gpu without --speedup is
    refused (exit code 2).
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
    """Reads a count such as ``10M``. Raises CapacityError."""
    match = _COUNT.fullmatch(text.strip().lower().replace("_", "").replace(",", ""))
    if match is None:
        raise CapacityError(f"{text!r} is not a number of structures: write 10M, 250k or 1000")
    return round(float(match[1]) * _FACTORS[match[2]])


def _table(found: Estimate) -> Table:
    table = Table(show_header=False, box=None)
    table.add_row("time", f"{_hours(found.hours)} ({_hours(found.hours_low)} to {_hours(found.hours_high)})")
    table.add_row("rate", f"{found.structures_per_second:.0f} structures/s, limited by {_limit(found)}")
    table.add_row("server", f"{found.core_ms:.2f} core ms per structure; the networks are {_share(found)} of all work")
    if found.gpu_ms:
        table.add_row("GPU", f"{found.gpu_ms:.3f} ms per structure")
    table.add_row("client", f"{found.client_ms:.2f} core ms per structure, on the client's machine")
    if found.cores_needed is not None:
        table.add_row("cores", f"{found.cores_needed} needed to finish in time")
    return table


def _limit(found: Estimate) -> str:
    return "the GPU" if found.limited_by == "gpu" else f"{found.cores} cores"


def _share(found: Estimate) -> str:
    return f"{100 * found.network_share:.0f} %"


def _hours(hours: float) -> str:
    return f"{hours:.1f} h" if hours >= 1 else f"{60 * hours:.1f} min" if hours >= 1 / 60 else f"{3600 * hours:.1f} s"
