"""The ``epitaxy`` command line: its commands, and the options that they share."""

import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from epitaxy.cli import exit_codes
from epitaxy.cli.campaign.commands import campaign_app
from epitaxy.cli.candidates.commands import candidates_app
from epitaxy.cli.connecting import GlobalOptions, TargetOption
from epitaxy.cli.consortium.commands import consortium_app
from epitaxy.cli.data.build import build_app
from epitaxy.cli.data.commands import data_app
from epitaxy.cli.doctor import doctor
from epitaxy.cli.explain import explain
from epitaxy.cli.finetune.commands import finetune_app
from epitaxy.cli.models.commands import models_app
from epitaxy.cli.models.measurements import measurements_app
from epitaxy.cli.predict import predict
from epitaxy.cli.pretrain import pretrain
from epitaxy.cli.screen.command import screen
from epitaxy.cli.server.admin import admin_app
from epitaxy.cli.server.capacity import capacity
from epitaxy.cli.server.demo import demo
from epitaxy.cli.server.limits import limits
from epitaxy.cli.terminal import stderr_console
from epitaxy.cli.validate import validate
from epitaxy.cli.wording import describe
from epitaxy.client import EpitaxyClientError, InvalidRequestError

app = typer.Typer(
    name="epitaxy",
    help="Screen crystals over gRPC, with calibrated uncertainty. If the server needs an API key, set EPITAXY_API_KEY.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
app.command()(screen)
app.command()(predict)
app.command()(explain)
app.command()(validate)
app.add_typer(models_app)
data_app.add_typer(build_app)
app.add_typer(data_app)
app.add_typer(candidates_app)
app.add_typer(finetune_app)
app.add_typer(measurements_app)
app.add_typer(campaign_app)
app.add_typer(admin_app)
app.command()(limits)
app.add_typer(consortium_app)
app.command()(doctor)
app.command()(capacity)
app.command()(demo)
app.command()(pretrain)


def run() -> None:
    """Runs the command line. A command that fails as a whole prints one line to stderr and sets the exit code."""
    try:
        app()
    except EpitaxyClientError as error:
        _fail(str(error), exit_codes.USAGE if _is_usage(error) else exit_codes.RUN_FAILED)
    except OSError as error:
        _fail(describe(error), exit_codes.RUN_FAILED)


def _print_version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"epitaxy {metadata.version('epitaxy')}\n")
        raise typer.Exit


@app.callback()
def global_options(
    context: typer.Context,
    target: TargetOption = None,
    use_tls: Annotated[
        bool, typer.Option("--tls", envvar="EPITAXY_TLS", help="Use TLS with the system's root certificates.")
    ] = False,
    ca_file: Annotated[
        Path | None,
        typer.Option(
            "--ca-file",
            envvar="EPITAXY_TLS_CA",
            exists=True,
            dir_okay=False,
            help="Use TLS with this CA certificate (PEM).",
        ),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
) -> None:
    """Keeps the options that every command shares."""
    context.obj = GlobalOptions(target, use_tls, ca_file)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on (0: any free port).")] = 50051,
    home: Annotated[
        Path | None,
        typer.Option(
            envvar="EPITAXY_HOME", file_okay=False, help="Folder for all state and logs.", show_default="~/.epitaxy"
        ),
    ] = None,
) -> None:
    """Run the local stack in the foreground.

    The stack is Redis, Ray Serve, the gateway and, if installed, the fine-tune service. When it answers, it prints
    a line "ready HOST:PORT" to stdout. SIGINT or SIGTERM stops all of it.
    """
    try:
        from epitaxy.stack.command import serve_command  # noqa: PLC0415 - a client's machine lacks what serving needs
    except ModuleNotFoundError as error:
        _fail(f"serving needs {error.name}: pip install 'epitaxy[prediction]'", exit_codes.RUN_FAILED)
    raise typer.Exit(serve_command(host=host, port=port, home=home) or 0)


def _is_usage(error: EpitaxyClientError) -> bool:
    """True if the client itself found the mistake: no call was made."""
    return isinstance(error, InvalidRequestError) and not error.request_id


def _fail(message: str, code: int) -> None:
    stderr_console().print(f"epitaxy: {message}", soft_wrap=True)
    sys.exit(code)
