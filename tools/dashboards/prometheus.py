"""A Prometheus of one's own beside a local stack: scrapes it, evaluates the chart's rules, answers queries."""

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

RULES = Path(__file__).parents[2] / "charts" / "epitaxy" / "rules"
SCRAPE_SECONDS = 2
# Part of the endpoints file to the name under which the chart's monitors scrape it.
JOBS = {
    "gateway": "epitaxy-gateway",
    "finetune": "epitaxy-finetune",
    "campaigns": "epitaxy-campaigns",
    "ray": "epitaxy-ray",
}
START_SECONDS = 60


class QueryError(Exception):
    """Prometheus refuses an expression."""


class Prometheus:
    """Runs from its making to `stop`; its data lie below the folder."""

    def __init__(self, folder: Path, endpoints: dict[str, Any]) -> None:
        """Scrapes what an endpoints file of ``epitaxy serve`` names. Raises FileNotFoundError without prometheus."""
        binary = shutil.which("prometheus")
        if binary is None:
            raise FileNotFoundError("prometheus is not installed: run tools/ensure_prometheus.sh")
        folder.mkdir(parents=True, exist_ok=True)
        configuration = folder / "prometheus.yml"
        # JSON is YAML.
        configuration.write_text(json.dumps(_configuration(endpoints, _quick_rules(folder / "rules"))))
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = [binary, f"--config.file={configuration}", f"--storage.tsdb.path={folder / 'data'}"]
        command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn", "--query.lookback-delta=1m"]
        self._log = folder / "prometheus.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        self._await_ready()

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an instant query. Raises QueryError."""
        return self._results("query", {"query": expression})

    def query_range(self, expression: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """The series of a range query. Raises QueryError."""
        return self._results("query_range", {"query": expression, "start": start, "end": end, "step": step})

    def get(self, path: str) -> Any:
        """``data`` of an answer of the HTTP API. Raises QueryError."""
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}", timeout=30) as response:
                return json.loads(response.read())["data"]
        except urllib.error.HTTPError as error:
            raise QueryError(json.loads(error.read())["error"]) from error

    def stop(self) -> None:
        """Ends it and waits."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)

    def _results(self, path: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(f"{path}?{urllib.parse.urlencode(parameters)}")["result"]
        return found

    def _await_ready(self) -> None:
        limit = time.monotonic() + START_SECONDS
        while time.monotonic() < limit and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/-/ready", timeout=2):
                    return
            except OSError:
                time.sleep(0.1)
        self.stop()
        raise RuntimeError(f"prometheus did not start: {self._log.read_text()}")


def _quick_rules(folder: Path) -> Path:
    """The chart's rules without the intervals of their groups, which are longer than a test."""
    folder.mkdir(exist_ok=True)
    for path in RULES.glob("*.yaml"):
        (folder / path.name).write_text(path.read_text().replace("    interval: 30s\n", ""))
    return folder


def _configuration(endpoints: dict[str, Any], rules: Path) -> dict[str, Any]:
    interval = f"{SCRAPE_SECONDS}s"
    scrapes = [
        {"job_name": job, "static_configs": [{"targets": [_host_port(endpoints[part]["metrics"])]}]}
        for part, job in JOBS.items()
    ]
    return {
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
        "rule_files": [str(rules / "*.yaml")],
        "scrape_configs": scrapes,
    }


def _host_port(url: str) -> str:
    return urllib.parse.urlsplit(url).netloc


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
