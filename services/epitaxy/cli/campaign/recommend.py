"""``epitaxy campaign recommend``: the next batch, on the terminal, as JSON, or as a table for a plate or a robot."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from epitaxy.cli.campaign.options import CampaignRequestIdOption, NameArgument
from epitaxy.cli.campaign.preparing import wait_for_pool
from epitaxy.cli.campaign.text import batch_document, print_batch, print_notes
from epitaxy.cli.connecting import TargetOption, connect
from epitaxy.cli.finetune.create import telling_reason
from epitaxy.cli.finetune.options import OneObjectOption
from epitaxy.cli.terminal import print_object, stderr_console, stdout_console, usage_error
from epitaxy.client import Batch, Objective


def recommend(
    context: typer.Context,
    name: NameArgument,
    batch: Annotated[
        int,
        typer.Option("--batch", min=0, max=1000, help="Candidates wanted.", show_default="the campaign's own number"),
    ] = 0,
    request_id: CampaignRequestIdOption = "",
    worker: Annotated[str, typer.Option("--worker", help="Who measures, for the record.")] = "",
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE.csv", help="Write a table to fill in and to give back to report."),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print that table to stdout.")] = False,
    as_json: OneObjectOption = False,
    target: TargetOption = None,
) -> None:
    """Recommend what to measure next.

    Each candidate comes with a ticket and is pending until it is reported or released, or until its lease ends. The
    budget may cut the batch; once it is used up, the command fails with BUDGET_EXHAUSTED. Waits for a pool that is not
    ready yet.

    Exit code 0 if there is a batch, 1 if there is none: the reason says why.
    """
    if as_csv and as_json:
        raise usage_error("--csv and --json both print to stdout: give only one of them")
    if out is not None and not out.absolute().parent.is_dir():
        raise usage_error(f"--out {out}: the folder {out.parent} does not exist")
    with connect(context, target) as client, telling_reason():
        campaign = wait_for_pool(client, name)
        chosen = client.campaigns.recommend(name, batch, worker=worker, request_id=request_id)
    plate = plate_rows(chosen, campaign.objectives)
    if out is not None:
        with out.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(plate)
        stderr_console().print(f"wrote     {out}: fill it in, then epitaxy campaign report {name} --data {out}")
    if as_json:
        print_object(batch_document(chosen))
    elif as_csv:
        csv.writer(stdout_console().file).writerows(plate)
        print_notes(chosen)
    else:
        print_batch(chosen)


def plate_rows(batch: Batch, objectives: Sequence[Objective]) -> list[list[Any]]:
    """A header and one row a candidate, with empty columns for results: ``report`` reads the table as it comes back."""
    names = [objective.property for objective in objectives]
    units = {one.name: one.unit for entry in batch for one in entry.conditions}
    header = [
        "well",
        "ticket",
        "id",
        "formula",
        *(f"{name} [{unit}]" if unit else name for name, unit in units.items()),
    ]
    for name in names:
        header += [f"{name}_predicted", f"{name}_lower", f"{name}_upper"]
    header += [*names, *(f"{name}_std" for name in names), "status", "note"]
    rows: list[list[Any]] = [header]
    for place, entry in enumerate(batch):
        known = {one.property: one for one in entry.predictions}
        under = {one.name: one.value for one in entry.conditions}
        row: list[Any] = [
            well_of(place),
            entry.ticket,
            entry.id,
            entry.formula,
            *(under.get(name, "") for name in units),
        ]
        for name in names:
            one = known.get(name)
            row += ["", "", ""] if one is None else [one.value, one.lower, one.upper]
        rows.append([*row, *([""] * (2 * len(names) + 2))])
    return rows


def well_of(place: int) -> str:
    """Well of a 96-well plate, ``A1`` to ``H12``; a second plate begins with ``2-A1``."""
    plate, well = divmod(place, 96)
    name = f"{'ABCDEFGH'[well // 12]}{well % 12 + 1}"
    return name if plate == 0 else f"{plate + 1}-{name}"
