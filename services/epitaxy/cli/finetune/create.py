"""``epitaxy finetune create``: labels in, a judged model out."""

from typing import Annotated

import typer

from epitaxy.cli import exit_codes
from epitaxy.cli.connecting import TargetOption, connect
from epitaxy.cli.finetune.options import (
    BaseModelOption,
    ColumnOption,
    DataOption,
    IdColumnOption,
    LowFidelityOption,
    OneObjectOption,
    StructureColumnOption,
    Transform,
    TransformOption,
)
from epitaxy.cli.finetune.progress import show_job
from epitaxy.cli.finetune.text import job_document, print_end, print_event, print_object
from epitaxy.cli.terminal import stderr_console, stdout_console
from epitaxy.cli.wording import split_names
from epitaxy.client import FineTuneJob


def create(
    context: typer.Context,
    data: DataOption,
    column: ColumnOption,
    unit: Annotated[str, typer.Option("--unit", help="Of all label columns; 1 for none.")],
    name: Annotated[str, typer.Option("--name", metavar="MODEL", help="Model to grow: a-z, 0-9, ., _ and -.")],
    structure_column: StructureColumnOption = "structure",
    id_column: IdColumnOption = None,
    transform: TransformOption = Transform.AUTO,
    low_fidelity: LowFidelityOption = None,
    fidelity: Annotated[str, typer.Option("--fidelity", help="Of the column: EXPERIMENT, HSE06, PBE, ...")] = "",
    cost: Annotated[float, typer.Option("--cost", min=0, help="Of one label of the column.")] = 0.0,
    property_name: Annotated[
        str, typer.Option("--property", metavar="NAME", help="Snake case; from the column's name where left out.")
    ] = "",
    base_model: BaseModelOption = "",
    strategies: Annotated[
        list[str] | None, typer.Option("--strategy", metavar="NAME,...", help="To compare; all where left out.")
    ] = None,
    max_seconds: Annotated[
        float | None, typer.Option("--max-seconds", min=1, help="Of work; the server's default where left out.")
    ] = None,
    use_gpu: Annotated[bool, typer.Option("--gpu", help="Wait for a GPU.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="The same labels and seed give the same model.")] = 0,
    peers: Annotated[
        list[str] | None,
        typer.Option("--peer", metavar="NAME,...", help="Read features of another pretrained network too: chgnet."),
    ] = None,
    skip_refused: Annotated[
        bool, typer.Option("--skip-refused", help="Leave out rows whose structure cannot be read.")
    ] = False,
    request_id: Annotated[
        str, typer.Option("--request-id", help="Makes the command safe to repeat: an equal one gets the same job.")
    ] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Show progress until the job has ended.")] = False,
    as_json: OneObjectOption = False,
    target: TargetOption = None,
) -> None:
    """Grow a model of your own from labels, and judge it. It serves once it is promoted.

    Exit code 0 when the job is made (with --wait: made a model), 1 when it failed, 2 for a mistake in the command line
    or the labels, 130 when interrupted; an interrupted wait leaves the job running.
    """
    with connect(context, target) as client:
        job = client.finetune(
            data,
            column=column,
            unit=unit,
            name=name,
            property_name=property_name,
            structure_column=structure_column,
            id_column=id_column,
            transform=transform.value,
            fidelity=fidelity,
            cost=cost,
            low_fidelity=low_fidelity or (),
            base_model=base_model,
            strategies=split_names(strategies),
            max_seconds=max_seconds,
            use_gpu=use_gpu,
            seed=seed,
            peers=split_names(peers),
            skip_refused=skip_refused,
            request_id=request_id,
        )
        status = job.status
        stderr_console().print(f"labels    {status.n_labels} of {status.n_rows} rows", soft_wrap=True)
        if wait:
            stderr_console().print(f"job       {job.id}", soft_wrap=True)
            raise typer.Exit(follow(job, as_json=as_json))
    _print_made(job, as_json=as_json)


def follow(job: FineTuneJob, *, as_json: bool, with_events: bool = False) -> int:
    """Shows a job's progress to its end; returns the exit code.

    Args:
        job: The job.
        as_json: The end as one JSON object on stdout.
        with_events: Every event as a JSON object before it, instead of the progress on stderr.
    """
    try:
        if with_events:
            for event in job.watch():
                print_event(event)
        else:
            with show_job(stderr_console()) as tell:
                for event in job.watch():
                    tell(event)
    except KeyboardInterrupt:
        hint = f"the job goes on; see it with: epitaxy finetune watch {job.id}"
        stderr_console().print(f"epitaxy: interrupted; {hint}", soft_wrap=True)
        return exit_codes.INTERRUPTED
    return print_end(job.status, as_json=as_json)


def _print_made(job: FineTuneJob, *, as_json: bool) -> None:
    if as_json:
        print_object(job_document(job.status))
        return
    stdout_console().print(f"job {job.id} {job.status.state}", soft_wrap=True)
    stderr_console().print(f"watch it with: epitaxy finetune watch {job.id}", soft_wrap=True)
