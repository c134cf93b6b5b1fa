"""The options by which every command finds its server."""

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
    typer.Option("--model", metavar="NAME[@ALIAS|:VERSION]", help="Model; the server's default where left out."),
]
KnownColumnOption = Annotated[
    list[str] | None,
    typer.Option(
        "--known-column", metavar="NAME,...", help="Columns of the tables with known values that the model reads."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON Lines.")]


@dataclass(frozen=True, slots=True)
class GlobalOptions:
    """Options given before the command's name."""

    target: str | None = None
    use_tls: bool = False
    ca_file: Path | None = None


def connect(context: typer.Context, target: str | None) -> Client:
    """A client for the command's own ``--target``, else the one given before the command's name."""
    options = context.obj if isinstance(context.obj, GlobalOptions) else GlobalOptions()
    tls = options.ca_file or (True if options.use_tls else None)
    return Client(target or options.target, tls=tls)
