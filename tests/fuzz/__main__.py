"""``python -m fuzz`` (`make fuzz`): every parser for longer than a test may take.

Coverage leads the way if atheris is installed, which ``make fuzz`` does where there is a wheel; otherwise valid inputs
are changed at random. What fails is written into the corpus, so that the next test run shows it.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import time
import warnings
from importlib.util import find_spec
from pathlib import Path

from fuzz.mutation import mutations
from fuzz.targets import TARGETS, Target

CORPUS = Path(__file__).parent / "corpus"
_BATCH = 200


def main() -> int:
    """Returns 1 if an input was found that a parser fails on."""
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("--seconds", type=float, default=30.0, help="for each target (%(default)g)")
    parser.add_argument("--only", choices=sorted(TARGETS), action="append", help="target (default: all); repeatable")
    parser.add_argument("--guided", choices=sorted(TARGETS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.guided:
        _guided(arguments.guided, arguments.seconds)
    return 1 if [name for name in arguments.only or TARGETS if not _try(name, arguments.seconds)] else 0


def _try(name: str, seconds: float) -> bool:
    if find_spec("atheris") is None:
        return _at_random(name, TARGETS[name], seconds)
    # libFuzzer ends its process when it is done.
    run = [sys.executable, "-m", "fuzz", "--guided", name, "--seconds", str(seconds)]
    with subprocess.Popen(run, stderr=subprocess.PIPE, text=True, errors="replace") as process:
        lines = (process.stderr.read() if process.stderr else "").splitlines()
    done = [line for line in lines if line.startswith("Done ") or "Uncaught Python exception" in line]
    print(f"{name:<28} {'ok' if process.returncode == 0 else 'FAILED'}  {done[-1] if done else ''}", flush=True)  # noqa: T201
    if process.returncode != 0:
        print("\n".join(lines[-25:]))  # noqa: T201
    return process.returncode == 0


def _guided(name: str, seconds: float) -> None:
    import atheris  # an extra

    warnings.simplefilter("ignore")
    target = TARGETS[name]
    folder = CORPUS / name
    folder.mkdir(exist_ok=True)
    seeds = CORPUS.parent / ".seeds" / name
    seeds.mkdir(parents=True, exist_ok=True)
    for content in target.seeds:
        (seeds / hashlib.sha1(content, usedforsecurity=False).hexdigest()).write_bytes(content)
    options = [f"-max_total_time={seconds:.0f}", "-timeout=20", "-rss_limit_mb=4096", f"-artifact_prefix={folder}/"]
    atheris.instrument_all()
    atheris.Setup([sys.argv[0], *options, str(seeds)], lambda content: target(content) and None)
    atheris.Fuzz()


def _at_random(name: str, target: Target, seconds: float) -> bool:
    warnings.simplefilter("ignore")
    limit, n_tries = time.monotonic() + seconds, 0
    kept = [path.read_bytes() for path in (CORPUS / name).glob("*")]
    while time.monotonic() < limit:
        for content in mutations([b"", *target.seeds, *kept], _BATCH, int.from_bytes(os.urandom(4))):
            n_tries += 1
            try:
                target(content)
            except Exception as error:
                (CORPUS / name).mkdir(exist_ok=True)
                path = CORPUS / name / f"found-{hashlib.sha1(content, usedforsecurity=False).hexdigest()[:12]}"
                path.write_bytes(content)
                print(f"{name:<28} FAILED after {n_tries}: {error!r:.200} (kept as {path})", flush=True)  # noqa: T201
                return False
            if time.monotonic() > limit:
                break
    print(f"{name:<28} ok  {n_tries} inputs", flush=True)  # noqa: T201
    return True


if __name__ == "__main__":
    sys.exit(main())
