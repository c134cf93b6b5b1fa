"""``epitaxy campaign export``: the whole record, as a report for people or as JSON."""

import json
import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from epitaxy.cli.campaign.options import NameArgument
from epitaxy.cli.connecting import TargetOption, connect
from epitaxy.cli.finetune.create import telling_reason
from epitaxy.cli.terminal import stderr_console, usage_error


def export(
    context: typer.Context,
    name: NameArgument,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a report: one file that loads nothing.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the whole record as JSON.")] = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the report in the browser.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole record as one JSON object.")] = False,
    target: TargetOption = None,
) -> None:
    """Export a campaign.

    The report shows the best so far against what random choice would have found, calibration over time, the map of what
    was tried, the table of results, and the advice. The record holds the spec, the log, all predictions and results.
    """
    if html is None and out is None and not as_json:
        raise usage_error("give --html FILE for a report, --out FILE or --json for the record")
    if open_browser and html is None:
        raise usage_error("--open opens the report: give --html FILE, too")
    for path in (html, out):
        if path is not None and not path.absolute().parent.is_dir():
            raise usage_error(f"{path}: the folder {path.parent} does not exist")
    with connect(context, target) as client, telling_reason():
        if html is not None:
            html.write_bytes(client.campaigns.export_bytes(name, "html"))
            stderr_console().print(f"wrote     {html}", soft_wrap=True)
        record = client.campaigns.export_bytes(name, "json") if out is not None or as_json else b""
    if out is not None:
        out.write_bytes(record)
        stderr_console().print(f"wrote     {out}", soft_wrap=True)
    if as_json:
        sys.stdout.write(json.dumps(json.loads(record), separators=(",", ":")) + "\n")
    if open_browser and html is not None:
        webbrowser.open(html.absolute().as_uri())
