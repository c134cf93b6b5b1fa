"""What a figure was measured on: goes with every result."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from epitaxy.chassis.cores import usable_cores

_PACKAGES = (
    "torch",
    "numpy",
    "numba",
    "ray",
    "grpcio",
    "gemmi",
    "pymatgen-core",
    "pymatgen",
    "torch-geometric",
    "chgnet",
    "matgl",
)


def machine_record() -> dict[str, Any]:
    """Machine, versions, commit, time and the load that others put on it."""
    return {
        "machine": f"{_processor()}, {usable_cores()} cores",
        "versions": {"python": platform.python_version()} | _versions(),
        "commit": commit(),
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "load_before": round(os.getloadavg()[0], 2),
    }


def commit() -> str:
    """Short name of the commit, with ``-dirty`` where the tree differs from it."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
