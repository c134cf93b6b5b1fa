import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

COMMAND = (sys.executable, "-W", "error", "-c", "from epitaxy.cli.main import main; main()")


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts the command in an empty folder, with no settings but those given."""

    def popen(*arguments: object, **settings: str) -> subprocess.Popen[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("EPITAXY_")}
        return subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            # Without a terminal tables take this width; two test processes leave a command 80 columns.
            env=environment | {"COLUMNS": "160"} | settings,
        )

    return popen


@pytest.fixture
def run(start: Callable[..., subprocess.Popen[str]]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command to its end."""

    def complete(*arguments: object, **settings: str) -> subprocess.CompletedProcess[str]:
        with start(*arguments, **settings) as process:
            out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    return complete


@pytest.fixture
def crystals_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a JSON Lines file of crystals that differ."""

    def write(count: int, *extra_ids: str) -> Path:
        ids = [*(f"c{index}" for index in range(count)), *extra_ids]
        path = tmp_path / "crystals.jsonl"
        with path.open("w") as file:
            for index, row_id in enumerate(ids):
                edge = 3 + index / 1000
                lattice = [[edge, 0, 0], [0, edge, 0], [0, 0, edge]]
                structure = {"lattice": lattice, "species": [11, 17], "frac": [[0, 0, 0], [0.5, 0.5, 0.5]]}
                file.write(json.dumps({"id": row_id, "structure": structure}) + "\n")
        return path

    return write
