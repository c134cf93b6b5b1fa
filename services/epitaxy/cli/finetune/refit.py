"""``epitaxy finetune refit``: fits a model's labels again on the shared model as it is now, and compares both."""

from typing import Annotated

import typer

from epitaxy.cli.connecting import TargetOption, connect
from epitaxy.cli.finetune.create import end_with, telling_reason
from epitaxy.cli.finetune.options import (
    GpuOption,
    IdColumnOption,
    OneObjectOption,
    RequestIdOption,
    StructureColumnOption,
    WaitOption,
)
from epitaxy.cli.terminal import stderr_console


def refit(
    context: typer.Context,
    model: Annotated[
        str, typer.Argument(metavar="MODEL[:VERSION]", help="Model to refit (default version: its champion).")
    ],
    data: Annotated[
        str | None,
        typer.Option(
            "--data", metavar="PATH|URI", help="Labels, as in create.", show_default="those that the server keeps"
        ),
    ] = None,
    structure_column: StructureColumnOption = "structure",
    id_column: IdColumnOption = None,
    max_seconds: Annotated[
        float | None,
        typer.Option("--max-seconds", min=1, help="Time limit of the job's work.", show_default="as it was"),
    ] = None,
    use_gpu: GpuOption = False,
    skip_refused: Annotated[
        bool, typer.Option("--skip-refused", help="Leave out rows of --data whose structure cannot be read.")
    ] = False,
    request_id: RequestIdOption = "",
    wait: WaitOption = False,
    as_json: OneObjectOption = False,
    target: TargetOption = None,
) -> None:
    """Fit a model's labels again on the shared model as it is now.

    A model goes on to be served on the shared model that it was fitted on. The job makes a new version with the same
    columns and options, and judges it against the one before on the same splits. Nothing serves the new version until
    you promote it.

    Exit codes are those of create.
    """
    with connect(context, target) as client, telling_reason():
        job = client.refit_model(
            model,
            data=data,
            structure_column=structure_column,
            id_column=id_column,
            max_seconds=max_seconds,
            use_gpu=use_gpu,
            skip_refused=skip_refused,
            request_id=request_id,
        )
        status = job.status
        stderr_console().print(f"refit     version {status.refit_of}, {status.n_labels} labelled rows", soft_wrap=True)
        end_with(job, wait=wait, as_json=as_json)
