"""Asks probes as a kubelet does, from the node: reads a list of them from standard input, prints those that fail."""

import json
import socket
import sys
import time
import urllib.request
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc


def fault(address: str, probe: dict[str, Any]) -> str:
    """Why a probe fails; empty if it does not."""
    try:
        if "tcpSocket" in probe:
            socket.create_connection((address, probe["tcpSocket"]["port"]), 2).close()
        elif "httpGet" in probe:
            asked = probe["httpGet"]
            urllib.request.urlopen(f"http://{address}:{asked['port']}{asked['path']}", timeout=5).close()
        else:
            return _health(address, probe["grpc"])
    except (OSError, grpc.RpcError) as error:
        return str(error)
    return ""


def _health(address: str, asked: dict[str, Any]) -> str:
    with grpc.insecure_channel(f"{address}:{asked['port']}") as channel:
        request = health_pb2.HealthCheckRequest(service=asked.get("service", ""))
        answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=3)
    status = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    return "" if status == "SERVING" else status


def main(patience: float) -> None:
    pending = json.loads(sys.stdin.read())
    limit = time.monotonic() + patience
    faults: dict[str, str] = {}
    while True:
        faults = {name: fault(address, probe) for name, (address, probe) in pending.items()}
        pending = {name: pending[name] for name, text in faults.items() if text}
        if not pending or time.monotonic() > limit:
            break
        time.sleep(0.25)
    sys.stdout.write(json.dumps({name: text for name, text in faults.items() if text}))


if __name__ == "__main__":
    main(float(sys.argv[1]))
