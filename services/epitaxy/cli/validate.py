"""``epitaxy validate``: how the server reads structures, without predicting anything."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from epitaxy.cli import exit_codes
from epitaxy.cli.connecting import JsonOption, TargetOption, connect
from epitaxy.cli.inputs import inventory_of
from epitaxy.cli.terminal import print_json_line, stderr_console, stdout_console
from epitaxy.client import IntakeReport

_ROWS_A_TABLE = 512


def validate(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Files and folders.")],
    as_json: JsonOption = False,
    target: TargetOption = None,
) -> None:
    """Check how the server reads structures.

    Prints the formula, number of sites, repairs and refusal of every structure. Predicts nothing.

    Exit code 0 if all structures can be used, 3 if some are refused.
    """
    inventory = inventory_of(paths)
    n_refused = n_usable = 0
    with connect(context, target) as client:
        table = _table()
        for report in client.validate(inventory):
            n_refused += report.error is not None
            n_usable += report.error is None
            if as_json:
                print_json_line(report)
                continue
            table.add_row(*_cells(report))
            if table.row_count == _ROWS_A_TABLE:
                stdout_console().print(table)
                table = _table()
        if table.row_count:
            stdout_console().print(table)
    ignored = f", {inventory.n_ignored} other files ignored" if inventory.n_ignored else ""
    stderr_console().print(f"{n_usable} usable, {n_refused} refused{ignored}")
    raise typer.Exit(exit_codes.SOME_REFUSED if n_refused else exit_codes.ALL_ANSWERED)


def _table() -> Table:
    table = Table("id", "formula", box=None)
    table.add_column("sites", justify="right")
    table.add_column("repairs")
    table.add_column("refusal", overflow="fold")
    return table


def _cells(report: IntakeReport) -> tuple[str, ...]:
    repairs = ", ".join(repair.code for repair in report.repairs)
    refusal = f"{report.error.reason}: {report.error.message}" if report.error else ""
    return report.id, report.formula, str(report.n_sites or ""), repairs, refusal
