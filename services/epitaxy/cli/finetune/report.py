"""``epitaxy finetune report``: the transfer report in the browser, in a file, or as a summary on the terminal."""

import json
import sys
import tempfile
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from epitaxy.cli.connecting import TargetOption, connect
from epitaxy.cli.finetune.options import JobArgument
from epitaxy.cli.finetune.text import error_text
from epitaxy.cli.terminal import stderr_console, stdout_console, usage_error
from epitaxy.cli.wording import noun_of
from epitaxy.client import Client, FineTuneJob

_ROWS = 10


def report(
    context: typer.Context,
    job: JobArgument,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the report in the browser.")] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write the report to FILE: JSON if it ends in .json, else HTML."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole report as one JSON object.")] = False,
    target: TargetOption = None,
) -> None:
    """Show the report of a job or a model.

    For the name of a model, this is the report of its latest version; a retraining that still runs or failed does not
    hide it.

    The report has the verdict, the check of the labels, the audit, the compared strategies and the worst cases. Without
    options, this command prints a summary.
    """
    if out is not None and not out.absolute().parent.is_dir():
        raise usage_error(f"--out {out}: the folder {out.parent} does not exist")
    with connect(context, target) as client:
        found = client.finetune_job(job, with_model=True)
        _note_newer(client, found, job)
        if open_browser or out is not None:
            path = found.save_report(out or _make_page_path(found))
            stderr_console().print(f"wrote     {path}", soft_wrap=True)
            if open_browser and not webbrowser.open(path.absolute().as_uri()):
                stderr_console().print("epitaxy: found no browser; open the file yourself", soft_wrap=True)
            return
        document = found.report()
    if as_json:
        sys.stdout.write(json.dumps(document) + "\n")
    else:
        _print(document)


def _note_newer(client: Client, found: FineTuneJob, asked: str) -> None:
    """Says on stderr which version is shown if a later job of the model has made none."""
    if asked == found.id or ":" in asked:
        return
    latest = client.finetune_job(asked).status
    if latest.id != found.id:
        state = "ended without a model" if latest.has_ended else f"is {latest.state}"
        shown = f"{found.status.model}:{found.result.model_version}"
        stderr_console().print(f"report    of {shown}; the later job {latest.id} {state}", soft_wrap=True)


def _make_page_path(job: FineTuneJob) -> Path:
    """Makes a folder for the page. It outlives the command, since the browser may read the page later."""
    return Path(tempfile.mkdtemp(prefix="epitaxy-report-")) / f"{job.status.model}.html"


def _print(document: Mapping[str, Any]) -> None:
    console = stdout_console()
    data, audit = document["data"], document["audit"]
    if origin := document.get("origin"):
        console.print(
            f"{origin['model']}:{origin['version']}, job {origin['job']}, {origin['created']}", soft_wrap=True
        )
    console.print(document["verdict"]["sentence"], soft_wrap=True)
    if succession := document.get("succession"):
        console.print(succession["sentence"], soft_wrap=True)
    noun = noun_of(document.get("kind", ""))
    merged = f" ({data['n_merged']} merged with another row of the same {noun})" if data.get("n_merged") else ""
    console.print(f"\ndata      {data['n_usable']} usable {noun}s in {data['n_rows']} rows{merged}")
    for row in data["refused"][:_ROWS]:
        console.print(f"  refused {row['row_id']}: {row['reason']}", soft_wrap=True)
    if len(data["refused"]) > _ROWS:
        console.print(f"  and {len(data['refused']) - _ROWS} more; use --out FILE for all of them")
    for warning in data["warnings"]:
        console.print(f"  {warning}", soft_wrap=True)
    if audit["forecast"]:
        console.print(f"audit     forecast for transfer: {audit['forecast']}")
    for statement in audit["statements"]:
        console.print(f"  {statement}", soft_wrap=True)
    console.print()
    console.print(_strategies(document))
    _print_groups(document)
    _print_worst(document)


def _strategies(document: Mapping[str, Any]) -> Table:
    table = Table("strategy", box=None)
    table.add_column(f"MAE, {document['subject']['unit']}", justify="right")
    for name in ("interval", "gain over the best without transfer", "verdict", "against what serves"):
        table.add_column(name)
    for row in sorted(document["strategies"], key=lambda row: (row["mae"] is None, row["mae"])):
        band = f"{error_text(row['mae_low'])} to {error_text(row['mae_high'])}"
        gain, low, high = (error_text(row[name], "+") for name in ("gain", "gain_low", "gain_high"))
        stands = "chosen" if row["name"] == document["verdict"]["chosen"] else _standing(row)
        table.add_row(row["name"], error_text(row["mae"]), band, f"{gain} ({low} to {high})", row["verdict"], stands)
    return table


def _standing(row: Mapping[str, Any]) -> str:
    """How a strategy stands to the one that serves; empty in reports that do not tell."""
    if "beats_chosen" not in row:
        return ""
    words = {"HELPS": "better beyond noise", "HURTS": "worse beyond noise"}.get(row["beats_chosen"], "within noise")
    return f"{error_text(row['against_chosen'], '+')}, {words}"


def _print_groups(document: Mapping[str, Any]) -> None:
    """Errors of groups that stand out from all other rows, and of formulas that the substrate has met or not."""
    kinds = {"elements": "{} elements", "formula": "{} formulas", "element": "with {}"}
    shown = [row for row in document.get("groups", ()) if row["is_beyond_noise"] or row["kind"] == "formula"]
    if not shown:
        return
    table = Table("errors by chemistry", box=None)
    for name in ("rows", "MAE", "best simple law"):
        table.add_column(name, justify="right")
    table.add_column("")
    for row in shown:
        note = f"{error_text(row['excess'], '+')} against the others, beyond noise" if row["is_beyond_noise"] else ""
        numbers = (str(row["n_rows"]), error_text(row["mae"]), error_text(row["simple_mae"]))
        table.add_row(kinds[row["kind"]].format(row["name"]), *numbers, note)
    stdout_console().print()
    stdout_console().print(table)


def _print_worst(document: Mapping[str, Any]) -> None:
    worst = document["worst"][:_ROWS]
    if not worst:
        return
    table = Table("worst cases", "formula", box=None)
    for name in ("label", "predicted"):
        table.add_column(name, justify="right")
    for row in worst:
        table.add_row(row["row_id"], row["formula"], error_text(row["label"]), error_text(row["predicted"]))
    stdout_console().print()
    stdout_console().print(table)
