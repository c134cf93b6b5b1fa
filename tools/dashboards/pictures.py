"""``python -m tools.dashboards.pictures [SECONDS]``: pictures of the dashboards over a local stack under a small load.

Starts a stack and a Prometheus of its own, puts a load on it, writes docs/images/dashboard-*.png, stops both.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from loadtest.local_stack import local_stack
from tools.dashboards.__main__ import DASHBOARDS
from tools.dashboards.drawing import Window, draw
from tools.dashboards.load import put_load_on
from tools.dashboards.prometheus import Prometheus

IMAGES = Path(__file__).parents[2] / "docs" / "images"
DEFAULT_SECONDS = 150.0


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_SECONDS
    with tempfile.TemporaryDirectory(prefix="epitaxy-") as scratch, local_stack() as stack:
        folder = Path(scratch)
        prometheus = Prometheus(folder / "prometheus", json.loads((stack.home / "endpoints.json").read_text()))
        try:
            start = time.time()
            sent = put_load_on(stack.target, folder / "load", lambda: time.time() < start + seconds, with_jobs=True)
            print(f"{sent} structures in {seconds:.0f} s")
            for name, dashboard in DASHBOARDS.items():
                path = IMAGES / f"dashboard-{name}.png"
                draw(dashboard.model(), prometheus, Window(start, time.time()), path)
                print(f"{path}: {path.stat().st_size // 1024} kB")
        finally:
            prometheus.stop()


if __name__ == "__main__":
    main()
