"""``epitaxy finetune``: jobs that grow models from labels, and the models that they make."""

import sys
from typing import Annotated

import typer

from epitaxy.cli.connecting import JsonOption, TargetOption, connect
from epitaxy.cli.finetune.audit import audit
from epitaxy.cli.finetune.create import create, follow
from epitaxy.cli.finetune.options import JobArgument, OneObjectOption
from epitaxy.cli.finetune.policy import log, policy
from epitaxy.cli.finetune.report import report
from epitaxy.cli.finetune.text import job_document, jobs_table, print_object
from epitaxy.cli.terminal import print_json_line, stderr_console, stdout_console, usage_error
from epitaxy.client import ModelChange

finetune_app = typer.Typer(
    name="finetune", help="Grow a model of your own from a few dozen labels.", no_args_is_help=True
)
finetune_app.command()(create)
finetune_app.command()(audit)
finetune_app.command()(report)
finetune_app.command()(policy)
finetune_app.command()(log)

ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="A model's name, as given to create.")]
_DELETE_WORD = "delete"


@finetune_app.command()
def watch(
    context: typer.Context,
    job: JobArgument,
    as_json: Annotated[bool, typer.Option("--json", help="Print events as JSON Lines, the job last.")] = False,
    target: TargetOption = None,
) -> None:
    """Show a job's progress until it has ended.

    Exit code 0 when it made a model, 1 when it failed or was cancelled, 130 when interrupted: the job goes on.
    """
    with connect(context, target) as client:
        raise typer.Exit(follow(client.finetune_job(job), as_json=as_json, with_events=as_json))


@finetune_app.command("list")
def list_jobs(
    context: typer.Context,
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="Jobs of one model only.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Jobs to print.")] = 50,
    as_json: JsonOption = False,
    target: TargetOption = None,
) -> None:
    """List jobs, the latest first."""
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
    """End a job; its labels are kept. One that has ended stays as it is."""
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
    model: Annotated[str, typer.Argument(metavar="MODEL[:VERSION]", help="The candidate where no version is given.")],
    override: Annotated[
        str, typer.Option("--override", metavar="REASON", help="Promote one that HURTS or is not calibrated.")
    ] = "",
    as_json: OneObjectOption = False,
    target: TargetOption = None,
) -> None:
    """Make a version the champion, which is what screen --model TENANT/MODEL serves."""
    name, _, version = model.partition(":")
    with connect(context, target) as client:
        change = client.promote_model(name, version, override)
        _print_change(change, as_json=as_json)


@finetune_app.command()
def rollback(
    context: typer.Context,
    model: ModelArgument,
    reason: Annotated[str, typer.Option("--reason", help="Kept on record.")] = "",
    as_json: OneObjectOption = False,
    target: TargetOption = None,
) -> None:
    """Make the champion before the present one the champion again."""
    with connect(context, target) as client:
        change = client.rollback_model(model, reason)
        _print_change(change, as_json=as_json)


@finetune_app.command("delete-data")
def delete_data(
    context: typer.Context,
    is_confirmed: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: OneObjectOption = False,
    target: TargetOption = None,
) -> None:
    """Delete all jobs, labels, reports, models and measurements of your tenant. Nothing brings them back."""
    with connect(context, target) as client:
        if not is_confirmed:
            _confirm(client.target)
        deleted = client.delete_tenant_data(confirm=True)
    if as_json:
        print_json_line(deleted)
    else:
        stdout_console().print(f"deleted {deleted.n_jobs} jobs and {deleted.n_models} models")


def _confirm(target: str) -> None:
    """Returns where the user means it."""
    if not sys.stdin.isatty():
        raise usage_error("delete-data asks before it deletes: pass --yes where nobody can answer")
    question = (
        f"All your jobs, labels, reports, models and measurements at {target} are lost for good. Type {_DELETE_WORD!r}"
    )
    if typer.prompt(question, default="", show_default=False, err=True).strip() != _DELETE_WORD:
        raise usage_error("nothing was deleted")


def _print_change(change: ModelChange, *, as_json: bool) -> None:
    if as_json:
        print_json_line(change)
        return
    instead = f", version {change.previous_version} until now" if change.previous_version else ""
    stdout_console().print(f"{change.model} serves version {change.version}{instead}", soft_wrap=True)
    stderr_console().print(f"screen with: epitaxy screen FILES --out TABLE --model {change.served_as}", soft_wrap=True)
