"""``epitaxy doctor``: what is installed, what answers, which fast paths are in use, and what to do about the rest."""

import typer
from rich.table import Table

from epitaxy.cli import exit_codes
from epitaxy.cli.checkup import Finding, check_fast_paths, check_packages, check_server
from epitaxy.cli.connecting import TargetOption, connect
from epitaxy.cli.terminal import stdout_console

_MARKS = {"ok": "ok", "note": "-", "problem": "PROBLEM"}


def doctor(context: typer.Context, target: TargetOption = None) -> None:
    """Check the installation and the server.

    Exit code 0 when nothing is wrong, 1 when something has to be done.
    """
    findings = check_packages() + check_fast_paths()
    with connect(context, target) as client:
        findings += check_server(client)
    stdout_console().print(_table(findings))
    n_problems = sum(finding.status == "problem" for finding in findings)
    stdout_console().print("nothing to do" if n_problems == 0 else f"{n_problems} to be put right, see PROBLEM above")
    raise typer.Exit(exit_codes.RUN_FAILED if n_problems else exit_codes.ALL_ANSWERED)


def _table(findings: list[Finding]) -> Table:
    table = Table("", "what", box=None)
    table.add_column("found", overflow="fold")
    table.add_column("what to do", overflow="fold")
    for finding in findings:
        table.add_row(_MARKS[finding.status], finding.subject, finding.detail, finding.remedy)
    return table
