"""``epitaxy serve`` while something is measured: on free ports, in a folder of its own, stopped whatever happens."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from epitaxy.chassis.api_keys import KeyHash, new_api_key
from loadtest.processes import await_quiet

_STOP_SECONDS = 40
# What services load after they are ready, and then only while nobody asks: it must not fall into a measurement.
_AT_ONCE = {"EPITAXY_FINETUNE_REGISTRY_WARM_UP_SECONDS": "0"}
_SETTLE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class LocalStack:
    """A running stack.

    Attributes:
        target: HOST:PORT of its gateway.
        home: Its folder, with endpoints.json in it.
        pid: Its first process; all others are below it.
        keys: API keys by tenant; empty where everyone on loopback is served.
    """

    target: str
    home: Path
    pid: int
    keys: Mapping[str, str]


@contextmanager
def local_stack(
    n_tenants: int = 0,
    settings: Mapping[str, str] | None = None,
    within: Path | None = None,
    folder: Path | None = None,
) -> Iterator[LocalStack]:
    """A new stack with an empty cache that has loaded all it ever loads.

    Args:
        n_tenants: Tenants with a key each; 0: everyone on loopback is served.
        settings: Go into its environment.
        within: Existing folder for its own (default: the system's for temporary files).
        folder: Where its processes start (default: this process's folder).
    """
    with tempfile.TemporaryDirectory(prefix="epitaxy-load-", dir=within) as scratch_folder:
        scratch, home = Path(scratch_folder), Path(scratch_folder) / "home"
        keys = {f"tenant-{number}": new_api_key() for number in range(n_tenants)}
        environment = {**os.environ, **_AT_ONCE, **(settings or {}), **_tenants(scratch, keys)}
        command = [sys.executable, "-P", "-m", "epitaxy.cli", "serve", "--port", "0", "--home", str(home)]
        log = scratch / "stderr"
        with (
            log.open("wb") as stderr,
            subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment, cwd=folder
            ) as process,
        ):
            try:
                line = process.stdout.readline() if process.stdout else ""
                if not line.startswith("ready "):
                    raise RuntimeError(f"the stack did not start: {log.read_text()[-2000:]}")
                await_quiet(process.pid, _SETTLE_SECONDS)
                yield LocalStack(line.split()[1], home, process.pid, keys)
            finally:
                _stop(process)


def _tenants(scratch: Path, keys: Mapping[str, str]) -> dict[str, str]:
    if not keys:
        return {}
    file = scratch / "tenants.json"
    file.write_text(json.dumps({name: {"key_hashes": [str(KeyHash.of(key))]} for name, key in keys.items()}))
    file.chmod(0o600)
    return {"EPITAXY_GATEWAY_TENANTS_FILE": str(file)}


def _stop(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        # Its children watch for its end and follow.
        process.kill()
