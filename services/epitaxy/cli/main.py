"""Entry point of the ``epitaxy`` command. Imports nothing before `main` runs, so that Ctrl-C is handled at any time."""

import os
import sys

_INTERRUPTED = 130
# Packages of the extra that holds the command: a bare install has the client alone.
_OF_THE_COMMAND = ("orjson", "pandas", "pyarrow", "rich", "typer")


def main() -> None:
    """Runs the command line. Exits with code 130, without a traceback, if interrupted."""
    # gRPC writes its own lines about a failed handshake to stderr, beside the command's one line; read at its import.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        from epitaxy.cli.app import run  # noqa: PLC0415 - takes most of a second

        run()
    except ModuleNotFoundError as error:
        if error.name not in _OF_THE_COMMAND:
            raise
        sys.exit(f"epitaxy: the command needs {error.name}: pip install 'epitaxy[client]'")
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
