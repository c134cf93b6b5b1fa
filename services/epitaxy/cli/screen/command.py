"""``epitaxy screen``: files and folders in, a table with intervals out."""

from pathlib import Path
from typing import Annotated

import typer

from epitaxy.cli.connecting import KnownColumnOption, ModelOption, TargetOption, connect
from epitaxy.cli.inputs import inventory_of
from epitaxy.cli.screen.job import JournalPolicy, ScreenJob, ScreenPlan, journal_path
from epitaxy.cli.screen.table_file import can_write, endings
from epitaxy.cli.terminal import stderr_console, usage_error
from epitaxy.cli.wording import split_names

_DEFAULT_TOP = 20


def screen(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files, folders, Parquet and JSONL tables.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Table to write: .parquet, .csv or .jsonl.")],
    properties: Annotated[
        list[str] | None, typer.Option("--property", metavar="NAME,...", help="Properties; all where left out.")
    ] = None,
    model: ModelOption = None,
    known_columns: KnownColumnOption = None,
    coverage: Annotated[float, typer.Option(min=0.5, max=0.99, help="Of the intervals.")] = 0.9,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Drop what an interrupted run left.")] = False,
    top: Annotated[int | None, typer.Option("--top", min=1, metavar="N", help="Print the best N.")] = None,
    sort: Annotated[str | None, typer.Option("--sort", metavar="PROPERTY", help="What --top ranks by.")] = None,
    ascending: Annotated[bool, typer.Option("--ascending", help="Lowest value first in --top.")] = False,
    measured: Annotated[
        Path | None,
        typer.Option(
            "--measured", metavar="FILE.csv", exists=True, dir_okay=False, help="Print measured values beside --top."
        ),
    ] = None,
    chunk_size: Annotated[int, typer.Option(min=1, max=512, help="Structures a message.")] = 128,
    bypass_cache: Annotated[bool, typer.Option("--bypass-cache", help="Do not read cached answers.")] = False,
    target: TargetOption = None,
) -> None:
    """Screen crystals and write a table, one row an input and property.

    Answers are kept in FILE.journal as they come. A run that is killed or interrupted goes on with --resume and
    gives the same table; the journal goes when the table is written. A FILE that is there is overwritten, whole or
    not at all.

    Exit code 0 when all were answered, 3 when some were refused or failed, 1 when the run failed, 2 for a mistake in
    the command line, 130 when interrupted.
    """
    if resume and restart:
        raise usage_error("--resume goes on, --restart begins anew: give one of them")
    _check_out(out)
    plan = ScreenPlan(
        out=out,
        model=model,
        properties=tuple(split_names(properties)),
        known_columns=tuple(split_names(known_columns)),
        coverage=coverage,
        chunk_size=chunk_size,
        bypass_cache=bypass_cache,
        journal=JournalPolicy.RESUME if resume else JournalPolicy.RESTART if restart else JournalPolicy.REFUSE,
        top=top or (_DEFAULT_TOP if sort or measured else None),
        sort=sort,
        ascending=ascending,
        measured=measured,
    )
    _check_journal(plan)
    inventory = inventory_of(paths, exclude=(out, journal_path(out)))
    with connect(context, target) as client:
        raise typer.Exit(ScreenJob(client, inventory, plan, stderr_console()).run())


def _check_out(out: Path) -> None:
    if not can_write(out):
        raise usage_error(f"--out {out}: give a file that ends in {endings()}")
    if not out.absolute().parent.is_dir():
        raise usage_error(f"--out {out}: there is no folder {out.parent}")
    if out.is_dir():
        raise usage_error(f"--out {out} is a folder")


def _check_journal(plan: ScreenPlan) -> None:
    path = journal_path(plan.out)
    if plan.journal is JournalPolicy.REFUSE and path.exists():
        raise usage_error(f"{path} is of a run that did not end: pass --resume to go on, or --restart to drop it")
    if plan.journal is JournalPolicy.RESUME and not path.exists():
        stderr_console().print(f"nothing to resume: no {path}; beginning anew", soft_wrap=True)
