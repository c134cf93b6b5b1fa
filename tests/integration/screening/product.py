"""The whole product in a process tree of its own: `epitaxy serve` as a user starts it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

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

    def kill_replicas(self, deployment: str) -> int:
        """Kills this product's replicas of a deployment; how many there were."""
        title = f"ServeReplica:prediction:{deployment}".encode()
        pids = [pid for pid in descendants(self.process.pid) if title in _command_line(pid)]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        return len(pids)

    def stop(self) -> None:
        below = descendants(self.process.pid)
        self.process.send_signal(signal.SIGINT)
        with self.process:
            assert self.process.wait(60) == 0, self._log.read_text()
        assert eventually(lambda: not [pid for pid in below if _command_line(pid)], seconds=10)


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
