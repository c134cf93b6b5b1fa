"""``epitaxy doctor``: checks packages, fast paths and the server, and says what to do about problems."""

import typer
from rich.table import Table

from epitaxy.cli import exit_codes
from epitaxy.cli.checkup import Finding, check_fast_paths, check_packages, check_server
from epitaxy.cli.connecting import TargetOption, connect
from epitaxy.cli.terminal import stdout_console

_MARKS = {"ok": "ok", "note": "-", "problem": "PROBLEM"}


def doctor(context: typer.Context, target: TargetOption = None) -> None:
    """Check the installation and the server.

    Exit code 0 if all is well, 1 if there are problems.
    """
    findings = check_packages() + check_fast_paths()
    with connect(context, target) as client:
        findings += check_server(client)
    stdout_console().print(_table(findings))
    n_problems = sum(finding.status == "problem" for finding in findings)
    stdout_console().print(_conclusion(findings, n_problems))
    raise typer.Exit(exit_codes.RUN_FAILED if n_problems else exit_codes.ALL_ANSWERED)


def _conclusion(findings: list[Finding], n_problems: int) -> str:
    """The last line, which never says less than the table."""
    if n_problems:
        return f"problems to fix: {n_problems}, marked above"
    n_advised = sum(bool(finding.remedy) for finding in findings)
    if n_advised:
        return f"no problems found; {n_advised} of the lines above say what else could be done"
    return "no problems found, nothing to do"


def _table(findings: list[Finding]) -> Table:
    table = Table("", "subject", box=None)
    table.add_column("found", overflow="fold")
    table.add_column("what to do", overflow="fold")
    for finding in findings:
        table.add_row(_MARKS[finding.status], finding.subject, finding.detail, finding.remedy)
    return table
