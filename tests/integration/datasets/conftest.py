import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from forked_command import run_forked

sys.path.insert(0, str(Path(__file__).parent))

SERVER = Path(__file__).parent / "optimade_server.py"
COMMAND = (sys.executable, "-W", "error", "-c", "from epitaxy.cli.main import main; main()", "data")


@dataclass(frozen=True)
class OptimadeServer:
    url: str
    log: Path

    def misbehave(self, *faults: str) -> None:
        self.log.with_name(self.log.name + ".faults").write_text("\n".join(faults))

    def requests(self) -> list[tuple[float, str]]:
        """Time and query of every page asked for."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [(float(time_text), query) for time_text, query in (line.split(" ", 1) for line in lines)]


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OptimadeServer]:
    pytest.importorskip("optimade.server", reason="the OPTIMADE reference server is not installed")
    folder = tmp_path_factory.mktemp("optimade")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"HOME": str(folder), "OPTIMADE_CONFIG_FILE": str(folder / "none.json")}
    with (folder / "output.txt").open("w") as output:
        process = subprocess.Popen(
            [sys.executable, str(SERVER), str(port), str(folder / "requests.txt")],
            stdout=output,
            stderr=output,
            env=environment,
        )
        try:
            _wait_until_ready(f"http://127.0.0.1:{port}/v1/info", process, folder / "output.txt")
            yield OptimadeServer(f"http://127.0.0.1:{port}", folder / "requests.txt")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=20)


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts ``epitaxy data`` in an empty folder."""

    def popen(*arguments: object, **settings: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=_environment() | settings,
        )

    return popen


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs ``epitaxy data`` to its end."""

    def complete(*arguments: object, **settings: str) -> subprocess.CompletedProcess[str]:
        return run_forked(["data", *map(str, arguments)], tmp_path, _environment() | settings)

    return complete


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "MP_API_KEY"}


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], output: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"the OPTIMADE server did not start: {output.read_text()[-2000:]}")
