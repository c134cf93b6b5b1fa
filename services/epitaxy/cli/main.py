"""Entry point of the ``epitaxy`` command. It imports nothing before `main` runs, so that it handles Ctrl-C at any time."""

import sys

_INTERRUPTED = 130


def main() -> None:
    """Runs the command line. Exits with code 130, without a traceback, if interrupted."""
    try:
        from epitaxy.cli.app import run  # noqa: PLC0415 - takes most of a second

        run()
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
