"""What callers without a key cost a gateway: ``python -m loadtest.keyless [--seconds 30] [--write-docs]``.

64 callers at once send bodies of 15 MB to a gateway of its own, again and again, without a key. All have to be refused
as UNAUTHENTICATED, and the gateway may grow by less than 64 MiB. Ends with 1 if either fails.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.wrappers_pb2 import BytesValue

from epitaxy.chassis.api_keys import KeyHash, new_api_key
from epitaxy.stack.ports import free_ports
from loadtest.bench.report import replaced
from loadtest.machine import machine_record
from loadtest.processes import resident_mib_of

_METHOD = "/epitaxy.prediction.v1.PredictionService/Predict"
_BODY_BYTES = 15 * 10**6
_MOST_GROWTH_MIB = 64.0
_LOOK_SECONDS = 0.02
_OPTIONS = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]


def main() -> int:
    options = _arguments()
    report: dict[str, Any] = {"record": machine_record(), "callers": options.callers, "seconds": options.seconds}
    with _gateway() as (pid, address):
        report |= asyncio.run(_flooded(pid, address, options.callers, options.seconds))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "keyless.json").write_text(json.dumps(report, indent=1) + "\n")
    if options.write_docs:
        page = Path(__file__).parents[1] / "docs/performance.md"
        page.write_text(replaced(page.read_text(), "keyless", markdown(report)))
    sys.stdout.write(markdown(report))
    return 0 if is_kept(report) else 1


def is_kept(report: Mapping[str, Any]) -> bool:
    """Whether every call was refused for want of a key, and memory stayed."""
    refused = set(report["codes"]) <= {"UNAUTHENTICATED", "UNAVAILABLE"} and "UNAUTHENTICATED" in report["codes"]
    return refused and bool(report["peak_mib"] - report["before_mib"] < _MOST_GROWTH_MIB)


def markdown(report: Mapping[str, Any]) -> str:
    """The figures in two sentences."""
    record, grown = report["record"], report["peak_mib"] - report["before_mib"]
    codes = ", ".join(f"{number:,} {code}" for code, number in sorted(report["codes"].items()))
    return (
        f"{report['callers']} callers without a key, bodies of {_BODY_BYTES // 10**6} MB, {report['seconds']:.0f} s: "
        f"{codes}. The gateway held {report['before_mib']:.0f} MiB before and {report['peak_mib']:.0f} MiB at most: "
        f"{grown:.0f} MiB more, {_MOST_GROWTH_MIB:.0f} are allowed "
        f"({'kept' if is_kept(report) else '**missed**'}; commit {record['commit']}, {record['machine']}).\n"
    )


async def _flooded(pid: int, address: str, n_callers: int, seconds: float) -> dict[str, Any]:
    codes: Counter[str] = Counter()
    body = BytesValue(value=bytes(_BODY_BYTES)).SerializeToString()
    before = peak = resident_mib_of(pid)
    async with AsyncExitStack() as opened:
        channels = [
            await opened.enter_async_context(grpc.aio.insecure_channel(address, options=_OPTIONS))
            for _ in range(n_callers)
        ]
        flood = asyncio.gather(*(_called(channel, body, time.monotonic() + seconds, codes) for channel in channels))
        while not flood.done():
            peak = max(peak, resident_mib_of(pid))
            await asyncio.sleep(_LOOK_SECONDS)
        await flood
    return {"codes": dict(codes), "before_mib": before, "peak_mib": peak}


async def _called(channel: grpc.aio.Channel, body: bytes, end: float, codes: Counter[str]) -> None:
    while time.monotonic() < end:
        try:
            await channel.unary_unary(_METHOD)(body, timeout=20)
            codes["OK"] += 1
        except grpc.aio.AioRpcError as error:
            codes[error.code().name] += 1


@contextmanager
def _gateway() -> Iterator[tuple[int, str]]:
    """Process id and address of a gateway with one tenant, whom nobody here is; nothing is behind it."""
    with tempfile.TemporaryDirectory(prefix="epitaxy-keyless-") as folder:
        tenants = Path(folder) / "tenants.json"
        tenants.write_text(json.dumps({"acme": {"key_hashes": [str(KeyHash.of(new_api_key()))]}}))
        tenants.chmod(0o600)
        [upstream] = free_ports(1)
        environment = os.environ | {
            "EPITAXY_GATEWAY_PORT": "0",
            "EPITAXY_GATEWAY_METRICS_PORT": "0",
            "EPITAXY_GATEWAY_UPSTREAM": f"127.0.0.1:{upstream}",
            "EPITAXY_GATEWAY_TENANTS_FILE": str(tenants),
        }
        log = Path(folder) / "log"
        with log.open("wb") as stderr:
            command = [sys.executable, "-m", "epitaxy.gateway"]
            process = subprocess.Popen(command, env=environment, stderr=stderr)
        try:
            yield process.pid, _address(log, process)
        finally:
            process.terminate()
            process.wait(20)


def _address(log: Path, process: "subprocess.Popen[bytes]") -> str:
    """Where it listens, once it does."""
    while process.poll() is None:
        for line in log.read_text().splitlines():
            if '"listening"' in line and line.endswith("}"):
                return str(json.loads(line)["address"])
        time.sleep(0.1)
    raise RuntimeError(f"the gateway did not start: {log.read_text()[-2000:]}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="loadtest.keyless", description=__doc__)
    parser.add_argument("--callers", type=int, default=64, help="callers at once (default: 64)")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long they send (default: 30)")
    parser.add_argument("--out", type=Path, default=Path("scratch/keyless"), help="folder of the report")
    parser.add_argument("--write-docs", action="store_true", help="the figures into docs/performance.md")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
