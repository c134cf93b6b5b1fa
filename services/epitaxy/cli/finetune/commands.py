"""``epitaxy finetune``: jobs that grow models from labels, and the models that they produce."""

import sys
from typing import Annotated

import typer

from epitaxy.cli.connecting import JsonOption, TargetOption, connect
from epitaxy.cli.finetune.audit import audit
from epitaxy.cli.finetune.compare import compare
from epitaxy.cli.finetune.create import create, follow
from epitaxy.cli.finetune.options import JobArgument, OneObjectOption
from epitaxy.cli.finetune.policy import log, policy
from epitaxy.cli.finetune.refit import refit
from epitaxy.cli.finetune.report import report
from epitaxy.cli.finetune.text import job_document, jobs_table, print_status
from epitaxy.cli.terminal import print_json_line, print_object, stderr_console, stdout_console, usage_error
from epitaxy.client import ModelChange

finetune_app = typer.Typer(
    name="finetune", help="Grow a model of your own from a few dozen labels.", no_args_is_help=True
)
finetune_app.command()(create)
finetune_app.command()(audit)
finetune_app.command()(refit)
finetune_app.command()(report)
finetune_app.command()(compare)
finetune_app.command()(policy)
finetune_app.command()(log)

ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="Name of the model, as passed to create.")]
_DELETE_WORD = "delete"


@finetune_app.command()
def watch(
    context: typer.Context,
    job: JobArgument,
    as_json: Annotated[bool, typer.Option("--json", help="Print events as JSON Lines, then the job.")] = False,
    target: TargetOption = None,
) -> None:
    """Show a job's progress until it ends.

    Exit code 0 if the job produced a model, 1 if it failed or was cancelled, 130 if interrupted. The job continues if
    this command is interrupted.
    """
    with connect(context, target) as client:
        raise typer.Exit(follow(client.finetune_job(job), as_json=as_json, with_events=as_json))


@finetune_app.command()
def status(
    context: typer.Context, job: JobArgument, as_json: OneObjectOption = False, target: TargetOption = None
) -> None:
    """Show a job's state, and what it made or why it failed."""
    with connect(context, target) as client:
        found = client.finetune_job(job).status
    if as_json:
        print_object(job_document(found))
    else:
        print_status(found)


@finetune_app.command("list")
def list_jobs(
    context: typer.Context,
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="List only the jobs of this model.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of jobs.")] = 50,
    as_json: JsonOption = False,
    target: TargetOption = None,
) -> None:
    """List jobs, latest first."""
    with connect(context, target) as client:
        jobs = [status for status, _ in zip(client.finetune_jobs(model), range(limit), strict=False)]
    if as_json:
        for status in jobs:
            print_object(job_document(status))
    else:
        stdout_console().print(jobs_table(jobs))


@finetune_app.command()
def cancel(
    context: typer.Context, job: JobArgument, as_json: OneObjectOption = False, target: TargetOption = None
) -> None:
    """Cancel a job.

    Its labels are kept. A job that has already ended does not change.
    """
    with connect(context, target) as client:
        found = client.finetune_job(job)
        status = found.cancel()
    if as_json:
        print_object(job_document(status))
    else:
        stdout_console().print(f"job {status.id} {status.state}", soft_wrap=True)


@finetune_app.command()
def promote(
    context: typer.Context,
    model: Annotated[
        str, typer.Argument(metavar="MODEL[:VERSION]", help="Model to promote (default version: the candidate).")
    ],
    override: Annotated[
        str,
        typer.Option(
            "--override",
            metavar="REASON",
            help="Promote in spite of objections, such as HURTS, no calibration, a constant, or suspicious labels.",
        ),
    ] = "",
    as_json: OneObjectOption = False,
    target: TargetOption = None,
) -> None:
    """Make a version of a model its champion.

    The champion answers requests for MODEL, for example "epitaxy screen --model MODEL".
    """
    name, _, version = model.partition(":")
    with connect(context, target) as client:
        change = client.promote_model(name, version, override)
        _print_change(change, as_json=as_json)


@finetune_app.command()
def rollback(
    context: typer.Context,
    model: ModelArgument,
    reason: Annotated[str, typer.Option("--reason", help="Reason, for the audit log.")] = "",
    as_json: OneObjectOption = False,
    target: TargetOption = None,
) -> None:
    """Make the previous champion of a model the champion again."""
    with connect(context, target) as client:
        change = client.rollback_model(model, reason)
        _print_change(change, as_json=as_json)


@finetune_app.command("delete-data")
def delete_data(
    context: typer.Context,
    is_confirmed: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: OneObjectOption = False,
    target: TargetOption = None,
) -> None:
    """Delete all data of your tenant.

    Deletes all jobs, labels, reports, models, measurements and campaigns. This cannot be undone.
    """
    with connect(context, target) as client:
        if not is_confirmed:
            _confirm(client.target)
        deleted = client.delete_tenant_data(confirm=True)
    if as_json:
        print_json_line(deleted)
    else:
        stdout_console().print(f"deleted {deleted.n_jobs} jobs and {deleted.n_models} models")


def _confirm(target: str) -> None:
    """Asks for confirmation, and returns only if it is given."""
    if not sys.stdin.isatty():
        raise usage_error("delete-data asks for confirmation: pass --yes if there is no terminal")
    question = (
        f"This permanently deletes all your jobs, labels, reports, models, measurements and campaigns on {target}. "
        f"Type {_DELETE_WORD!r} to confirm"
    )
    if typer.prompt(question, default="", show_default=False, err=True).strip() != _DELETE_WORD:
        raise usage_error("nothing was deleted")


def _print_change(change: ModelChange, *, as_json: bool) -> None:
    if as_json:
        print_json_line(change)
        return
    instead = f" instead of version {change.previous_version}" if change.previous_version else ""
    stdout_console().print(f"{change.model} serves version {change.version}{instead}", soft_wrap=True)
    stderr_console().print(
        f"to screen with it: epitaxy screen FILES --out TABLE --model {change.model}", soft_wrap=True
    )
