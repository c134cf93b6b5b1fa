"""The whole product in a process tree of its own: `epitaxy serve` as a user starts it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from epitaxy_models.data.crystals import bundled_crystals
from epitaxy_models.structures import structure_to_column
from epitaxy_models.testing.equivalent_cells import scaled
from loadtest.processes import descendants


class Product:
    def __init__(self, home: Path) -> None:
        self.home = home
        command = [sys.executable, "-m", "epitaxy.cli", "serve", "--port", "0", "--home", str(home)]
        self._log = home.with_suffix(".stderr")
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.process.stdout.readline() if self.process.stdout else ""
        assert line.startswith("ready "), self._log.read_text()
        self.target = line.split()[1]

    def endpoints(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.home / "endpoints.json").read_text())
        return found

    def signal_part(self, part: str, number: int) -> None:
        os.kill(self.endpoints()[part]["pid"], number)

    def screened_while_replicas_die(
        self, deployment: str, at_most: int, source: Path, folder: Path, **settings: str
    ) -> pd.DataFrame:
        """Table of a screening by the command line, in the middle of which replicas of a deployment are killed."""
        out, journal = folder / "table.parquet", folder / "table.parquet.journal"
        command = [sys.executable, "-m", "epitaxy.cli", "screen", str(source), "--out", str(out), "--bypass-cache"]
        command += ["--chunk-size", "64", "--target", self.target]
        run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **settings})
        assert eventually(lambda: journal.exists() and journal.stat().st_size > 20_000, seconds=60)
        assert self._kill_replicas(deployment, at_most) >= 1
        _, errors = run.communicate(timeout=180)
        assert run.returncode == 0, errors
        return pd.read_parquet(out)

    def replicas(self, deployment: str) -> list[int]:
        """Process ids."""
        return self._titled(f"ServeReplica:prediction:{deployment}")

    def kill_proxy(self) -> None:
        """Kills Serve's proxy, through which every message goes."""
        [pid] = self._titled("ray::ProxyActor")
        os.kill(pid, signal.SIGKILL)

    def _titled(self, title: str) -> list[int]:
        return [pid for pid in descendants(self.process.pid) if title.encode() in _command_line(pid)]

    def _kill_replicas(self, deployment: str, at_most: int) -> int:
        pids = self.replicas(deployment)[:at_most]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        return len(pids)

    def stop(self) -> None:
        below = descendants(self.process.pid)
        self.process.send_signal(signal.SIGINT)
        with self.process:
            assert self.process.wait(60) == 0, self._log.read_text()
        assert eventually(lambda: not [pid for pid in below if _command_line(pid)], seconds=10)


class OneProduct:
    """The product of the tests, one at a time: two stacks on two cores make each other slow."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._settings: dict[str, str] = {}
        self._running: Product | None = None
        self._n_started = 0

    def running(self, prepare: Callable[[Path], None] = lambda home: None, **settings: str) -> Product:
        """The one with these settings in its environment; any other is stopped first.

        Args:
            prepare: Called with the new product's home before it starts.
            settings: Environment variables.
        """
        if self._running is not None and settings != self._settings:
            self.stop()
        if self._running is None:
            if shutil.which("redis-server") is None:
                pytest.skip("redis-server is not installed: run tools/ensure_redis.sh")
            self._n_started += 1
            with pytest.MonkeyPatch.context() as environment:
                for name in os.environ:
                    if name.startswith("EPITAXY_") or name == "MLFLOW_TRACKING_URI":
                        environment.delenv(name)
                for name, value in settings.items():
                    environment.setenv(name, value)
                home = self._folder / f"home-{self._n_started}"
                prepare(home)
                self._running = Product(home)
            self._settings = settings
        return self._running

    def stop(self) -> None:
        """Stops the one that runs, if one does, and checks that Ctrl-C leaves no process behind."""
        running, self._running = self._running, None
        if running is not None:
            running.stop()


def crystals_table(folder: Path, copies: int = 1) -> Path:
    """A JSONL of the bundled crystals, each slightly strained ``copies`` times so that none equals another."""
    path = folder / "crystals.jsonl"
    with path.open("w") as file:
        for copy in range(copies):
            for crystal in bundled_crystals():
                strained = scaled(crystal.structure, 1 + 0.002 * copy)
                name = f"{crystal.identifier}-{copy}"
                file.write(json.dumps({"id": name, "structure": structure_to_column(strained)}) + "\n")
    return path


def eventually(is_so: Callable[[], object], seconds: float) -> bool:
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if is_so():
            return True
        time.sleep(0.05)
    return False


def _command_line(pid: int) -> bytes:
    """Empty where the process is gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""
