"""Options that name the server and the model, shared by many commands."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from epitaxy.client import Client

# The client itself reads EPITAXY_TARGET: read here, it would win over a --target before the command's name.
TargetOption = Annotated[
    str | None,
    typer.Option("--target", metavar="HOST:PORT", help="Server [env var: EPITAXY_TARGET] [default: 127.0.0.1:50051]."),
]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", metavar="NAME[@ALIAS|:VERSION]", help="Model to ask.", show_default="the server's default"),
]
KnownColumnOption = Annotated[
    list[str] | None,
    typer.Option(
        "--known-column",
        metavar="NAME,...",
        help="Table columns of known values that the model takes as inputs; cells may be empty.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON Lines.")]


@dataclass(frozen=True, slots=True)
class GlobalOptions:
    """Options that stand before the command's name."""

    target: str | None = None
    use_tls: bool = False
    ca_file: Path | None = None


def connect(context: typer.Context, target: str | None) -> Client:
    """Makes a client for the command's own ``--target``, or else the one before the command's name."""
    options = context.obj if isinstance(context.obj, GlobalOptions) else GlobalOptions()
    tls = options.ca_file or (True if options.use_tls else None)
    return Client(target or options.target, tls=tls)
