"""``python -m tools.dashboards.pictures [SECONDS]``: pictures of the dashboards over a local stack under a small load.

Starts a stack and a Prometheus of its own, puts a load on it, writes docs/images/dashboard-*.png, stops both.
"""

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.dashboards.__main__ import DASHBOARDS
from tools.dashboards.drawing import Window, draw
from tools.dashboards.load import put_load_on
from tools.dashboards.prometheus import Prometheus

IMAGES = Path(__file__).parents[2] / "docs" / "images"
DEFAULT_SECONDS = 150.0
STOP_SECONDS = 30


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_SECONDS
    with tempfile.TemporaryDirectory(prefix="epitaxy-") as scratch, _stack(Path(scratch) / "home") as target:
        folder = Path(scratch)
        prometheus = Prometheus(folder / "prometheus", json.loads((folder / "home" / "endpoints.json").read_text()))
        try:
            start = time.time()
            sent = put_load_on(target, folder / "load", seconds, with_jobs=True)
            print(f"{sent} structures in {seconds:.0f} s")
            for name, dashboard in DASHBOARDS.items():
                path = IMAGES / f"dashboard-{name}.png"
                draw(dashboard.model(), prometheus, Window(start, time.time()), path)
                print(f"{path}: {path.stat().st_size // 1024} kB")
        finally:
            prometheus.stop()


@contextmanager
def _stack(home: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "epitaxy.cli", "serve", "--port", "0", "--home", str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as stack:
        try:
            yield stack.stdout.readline().split()[1] if stack.stdout else ""
        finally:
            stack.send_signal(signal.SIGINT)
            stack.wait(STOP_SECONDS)


if __name__ == "__main__":
    main()
