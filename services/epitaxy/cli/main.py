"""Entry of the ``epitaxy`` command. Nothing is imported before `main` runs, so that Ctrl-C meets it at any time."""

import sys

_INTERRUPTED = 130


def main() -> None:
    """Runs the command line; exit code 130, without a traceback, when interrupted."""
    try:
        from epitaxy.cli.app import run  # noqa: PLC0415 - takes most of a second

        run()
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
