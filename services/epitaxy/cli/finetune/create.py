"""``epitaxy finetune create``: starts a job that grows a model from labels, and judges it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from epitaxy.cli import exit_codes
from epitaxy.cli.connecting import TargetOption, connect
from epitaxy.cli.finetune.options import (
    AcceptSuspiciousOption,
    BaseModelOption,
    CensoredOption,
    ColumnOption,
    DataOption,
    GpuOption,
    IdColumnOption,
    LabelConditionOption,
    LawOption,
    LowFidelityOption,
    OneObjectOption,
    RequestIdOption,
    StructureColumnOption,
    Task,
    TaskOption,
    Transform,
    TransformOption,
    WaitOption,
)
from epitaxy.cli.finetune.progress import show_job
from epitaxy.cli.finetune.text import job_document, print_end, print_event
from epitaxy.cli.inputs import (
    CompositionColumnOption,
    ElementColumnsOption,
    PolymerColumnOption,
    SmilesColumnOption,
    material_column_of,
)
from epitaxy.cli.terminal import print_object, stderr_console, stdout_console
from epitaxy.cli.waiting import show_waiting
from epitaxy.cli.wording import split_names
from epitaxy.client import FineTuneJob, InvalidRequestError

_HINT = "the server reads a table at an address itself"


def create(
    context: typer.Context,
    data: DataOption,
    column: ColumnOption,
    name: Annotated[
        str,
        typer.Option("--name", metavar="MODEL", help="Name of the new model (allowed characters: a-z, 0-9, ., _, -)."),
    ],
    unit: Annotated[
        str,
        typer.Option("--unit", help="Unit of all label columns (1: dimensionless).", show_default="none for classes"),
    ] = "",
    task: TaskOption = Task.AUTO,
    structure_column: StructureColumnOption = "structure",
    smiles: SmilesColumnOption = None,
    polymers: PolymerColumnOption = None,
    compositions: CompositionColumnOption = None,
    elements: ElementColumnsOption = None,
    id_column: IdColumnOption = None,
    transform: TransformOption = Transform.AUTO,
    low_fidelity: LowFidelityOption = None,
    conditions: LabelConditionOption = None,
    laws: LawOption = None,
    censored: CensoredOption = "",
    fidelity: Annotated[
        str, typer.Option("--fidelity", help="Fidelity of the label column: EXPERIMENT, HSE06, PBE, ...")
    ] = "",
    cost: Annotated[float, typer.Option("--cost", min=0, help="Cost of one label of the label column.")] = 0.0,
    property_name: Annotated[
        str,
        typer.Option(
            "--property",
            metavar="NAME",
            help="Name of the property, in snake case.",
            show_default="from the column's name",
        ),
    ] = "",
    base_model: BaseModelOption = "",
    strategies: Annotated[
        list[str] | None,
        typer.Option("--strategy", metavar="NAME,...", help="Strategies to compare.", show_default="all"),
    ] = None,
    max_seconds: Annotated[
        float | None,
        typer.Option("--max-seconds", min=1, help="Time limit of the job's work.", show_default="the server's default"),
    ] = None,
    use_gpu: GpuOption = False,
    seed: Annotated[int, typer.Option(min=0, help="Random seed; equal labels and seeds give equal models.")] = 0,
    peers: Annotated[
        list[str] | None,
        typer.Option(
            "--peer",
            metavar="NAME,...",
            help="Also use features of another pretrained network: chgnet of crystals, minimol of molecules.",
        ),
    ] = None,
    skip_refused: Annotated[
        bool, typer.Option("--skip-refused", help="Leave out rows whose structure cannot be read.")
    ] = False,
    accept_suspicious: AcceptSuspiciousOption = False,
    request_id: RequestIdOption = "",
    wait: WaitOption = False,
    as_json: OneObjectOption = False,
    target: TargetOption = None,
) -> None:
    """Grow a model of your own from labels.

    The job trains several strategies, judges them, and keeps the best one as a candidate. The candidate serves once you
    promote it. It ends without a model if the labels hold gross errors; "epitaxy finetune audit" names them before.

    Exit code 0 if the job was created (with --wait: if it produced a model), 1 if it failed, 2 for a mistake in the
    command line or the labels, 130 if interrupted. The job continues if --wait is interrupted.
    """
    material = material_column_of(smiles, polymers, compositions, elements)
    with connect(context, target) as client, telling_reason():
        with show_waiting("reading and sending the labels", _HINT):
            job = client.finetune(
                data,
                column=column,
                name=name,
                unit=unit,
                task=task.value,
                property_name=property_name,
                structure_column=material or structure_column,
                id_column=id_column,
                transform=transform.value,
                fidelity=fidelity,
                cost=cost,
                low_fidelity=low_fidelity or (),
                conditions=conditions or (),
                laws=laws or (),
                censored=censored,
                base_model=base_model,
                strategies=split_names(strategies),
                max_seconds=max_seconds,
                use_gpu=use_gpu,
                seed=seed,
                peers=split_names(peers),
                skip_refused=skip_refused,
                accept_suspicious=accept_suspicious,
                request_id=request_id,
            )
        status = job.status
        stderr_console().print(f"labels    {status.n_labels} of {status.n_rows} rows have one", soft_wrap=True)
        end_with(job, wait=wait, as_json=as_json)


def end_with(job: FineTuneJob, *, wait: bool, as_json: bool) -> None:
    """Shows the job that was made, or with ``wait`` its progress until it ends; raises typer.Exit then."""
    if wait:
        stderr_console().print(f"job       {job.id}", soft_wrap=True)
        raise typer.Exit(follow(job, as_json=as_json))
    print_made(job, as_json=as_json)


@contextmanager
def telling_reason() -> Iterator[None]:
    """Names the reason of a request that the server refuses, as the end of a job and the audit do."""
    try:
        yield
    except InvalidRequestError as error:
        if not error.request_id:  # a mistake of the command line, found here
            raise
        stderr_console().print(f"epitaxy: {error.reason}: {error}", soft_wrap=True)
        raise typer.Exit(exit_codes.RUN_FAILED) from error


def follow(job: FineTuneJob, *, as_json: bool, with_events: bool = False) -> int:
    """Shows a job's progress until it ends, and returns the exit code.

    Args:
        job: Job to follow.
        as_json: Prints the ended job as one JSON object to stdout.
        with_events: Prints every event as a JSON object to stdout, instead of the progress on stderr.
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
        hint = f"the job continues; to watch it: epitaxy finetune watch {job.id}"
        stderr_console().print(f"epitaxy: interrupted; {hint}", soft_wrap=True)
        return exit_codes.INTERRUPTED
    return print_end(job.status, as_json=as_json)


def print_made(job: FineTuneJob, *, as_json: bool) -> None:
    """Prints a job that was created, and how to watch it."""
    if as_json:
        print_object(job_document(job.status))
        return
    stdout_console().print(f"job {job.id} {job.status.state}", soft_wrap=True)
    stderr_console().print(f"to watch it: epitaxy finetune watch {job.id}", soft_wrap=True)
