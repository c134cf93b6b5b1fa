"""The command in a process that is forked from one with its imports done: loading them takes seconds a command."""

import multiprocessing
import os
import subprocess
import sys
import warnings
from pathlib import Path

_PRELOADED = (
    "epitaxy.cli.main",
    "epitaxy.cli.app",
    "epitaxy.client",
    "epitaxy.client.screening.run",
    "numba",
    "pandas",
    "pyarrow.parquet",
    "rich.live",
    "rich.progress",
    "rich.table",
)
_SECONDS = 90.0
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(list(_PRELOADED))


def run_forked(arguments: list[str], folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs the command to its end in the folder, with this environment and nothing to read."""
    out, err = folder.with_name(f"{folder.name}.out"), folder.with_name(f"{folder.name}.err")
    process = _context.Process(target=_command, args=(arguments, folder, environment, out, err))
    process.start()
    process.join(_SECONDS)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise subprocess.TimeoutExpired(arguments, _SECONDS)
    return subprocess.CompletedProcess(arguments, process.exitcode, out.read_text(), err.read_text())


def _command(arguments: list[str], folder: Path, environment: dict[str, str], out: Path, err: Path) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for number, file in ((1, out), (2, err)):
        os.dup2(os.open(file, flags, 0o600), number)
    warnings.simplefilter("error")
    sys.argv = ["epitaxy", *arguments]
    from epitaxy.cli.main import main

    main()
