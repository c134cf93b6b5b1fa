"""The first command that a new user runs."""

import os
import signal
import subprocess
import sys
import uuid
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest
from product import eventually

pytestmark = pytest.mark.stack


class Demo:
    def __init__(self, folder: Path) -> None:
        # Inherited by every process that the demo starts, however far down.
        self._mark = f"EPITAXY_TEST_MARK={uuid.uuid4().hex}"
        name, _, value = self._mark.partition("=")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "epitaxy.cli", "demo", "--top", "5"],
            cwd=folder,
            env={**os.environ, name: value},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A terminal sends Ctrl-C to the whole foreground group.
            start_new_session=True,
        )

    def alive(self) -> list[int]:
        return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal() and self._is_mine(entry)]

    def press_ctrl_c(self) -> int:
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.communicate(timeout=40)
        return self.process.returncode

    def _is_mine(self, entry: Path) -> bool:
        with suppress(OSError):
            return self._mark.encode() in (entry / "environ").read_bytes().split(b"\0")
        return False


def test_demo_shows_a_ranked_table_and_leaves_nothing_behind(tmp_path: Path) -> None:
    demo = Demo(tmp_path)
    shown, told = demo.process.communicate(timeout=180)
    assert demo.process.returncode == 0, told
    for column in ("formula", "value", "unit", "90 % interval", "measured", "domain", "cache hit"):
        assert column in shown
    assert "wrote     demo-results.parquet" in told
    assert "answered  557 (0 cache hits)" in told
    assert "answered  557 (557 cache hits)" in told
    table = pd.read_parquet(tmp_path / "demo-results.parquet")
    assert table["id"].nunique() == 557
    assert table["error_reason"].isna().all()
    assert demo.alive() == []


@pytest.mark.parametrize("moment", ["ray         starting", "answered"])
def test_ctrl_c_in_the_demo_leaves_nothing_behind(tmp_path: Path, moment: str) -> None:
    demo = Demo(tmp_path)
    assert demo.process.stderr is not None
    for line in demo.process.stderr:
        if moment in line:
            break
    assert demo.press_ctrl_c() == 130
    assert eventually(lambda: demo.alive() == [], seconds=10)
