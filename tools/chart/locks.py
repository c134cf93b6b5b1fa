"""Locked dependencies of our images, each package by version and hashes: ``python -m tools.chart.locks`` (`make lock`).

torch is left out: its wheel is CPU's or CUDA's, from an index of its own, and the Dockerfiles pin its version.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.chart.sbom import ROOT, extras_of_images

LOCKS = ROOT / "services" / "docker" / "locks"
_PLATFORM = "x86_64-manylinux_2_28"


def compile_lock(image: str, extras: Sequence[str], out: Path) -> None:
    """Writes what an image installs; versions that an earlier lock has are kept unless it is removed first."""
    command = [str(Path(sys.executable).with_name("uv")), "pip", "compile", "pyproject.toml", "--quiet", "--no-header"]
    command += ["--config-file", str(LOCKS / "uv.toml"), "--generate-hashes", "--no-annotate"]
    command += ["--python-version", "3.11", "--python-platform", _PLATFORM, "--no-emit-package", "torch"]
    command += [argument for extra in extras for argument in ("--extra", extra)]
    subprocess.run([*command, "-o", str(out / f"{image}.txt")], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def main(arguments: Sequence[str]) -> int:
    """Locks every image."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=LOCKS)
    chosen = parser.parse_args(arguments)
    chosen.out.mkdir(parents=True, exist_ok=True)
    for image, extras in extras_of_images().items():
        compile_lock(image, extras, chosen.out)
        print(chosen.out / f"{image}.txt")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
