"""``epitaxy demo``: the whole product once, on the bundled crystals."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from epitaxy.cli import exit_codes
from epitaxy.cli.terminal import stderr_console

_READY = "ready "
# The stack drains, then stops its children. This is longer than it ever needs.
_STOP_SECONDS = 30
_COMMAND = (sys.executable, "-m", "epitaxy.cli")


def demo(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Table to write.")] = Path("demo-results.parquet"),
    home: Annotated[Path, typer.Option(file_okay=False, help="Folder for crystals, state and logs.")] = Path(
        ".epitaxy/demo"
    ),
    top: Annotated[int, typer.Option(min=1, help="Rows to print.")] = 25,
) -> None:
    """Run the whole product once, on bundled crystals.

    Starts the local stack, screens the crystals over gRPC, prints a ranked table, and stops the stack.
    """
    console = stderr_console()
    began = time.monotonic()
    from epitaxy_models.data.crystals import write_cifs  # noqa: PLC0415 - not installed on a client's machine

    folder = home / "crystals"
    files = write_cifs(folder)
    console.print(f"crystals  {len(files)} CIF files of real compounds in {folder}", soft_wrap=True)
    try:
        with _local_stack(home) as target:
            code = _screen(target, folder, out, "--sort", "band_gap", "--top", str(top))
            console.print("\nscreening the same crystals again, this time from the cache:")
            again = _screen(target, folder, out.with_stem(f"{out.stem}-again"))
    except KeyboardInterrupt:
        raise typer.Exit(exit_codes.INTERRUPTED) from None
    console.print(f"demo      done in {time.monotonic() - began:.0f} s; everything that it started has stopped")
    raise typer.Exit(code or again)


def _screen(target: str, folder: Path, out: Path, *ranking: str) -> int:
    beside = ("--measured", str(folder / "measurements.csv")) if ranking else ()
    arguments = ["screen", str(folder), "--out", str(out), "--restart", "--target", target]
    return subprocess.call([*_COMMAND, *arguments, *ranking, *beside])


@contextmanager
def _local_stack(home: Path) -> Iterator[str]:
    """Runs a stack of its own on a free port, and stops it whatever happens."""
    command = [*_COMMAND, "serve", "--port", "0", "--home", str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as stack:
        try:
            yield _ready_address(stack)
        finally:
            _stop(stack)


def _ready_address(stack: subprocess.Popen[str]) -> str:
    for line in stack.stdout or ():
        if line.startswith(_READY):
            return line.removeprefix(_READY).strip()
    # The stack has printed the reason to stderr.
    raise typer.Exit(exit_codes.RUN_FAILED)


def _stop(stack: subprocess.Popen[str]) -> None:
    if stack.poll() is None:
        stack.send_signal(signal.SIGINT)
    try:
        stack.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        # Its children notice that it is gone, and exit.
        stack.kill()
