import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from forked_command import run_forked

COMMAND = (sys.executable, "-W", "error", "-c", "from epitaxy.cli.main import main; main()")


def environment_with(settings: dict[str, str]) -> dict[str, str]:
    """Nothing set but what is given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EPITAXY_")}
    # Without a terminal tables take this width; two test processes leave a command 80 columns.
    return kept | {"COLUMNS": "160"} | settings


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts the command in an empty folder, with no settings but those given."""

    def popen(*arguments: object, **settings: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=environment_with(settings),
        )

    return popen


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command to its end, likewise."""

    def complete(*arguments: object, **settings: str) -> subprocess.CompletedProcess[str]:
        return run_forked([*map(str, arguments)], tmp_path, environment_with(settings))

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
